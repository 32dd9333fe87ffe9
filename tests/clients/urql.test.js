import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";

import { Client, fetchExchange, gql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import {
  TypeInfo,
  buildSchema,
  getNamedType,
  isObjectType,
  visit,
  visitWithTypeInfo,
} from "graphql";

import { SET_TASKS, saveEdit, undo } from "./recipes/editing.js";
import { optimistic, updatesOf } from "./recipes/urql-lists.js";
import { createClient } from "./setup/urql.js";
import {
  BULK_UPDATE,
  DUE_TODAY,
  GRAPHQL_URL,
  countTasks,
  createTasks,
  dueInOneZone,
  newUser,
  recordingFetch,
  testRetries,
  until,
} from "./support.js";
import { FOLDER } from "./tools.js";

const TASKS = gql`
  query Tasks($first: Int = 50, $after: String) {
    tasks(first: $first, after: $after) {
      edges { cursor node { id title priority revision } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const CREATE = gql`
  mutation Create($input: CreateTaskInput!) {
    createTask(input: $input) { revision task { id title priority revision } }
  }
`;
const UPDATE = gql`
  mutation Update($id: ID!, $input: UpdateTaskInput!) {
    updateTask(id: $id, input: $input) { revision task { id title revision } }
  }
`;
const titles = (data) => data.tasks.edges.map(({ node }) => node.title);

function connect(user, { url = GRAPHQL_URL, fetch = recordingFetch(), ...options } = {}) {
  return createClient({ url, fetch, ...user, ...options });
}

/** A client without options of its own: urql then sends queries by GET. */
function connectWith(user, url, fetch, ...exchanges) {
  const fetchOptions = { headers: { authorization: `Bearer ${user.token}` } };
  return new Client({ url, fetch, fetchOptions, exchanges: [...exchanges, fetchExchange] });
}

async function dataOf(result) {
  const { data, error } = await result;
  if (error) throw error;
  return data;
}

test("a list is read, and again from the cache, without a warning", async () => {
  const warn = mock.method(console, "warn");
  const user = newUser();
  await createTasks(user, "Buy milk", "Buy bread");
  const fetch = recordingFetch();
  const client = connect(user, { fetch });
  const HOME = gql`
    {
      me { id storage { tasks } overview { open tags { tag } } tags { tag } tasks(first: 9) { nodes { id } } }
      rateLimit { limit }
    }
  `;
  for (const _ of [1, 2]) {
    assert.deepEqual(titles(await dataOf(client.query(TASKS, {}))).sort(), [
      "Buy bread",
      "Buy milk",
    ]);
    assert.equal((await dataOf(client.query(HOME, {}))).me.overview.open, 2);
  }
  assert.equal(fetch.calls.length, 2);
  assert(fetch.calls.every(({ method }) => method === "POST"));
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments),
    [],
  );
});

test("an optimistic create is in the list at once, and is repeated safely", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  const cache = { optimistic, updates: updatesOf(TASKS, { first: 50 }) };
  let answered = Promise.resolve();
  const client = connect(user, { cache, fetch: recordingFetch(() => answered) });
  const seen = [];
  const { unsubscribe } = client.query(TASKS, {}).subscribe(({ data }) => seen.push(titles(data)));
  await until(() => seen.length);

  const variables = { input: { id: randomUUID(), title: "Buy bread" } };
  let answer;
  answered = new Promise((resolve) => (answer = resolve));
  const created = client.mutation(CREATE, variables).toPromise();
  await until(() => seen.at(-1).length === 2);
  answer();
  const first = (await dataOf(created)).createTask;
  const second = (await dataOf(client.mutation(CREATE, variables))).createTask;
  unsubscribe();

  assert.deepEqual(second, first);
  assert.deepEqual(seen.at(-1), ["Buy bread", "Buy milk"]);
  assert.equal(await countTasks(user), 2);
});

test("relayPagination joins the pages", async () => {
  const user = newUser();
  const created = await createTasks(user, ..."abcde");
  const client = connect(user);
  let list = { pageInfo: { hasNextPage: true, endCursor: null } };
  const lengths = [];
  while (list.pageInfo.hasNextPage) {
    const variables = { first: 2, after: list.pageInfo.endCursor };
    list = (await dataOf(client.query(TASKS, variables))).tasks;
    lengths.push(list.edges.length);
  }
  assert.deepEqual(lengths, [2, 4, 5]);
  assert.deepEqual(
    list.edges.map(({ node }) => node.id).sort(),
    created.map(({ id }) => id).sort(),
  );
});

test("a task of the list is found in the cache", async () => {
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk");
  const fetch = recordingFetch();
  const client = connect(user, { fetch });
  await dataOf(client.query(TASKS, {}));
  const { task } = await dataOf(
    client.query(gql`query ($id: ID!) { task(id: $id) { id title } }`, { id }),
  );
  assert.equal(task.title, "Buy milk");
  assert.equal(fetch.calls.length, 1);
});

test("a conflict names its kind and brings the current task", async () => {
  const user = newUser();
  const [{ id, revision }] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const update = (title) =>
    client.mutation(UPDATE, { id, input: { title, expectedRevision: revision } }).toPromise();
  await dataOf(update("Buy oat milk"));
  const { error } = await update("Buy soy milk");
  const { code, reason, task } = error.graphQLErrors[0].extensions;
  assert.deepEqual({ code, reason }, { code: "CONFLICT", reason: "STALE" });
  assert.equal(task.title, "Buy oat milk");
});

for (const kind of ["a promise", "a string"]) {
  test(`an expired token is refreshed, also as ${kind} of getToken`, async () => {
    const user = newUser({ expired: true });
    if (kind === "a string") user.getToken = () => user.token;
    const fetch = recordingFetch();
    assert.deepEqual(titles(await dataOf(connect(user, { fetch }).query(TASKS, {}))), []);
    assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 200], 1]);
  });
}

test("every type without an id of its own is cached without a warning", async () => {
  const warn = mock.method(console, "warn");
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const READ = gql`
    {
      me { id storage { tasks } overview { tags { tag } } tags { tag } }
      tasks(first: 1) { edges { cursor node { id } } pageInfo { endCursor } }
      taskChanges { cursor changes { id revision task { id title } } }
      rateLimit { limit }
      errorCodes { code }
    }
  `;
  const schema = buildSchema(await readFile(`${FOLDER}/../../schema.graphql`, "utf8"));
  const types = new TypeInfo(schema);
  const covered = new Set();
  const enterField = () => void covered.add(getNamedType(types.getType()).name);
  const PUSH = gql`
    mutation ($rows: [PushTaskInput!]!) {
      pushTasks(rows: $rows) { rejected { id code task { id title } } }
    }
  `;
  for (const document of [READ, gql(BULK_UPDATE), PUSH])
    visit(document, visitWithTypeInfo(types, { Field: enterField }));
  const isRoot = (name) => /^__|^(Query|Mutation|Subscription)$|Payload$/.test(name);
  const missing = Object.values(schema.getTypeMap()).filter(
    (type) => isObjectType(type) && !isRoot(type.name) && !covered.has(type.name),
  );
  assert.deepEqual(missing, []);

  await dataOf(client.query(READ, {}));
  const { updateTasks } = await dataOf(client.mutation(gql(BULK_UPDATE), { ids: [id] }));
  assert.equal(updateTasks.previous[0].title, "Buy milk");
  const rows = [{ assumed: { id }, task: { id, title: "x".repeat(5000) } }];
  const { pushTasks } = await dataOf(client.mutation(PUSH, { rows }));
  assert.equal(pushTasks.rejected[0].task.title, "Buy milk");
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments),
    [],
  );
  warn.mock.restore();
});

test("lists of two time zones are two lists", async () => {
  const user = newUser();
  const { zone, otherZone } = await dueInOneZone(user);
  const client = connect(user);
  const read = async (timeZone) => titles(await dataOf(client.query(gql(DUE_TODAY), { timeZone })));
  assert.deepEqual(await read(zone), ["Call home"]);
  assert.deepEqual(await read(otherZone), []);
  assert.deepEqual(await read(zone), ["Call home"]);
});

test("relayPagination returns no data for a list without arguments, and no error", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  const { data, error } = await connect(user).query(gql`{ tasks { nodes { id } } }`, {});
  assert.deepEqual({ data, error }, { data: null, error: undefined });
});

const removals = {
  deleteTask: gql`mutation ($id: ID!) { deleteTask(id: $id) { task { id } } }`,
  completeTask: gql`mutation ($id: ID!) { completeTask(id: $id) { task { id completed } } }`,
};
for (const [name, mutation] of Object.entries(removals)) {
  test(`${name} lets the client request the lists again that are shown`, async () => {
    const user = newUser();
    const [{ id }] = await createTasks(user, "Buy milk", "Buy bread");
    const client = connect(user, { cache: { updates: updatesOf(TASKS, { first: 50 }) } });
    const OPEN = gql`
      query Open($first: Int = 9) {
        tasks(first: $first, filter: { completed: false }) { edges { cursor node { id title } } }
      }
    `;
    const seen = [];
    const shown = client.query(OPEN, {}).subscribe(({ data }) => data && seen.push(titles(data)));
    await until(() => seen.length);
    await dataOf(client.mutation(mutation, { id }));
    await until(() => seen.at(-1).length === 1);
    shown.unsubscribe();
    assert.deepEqual(seen.at(-1), ["Buy bread"]);
  });
}

test("an undo sets the previous values, and leaves a later edit", async () => {
  const user = newUser();
  const [milk, bread] = await createTasks(user, "Buy milk", "Buy bread");
  const client = connect(user);
  await dataOf(client.query(TASKS, {}));
  const { updateTasks } = await dataOf(
    client.mutation(gql(BULK_UPDATE), { ids: [milk.id, bread.id] }),
  );
  const priorities = async () =>
    (await dataOf(client.query(TASKS, {}))).tasks.edges.map(({ node }) => node.priority);
  assert.deepEqual(await priorities(), ["URGENT", "URGENT"]);
  await dataOf(client.mutation(UPDATE, { id: milk.id, input: { title: "Oat milk" } }));
  const send = (variables) => dataOf(client.mutation(gql(SET_TASKS), variables));
  await undo(send, updateTasks.previous);
  assert.deepEqual(await priorities(), ["NONE", "URGENT"]);
});

test("a stale edit is saved after the choice of the user", async () => {
  const user = newUser();
  const [task] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const send = (variables) => dataOf(client.mutation(UPDATE, variables));
  await send({ id: task.id, input: { title: "Buy oat milk" } });
  const { updateTask } = await saveEdit(send, task, { title: "Soy milk" }, (input, current) => ({
    title: `${current.title} or ${input.title}`,
  }));
  assert.equal(updateTask.task.title, "Buy oat milk or Soy milk");
});

testRetries("the documented exchanges", (user, url, fetch) =>
  dataOf(connect(user, { url, fetch }).query(TASKS, { first: 100 })),
);

test("a client without options sends queries by GET, and mutations by POST", async () => {
  const user = newUser();
  const fetch = recordingFetch();
  const client = connectWith(user, GRAPHQL_URL, fetch);
  await dataOf(client.mutation(CREATE, { input: { title: "Buy milk & bread" } }));
  assert.deepEqual(titles(await dataOf(client.query(TASKS, { first: 10 }))), ["Buy milk & bread"]);
  assert.deepEqual(
    fetch.calls.map(({ method, status }) => [method, status]),
    [
      ["POST", 200],
      ["GET", 200],
    ],
  );
});

for (const preferGetForPersistedQueries of [false, "within-url-limit"]) {
  const method = preferGetForPersistedQueries ? "GET" : "POST";
  test(`a persisted query by ${method} falls back to the text, once for all`, async () => {
    const user = newUser();
    const fetch = recordingFetch();
    const persisted = persistedExchange({ preferGetForPersistedQueries });
    const client = connectWith(user, GRAPHQL_URL, fetch, persisted);
    await dataOf(client.query(TASKS, {}));
    await dataOf(client.mutation(CREATE, { input: { title: "Buy milk" } }));
    assert.deepEqual(titles(await dataOf(client.query(TASKS, {}))), ["Buy milk"]);
    const [first, ...others] = fetch.calls;
    assert.equal(first.method, method);
    assert.deepEqual(
      others.map(({ status }) => status),
      [200, 200, 200],
    );
    const sent = others.map(({ url, body }) => JSON.stringify(body ?? decodeURIComponent(url)));
    assert(
      sent.every((text) => /query=|"query":/.test(text) && !/persistedQuery/.test(text)),
      sent,
    );
  });
}
