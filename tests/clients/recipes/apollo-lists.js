// Cached lists after mutations: `client.mutate({ mutation, variables, optimisticResponse, update })`.

/** Return the `optimisticResponse` of a create. Its revision is a placeholder. */
export const optimisticCreate = (input) => ({
  createTask: {
    __typename: "CreateTaskPayload",
    revision: 0,
    task: { __typename: "Task", priority: "NONE", revision: 0, ...input },
  },
});

/** Return the `update` of a create, for the list of a query. A repeated create changes nothing. */
export const addToList = (query) => (cache, { data }) =>
  cache.updateQuery({ query }, (cached) => {
    if (!cached) return undefined; // The list is not in the cache.
    const { task } = data.createTask;
    const others = cached.tasks.edges.filter(({ node }) => node.id !== task.id);
    const edge = { __typename: "TaskEdge", cursor: "", node: task };
    return { tasks: { ...cached.tasks, edges: [edge, ...others] } };
  });

/** The `update` of a deletion: lists leave out tasks that are not in the cache. */
export function evictTask(cache, { data }) {
  cache.evict({ id: cache.identify(data.deleteTask.task) });
  cache.gc();
}

/** The `update` of a completion: remove the task from the lists of open tasks. */
export function removeFromOpenLists(cache, { data }) {
  const { id } = data.completeTask.task;
  const remove = (list, { readField }) => ({
    ...list,
    edges: list.edges.filter(({ node }) => readField("id", node) !== id),
  });
  const tasks = (list, options) =>
    options.storeFieldName.includes('"completed":false') ? remove(list, options) : list;
  cache.modify({ fields: { tasks } });
}
