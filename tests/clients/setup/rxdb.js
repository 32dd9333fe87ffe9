import { replicateGraphQL } from "rxdb/plugins/replication-graphql";
import { createFetch } from "./fetch.js";

const string = { type: "string" };
const nullable = (type) => ({ type: [type, "null"] });

export const taskSchema = {
  version: 0,
  primaryKey: "id",
  type: "object",
  properties: {
    id: { type: "string", maxLength: 36 },
    title: string,
    description: nullable("string"),
    priority: string,
    dueOn: nullable("string"),
    dueAt: nullable("string"),
    tags: { type: "array", items: string },
    completedAt: nullable("string"),
    trashed: { type: "boolean" },
  },
};

const TASK = "id title description priority dueOn dueAt tags completedAt deletedAt";
const CHANGES = `taskChanges(since: $since) { reset cursor changes { id task { ${TASK} } } }`;
const PULL = `query ($since: String) { ${CHANGES} }`;
const STREAM = `subscription ($since: String) { ${CHANGES} }`;
const PUSH = `mutation ($rows: [PushTaskInput!]!) {
  pushTasks(rows: $rows) {
    conflicts { id task { ${TASK} } }
    rejected { id code field message task { ${TASK} } }
  }
}`;

/**
 * Replicate a collection of tasks. `patch({ trashed: true })` moves a task to the trash, and
 * `remove()` deletes it permanently. After `onReset`, remove the collection and replicate a new one.
 */
export function replicateTasks({ collection, url, onRejected, onReset, socket, ...session }) {
  // The stream begins behind a pull: without a cursor it would bring all tasks, but no deletions.
  let cursor;
  let release;
  const hasCursor = new Promise((resolve) => (release = resolve));
  const responseModifier = ({ reset, changes, cursor: next }) => {
    if (reset) onReset();
    cursor = next;
    release();
    return { documents: changes.map(toDocument), checkpoint: { cursor } };
  };
  return replicateGraphQL({
    collection,
    replicationIdentifier: `tasks of ${url}`,
    url: { http: url, ws: url.replace(/^http/, "ws") },
    fetch: createFetch(session),
    retryTime: 1000,
    waitForLeadership: false,
    pull: {
      batchSize: 1, // A page is followed by another one, unless it is empty.
      queryBuilder(checkpoint) {
        cursor ??= checkpoint?.cursor;
        if (cursor) release();
        return { query: PULL, variables: { since: checkpoint?.cursor } };
      },
      // Each connection reads the variables anew, and so resumes behind the last cursor.
      streamQueryBuilder: () => ({
        query: STREAM,
        variables: Object.defineProperty({}, "since", { enumerable: true, get: () => cursor }),
      }),
      responseModifier,
      wsOptions: {
        retryAttempts: Infinity,
        shouldRetry: () => true,
        connectionParams: async () => {
          await hasCursor; // After 3 s the server closes the connection, and graphql-ws opens a new one.
          await session.refreshToken();
          return { Authorization: `Bearer ${await session.getToken()}` };
        },
        ...socket,
      },
    },
    push: {
      batchSize: 100,
      queryBuilder: (rows) => ({ query: PUSH, variables: { rows: rows.map(toRow) } }),
      // RxDB takes these documents for the state on the server.
      responseModifier({ conflicts, rejected }) {
        rejected.forEach(onRejected);
        return [...conflicts, ...rejected].map(toDocument);
      },
    },
  });
}

function toDocument({ id, task }) {
  if (task === null) return { ...EMPTY, id, _deleted: true };
  const { deletedAt, __typename, ...fields } = task;
  return { ...fields, trashed: deletedAt !== null, _deleted: false };
}

// RxDB keeps the documents of deleted tasks, and each of them has all fields.
const EMPTY = {
  title: "",
  description: null,
  priority: "NONE",
  dueOn: null,
  dueAt: null,
  tags: [],
  completedAt: null,
  trashed: false,
};

const toRow = ({ assumedMasterState, newDocumentState }) => ({
  assumed: assumedMasterState ? toState(assumedMasterState) : null,
  task: toState(newDocumentState),
});

const toState = ({ _deleted, ...fields }) => ({ ...fields, purged: _deleted });

/** A new task, as it is inserted into the collection. */
export const newTask = (fields) => ({ ...EMPTY, id: crypto.randomUUID(), ...fields });
