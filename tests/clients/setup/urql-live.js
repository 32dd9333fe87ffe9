import { subscriptionExchange } from "@urql/core";

/** Send subscriptions by a client of `createLiveClient`. */
export const liveExchange = (live) =>
  subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({ unsubscribe: live.subscribe(request, sink) }),
    }),
  });

/**
 * Updates for `cacheExchange`. The cache updates the tasks that it knows by itself. Lists are read
 * anew, because the server decides which tasks are in them.
 */
export const updates = {
  Subscription: {
    taskChanges({ taskChanges: { reset, changes } }, args, cache) {
      for (const { id, task } of changes) {
        if (task === null) cache.invalidate({ __typename: "Task", id });
      }
      if (reset) cache.invalidate("Query");
      if (changes.length === 0) return;
      for (const { fieldName, fieldKey } of cache.inspectFields("Query")) {
        if (fieldName === "tasks") cache.invalidate("Query", fieldKey);
      }
    },
  },
};
