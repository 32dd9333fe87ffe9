import { CHANGES, applyChanges } from "./changes.js";
import { createFetch } from "./fetch.js";

const QUERY = `query ($since: String) { taskChanges(since: $since) ${CHANGES} }`;

/** Return a function that reads all changes since its last call into a Map of tasks. */
export function createPolling({ url, tasks, cursor, ...session }) {
  const fetchWithToken = createFetch(session);
  return async function poll() {
    for (let hasMore = true; hasMore;) {
      const response = await fetchWithToken(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: QUERY, variables: { since: cursor } }),
      });
      const { data, errors } = await response.json();
      if (errors) throw new Error(errors[0].message);
      applyChanges(tasks, data.taskChanges);
      ({ cursor, hasMore } = data.taskChanges);
    }
    return cursor; // Store it with the tasks, in one transaction.
  };
}
