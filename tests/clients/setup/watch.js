import { CHANGES, applyChanges } from "./changes.js";

const SUBSCRIPTION = `subscription ($since: String) { taskChanges(since: $since) ${CHANGES} }`;

/** Keep a Map of tasks equal to the server's. `store` saves it with the cursor of the event. */
export function watchTasks(client, { tasks, since, store, report }) {
  const sink = {
    next({ data, errors }) {
      if (errors) return report(errors);
      applyChanges(tasks, data.taskChanges);
      store(tasks, data.taskChanges);
    },
    error: report,
    complete: () => report(new Error("The subscription has ended.")),
  };
  return client.subscribe({ query: SUBSCRIPTION, variables: { since } }, sink);
}
