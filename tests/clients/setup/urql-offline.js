import { filter, makeSubject, merge, onPush, pipe } from "wonka";

/**
 * Send mutations one after the other, as the `offlineExchange` releases all of them at once. So an
 * update cannot come before the create of its task, nor a move before the create of its neighbour.
 */
export const orderMutations =
  ({ forward }) =>
  (operations) => {
    const { source: released, next: release } = makeSubject();
    const queue = []; // The first mutation is on its way.
    const finish = (key) => {
      const place = queue.findIndex((operation) => operation.key === key);
      if (place < 0) return;
      queue.splice(place, 1);
      if (place === 0 && queue.length > 0) release(queue[0]);
    };
    const admit = (operation) => {
      if (operation.kind === "teardown") finish(operation.key);
      return operation.kind !== "mutation" || queue.push(operation) === 1;
    };
    return pipe(
      merge([pipe(operations, filter(admit)), released]),
      forward,
      onPush(({ operation }) => operation.kind === "mutation" && finish(operation.key)),
    );
  };

/**
 * The values that a mutation has at once, also offline: only optimistic mutations are queued. Add the
 * other fields that your documents select.
 */
const unchanged = (id, cache, names) =>
  Object.fromEntries(names.map((name) => [name, cache.resolve({ __typename: "Task", id }, name)]));
const FIELDS = ["title", "completed", "priority"];

export const optimistic = {
  createTask: ({ input }) => ({
    __typename: "CreateTaskPayload",
    revision: 0,
    task: { __typename: "Task", completed: false, priority: "NONE", revision: 0, ...input },
  }),
  updateTask: ({ id, input }, cache) => ({
    __typename: "UpdateTaskPayload",
    revision: 0,
    task: { __typename: "Task", id, revision: 0, ...unchanged(id, cache, FIELDS), ...input },
  }),
};
