// Cached lists after mutations: `createClient({ …, cache: { optimistic, updates: updatesOf(query) } })`.

/** The optimistic result of a create. Its revision is a placeholder. */
export const optimistic = {
  createTask: ({ input }) => ({
    __typename: "CreateTaskPayload",
    revision: 0,
    task: { __typename: "Task", priority: "NONE", revision: 0, ...input },
  }),
};

/** Return the updates of the cache. A create adds its task to the list of this query. */
export const updatesOf = (query, variables) => ({
  Mutation: {
    createTask: ({ createTask: { task } }, args, cache) =>
      cache.updateQuery({ query, variables }, (data) => {
        if (!data) return null; // The list is not in the cache.
        const others = data.tasks.edges.filter(({ node }) => node.id !== task.id);
        return { ...data, tasks: { ...data.tasks, edges: [newEdge(task), ...others] } };
      }),
    completeTask: reloadLists,
    deleteTask: reloadLists,
  },
});

const newEdge = (node) => ({ __typename: "TaskEdge", cursor: "", node });

/** Let the client request the lists and the counts that are shown again. */
function reloadLists(result, args, cache) {
  for (const { fieldName, fieldKey } of cache.inspectFields("Query")) {
    if (["tasks", "overview"].includes(fieldName)) cache.invalidate("Query", fieldKey);
  }
}
