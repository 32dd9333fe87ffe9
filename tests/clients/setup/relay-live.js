import { requestSubscription } from "relay-runtime";

/** Apply the events of a subscription to `taskChanges`, and call `onChanges` after each of them. */
export const subscribeToTasks = (environment, subscription, { since, onChanges = () => {} }) =>
  requestSubscription(environment, {
    subscription,
    variables: { since },
    // The store updates tasks by itself, except for those that were deleted permanently.
    updater(store, { taskChanges: { changes } }) {
      for (const { id, task } of changes) if (task === null) store.delete(id);
    },
    onNext: ({ taskChanges }) => onChanges(taskChanges),
  });
