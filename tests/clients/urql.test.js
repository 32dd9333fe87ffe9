import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mock, test } from "node:test";

import { Client, fetchExchange, gql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";

import { createClient } from "./setup/urql.js";
import {
  GRAPHQL_URL,
  countTasks,
  createTasks,
  newUser,
  recordingFetch,
  testRetries,
  until,
} from "./support.js";

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
  return createClient({ url, fetch, preferGetMethod: false, ...user, ...options });
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
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments),
    [],
  );
});

test("an optimistic create is in the list at once, and is repeated safely", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  const addToList = ({ createTask: { task } }, args, cache) =>
    cache.updateQuery({ query: TASKS, variables: { first: 50 } }, (data) => {
      const others = data.tasks.edges.filter(({ node }) => node.id !== task.id);
      data.tasks.edges = [{ __typename: "TaskEdge", cursor: "", node: task }, ...others];
      return data;
    });
  const optimisticTask = ({ input }) => ({
    __typename: "CreateTaskPayload",
    revision: 0,
    task: { __typename: "Task", priority: "NONE", revision: 0, ...input },
  });
  const cache = {
    updates: { Mutation: { createTask: addToList } },
    optimistic: { createTask: optimisticTask },
  };
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

test("an expired token is refreshed, and the operation repeated", async () => {
  const user = newUser({ expired: true });
  const fetch = recordingFetch();
  assert.deepEqual(titles(await dataOf(connect(user, { fetch }).query(TASKS, {}))), []);
  assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 200], 1]);
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
