/** The changes that a client applies. Select further fields of the task as you need them. */
export const CHANGES = `{
  reset
  hasMore
  cursor
  changes { id revision task { __typename id title completed deletedAt position revision } }
}`;

/**
 * Apply a page or an event to a Map of tasks by id. An event can repeat changes, also older ones:
 * they are followed by the newer ones.
 */
export function applyChanges(tasks, { reset, changes }) {
  if (reset) tasks.clear();
  for (const { id, task } of changes) {
    if (task === null) tasks.delete(id);
    else tasks.set(id, task);
  }
}

/** The manual order. Positions are compared byte by byte, not by `localeCompare`. */
export const comparePositions = (a, b) => (a.position < b.position ? -1 : 1);
