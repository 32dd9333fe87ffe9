// A conflict dialog and an undo for each client. `send` executes the mutation with the variables.

/** Save an edit of a task. In a conflict, `choose` returns the input for the current task, or null. */
export async function saveEdit(send, task, input, choose) {
  try {
    return await send({ id: task.id, input: { ...input, expectedRevision: task.revision } });
  } catch (error) {
    const { reason, task: current } = extensionsOf(error);
    if (reason !== "STALE") throw error;
    const chosen = await choose(input, current);
    return chosen && saveEdit(send, current, chosen, choose);
  }
}

export const SET_TASKS = `
  mutation SetTasks($input: [TaskValuesInput!]!) {
    setTasks(input: $input) { revision tasks { id title priority dueOn revision } }
  }
`;

/** Undo a mutation by `setTasks` with its `previous`, except for tasks that were edited since. */
export async function undo(send, previous) {
  try {
    return await send({ input: previous });
  } catch (error) {
    const { reason, stale = [] } = extensionsOf(error);
    const others = previous.filter(({ id }) => !stale.includes(id));
    if (reason !== "STALE" || others.length === 0) throw error;
    return undo(send, others);
  }
}

/** Return the extensions of the first error of Apollo Client, urql or graphql-request. */
const extensionsOf = (error) =>
  (error.errors ?? error.graphQLErrors ?? error.response?.errors)?.[0]?.extensions ?? {};
