import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { afterEach, mock, test } from "node:test";

import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  gql,
} from "@apollo/client";
import { createPersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { RetryLink } from "@apollo/client/link/retry";

import {
  addToList,
  evictTask,
  optimisticCreate,
  removeFromOpenLists,
} from "./recipes/apollo-lists.js";
import { SET_TASKS, saveEdit, undo } from "./recipes/editing.js";
import { createClient } from "./setup/apollo.js";
import {
  BULK_UPDATE,
  DUE_TODAY,
  GRAPHQL_URL,
  ask,
  countTasks,
  createTasks,
  dueInOneZone,
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
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const titles = (data) => data.tasks.edges.map(({ node }) => node.title);

const clients = [];
afterEach(() => clients.splice(0).forEach((client) => client.stop()));

function connect(user, { url = GRAPHQL_URL, fetch = recordingFetch(), ...http } = {}) {
  const client = createClient({ url, fetch, ...user, ...http });
  clients.push(client);
  return client;
}

/** A client whose links are those of the package, without any option of their own. */
function connectWith(user, url, fetch, ...links) {
  const headers = { authorization: `Bearer ${user.token}` };
  const link = ApolloLink.from([...links, new HttpLink({ uri: url, fetch, headers })]);
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  clients.push(client);
  return client;
}

test("a list is read, and again from the cache", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk", "Buy bread");
  const fetch = recordingFetch();
  const client = connect(user, { fetch });
  for (const _ of [1, 2]) {
    const { data } = await client.query({ query: TASKS });
    assert.deepEqual(titles(data).sort(), ["Buy bread", "Buy milk"]);
  }
  assert.equal(fetch.calls.length, 1);
});

test("a home screen is cached without a warning", async () => {
  const warn = mock.method(console, "warn");
  const user = newUser();
  await createTasks(user, "Buy milk");
  const fetch = recordingFetch();
  const client = connect(user, { fetch });
  const documents = [
    gql`{ me { id storage { tasks } overview { open } tasks(first: 9) { nodes { id } } } rateLimit { limit } }`,
    gql`{ me { id storage { bytes } overview { overdue } tasks(first: 9) { nodes { id title } } } rateLimit { cost } }`,
  ];
  for (const query of [...documents, documents[0]]) {
    const { data } = await client.query({ query });
    assert.equal(data.me.tasks.nodes.length, 1);
  }
  assert.equal(fetch.calls.length, 2);
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments),
    [],
  );
  warn.mock.restore();
});

test("a task of the list is found in the cache, also as a node", async () => {
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk");
  const fetch = recordingFetch();
  const client = connect(user, { fetch });
  await client.query({ query: TASKS });
  const query = gql`query ($id: ID!) { task(id: $id) { title } node(id: $id) { ... on Task { title } } }`;
  const { data } = await client.query({ query, variables: { id } });
  assert.deepEqual([data.task.title, data.node.title], ["Buy milk", "Buy milk"]);
  assert.equal(fetch.calls.length, 1);
});

test("a missing task is null", async () => {
  const query = gql`query ($id: ID!) { task(id: $id) { title } }`;
  const { data } = await connect(newUser()).query({ query, variables: { id: randomUUID() } });
  assert.equal(data.task, null);
});

test("an optimistic create is in the list at once, and is repeated safely", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  let answered = Promise.resolve();
  const client = connect(user, { fetch: recordingFetch(() => answered) });
  const seen = [];
  const watched = client.watchQuery({ query: TASKS });
  const subscription = watched.subscribe(({ data, loading }) => loading || seen.push(titles(data)));
  await until(() => seen.length);

  const input = { id: randomUUID(), title: "Buy bread" };
  const create = () =>
    client.mutate({
      mutation: CREATE,
      variables: { input },
      optimisticResponse: optimisticCreate(input),
      update: addToList(TASKS),
    });
  let answer;
  answered = new Promise((resolve) => (answer = resolve));
  const created = create();
  await until(() => seen.at(-1).length === 2);
  answer();
  const first = (await created).data.createTask;
  const second = (await create()).data.createTask;
  subscription.unsubscribe();

  assert.deepEqual(second, first);
  assert.deepEqual(titles(client.readQuery({ query: TASKS })), ["Buy bread", "Buy milk"]);
  assert.deepEqual(seen.at(-1), ["Buy bread", "Buy milk"]);
  assert.equal(await countTasks(user), 2);
});

test("fetchMore appends the next pages", async () => {
  const user = newUser();
  const created = await createTasks(user, ..."abcde");
  const watched = connect(user).watchQuery({ query: TASKS, variables: { first: 2 } });
  const lists = [];
  const subscription = watched.subscribe(({ data, loading }) => loading || lists.push(data.tasks));
  await until(() => lists.length === 1);
  while (lists.at(-1).pageInfo.hasNextPage && lists.length < 5) {
    const shown = lists.length;
    await watched.fetchMore({ variables: { after: lists.at(-1).pageInfo.endCursor } });
    await until(() => lists.length > shown);
  }
  subscription.unsubscribe();
  assert.deepEqual(
    lists.map(({ edges }) => edges.length),
    [2, 4, 5],
  );
  const ids = lists.at(-1).edges.map(({ node }) => node.id);
  assert.deepEqual(ids.sort(), created.map(({ id }) => id).sort());
});

test("lists of two time zones are two lists", async () => {
  const user = newUser();
  const { zone, otherZone } = await dueInOneZone(user);
  const client = connect(user);
  const read = async (timeZone) =>
    titles((await client.query({ query: gql(DUE_TODAY), variables: { timeZone } })).data);
  assert.deepEqual(await read(zone), ["Call home"]);
  assert.deepEqual(await read(otherZone), []);
  assert.deepEqual(await read(zone), ["Call home"]);
});

const OPEN = gql`
  query Open {
    tasks(first: 9, filter: { completed: false }) { edges { cursor node { id title } } pageInfo { endCursor } }
  }
`;
const removals = {
  deleteTask: [gql`mutation ($id: ID!) { deleteTask(id: $id) { task { id } } }`, evictTask],
  completeTask: [
    gql`mutation ($id: ID!) { completeTask(id: $id) { task { id completed } } }`,
    removeFromOpenLists,
  ],
};
for (const [name, [mutation, update]] of Object.entries(removals)) {
  test(`${name} removes the task from cached lists, without a request`, async () => {
    const user = newUser();
    const [{ id }] = await createTasks(user, "Buy milk", "Buy bread");
    const fetch = recordingFetch();
    const client = connect(user, { fetch });
    const seen = [];
    const subscription = client
      .watchQuery({ query: OPEN })
      .subscribe(({ data, loading }) => loading || seen.push(titles(data)));
    await until(() => seen.length);
    await client.query({ query: TASKS });
    await client.mutate({ mutation, variables: { id }, update });
    await until(() => seen.at(-1).length === 1);
    const others = await client.query({ query: TASKS });
    subscription.unsubscribe();
    assert.deepEqual(seen.at(-1), ["Buy bread"]);
    assert.equal(others.data.tasks.edges.length, name === "deleteTask" ? 1 : 2);
    assert.equal(fetch.calls.length, 3);
  });
}

test("an undo sets the previous values, and leaves a later edit", async () => {
  const user = newUser();
  const [milk, bread] = await createTasks(user, "Buy milk", "Buy bread");
  const client = connect(user);
  await client.query({ query: TASKS });
  const { data } = await client.mutate({
    mutation: gql(BULK_UPDATE),
    variables: { ids: [milk.id, bread.id] },
  });
  const priorities = () =>
    client.readQuery({ query: TASKS }).tasks.edges.map(({ node }) => node.priority);
  const keys = Object.keys(client.cache.extract());
  assert.deepEqual(priorities(), ["URGENT", "URGENT"]);
  assert(!keys.some((key) => key.startsWith("TaskValues")), keys);

  const edit = { id: milk.id, input: { title: "Oat milk" } };
  await client.mutate({ mutation: UPDATE, variables: edit });
  const send = (variables) => client.mutate({ mutation: gql(SET_TASKS), variables });
  await undo(send, data.updateTasks.previous);
  assert.deepEqual(priorities(), ["NONE", "URGENT"]);
});

test("a stale edit is saved after the choice of the user", async () => {
  const user = newUser();
  const [task] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const send = (variables) => client.mutate({ mutation: UPDATE, variables });
  await send({ id: task.id, input: { title: "Buy oat milk" } });
  const asked = [];
  const choose = (answer) => async (input, current) => {
    asked.push([input.title, current.title]);
    return answer && input;
  };
  assert.equal(await saveEdit(send, task, { title: "Buy soy milk" }, choose(null)), null);
  const { data } = await saveEdit(send, task, { title: "Buy soy milk" }, choose(true));
  assert.equal(data.updateTask.task.title, "Buy soy milk");
  assert.deepEqual(asked, Array(2).fill(["Buy soy milk", "Buy oat milk"]));
});

test("a conflict names its kind and brings the current task", async () => {
  const user = newUser();
  const [{ id, revision }] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const update = (title) =>
    client.mutate({
      mutation: UPDATE,
      variables: { id, input: { title, expectedRevision: revision } },
    });
  await update("Buy oat milk");
  await assert.rejects(update("Buy soy milk"), (error) => {
    assert(CombinedGraphQLErrors.is(error));
    const { code, reason, task } = error.errors[0].extensions;
    assert.deepEqual({ code, reason }, { code: "CONFLICT", reason: "STALE" });
    assert.equal(task.title, "Buy oat milk");
    return true;
  });
});

test("an expired token is refreshed once, and the operation repeated", async () => {
  const user = newUser({ expired: true });
  const fetch = recordingFetch();
  const { data } = await connect(user, { fetch }).query({ query: TASKS });
  assert.deepEqual(titles(data), []);
  assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 200], 1]);
});

test("a token that stays invalid is refreshed once only", async () => {
  const user = newUser({ expired: true });
  user.refreshToken = async () => {
    user.refreshes += 1;
  };
  const fetch = recordingFetch();
  await assert.rejects(connect(user, { fetch }).query({ query: TASKS }));
  assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 401], 1]);
});

const HUNDRED = { query: TASKS, variables: { first: 100 } };
testRetries("the documented links", (user, url, fetch) =>
  connect(user, { url, fetch }).query(HUNDRED),
);
testRetries("the default RetryLink", async (user, url, fetch) => {
  const random = mock.method(Math, "random", () => 0.9); // Delays of about 0.3, 0.5, 1 and 2 seconds.
  await connectWith(user, url, fetch, new RetryLink()).query(HUNDRED);
  random.mock.restore();
});

test("queries are sent by GET with useGETForQueries, and mutations by POST", async () => {
  const user = newUser();
  const fetch = recordingFetch();
  const client = connect(user, { fetch, useGETForQueries: true });
  await client.mutate({ mutation: CREATE, variables: { input: { title: "Buy milk & bread" } } });
  const { data } = await client.query({ query: TASKS, variables: { first: 10 } });
  assert.deepEqual(titles(data), ["Buy milk & bread"]);
  assert.deepEqual(
    fetch.calls.map(({ method, status }) => [method, status]),
    [
      ["POST", 200],
      ["GET", 200],
    ],
  );
});

for (const useGETForHashedQueries of [false, true]) {
  const method = useGETForHashedQueries ? "GET" : "POST";
  test(`a persisted query by ${method} falls back to the text, once for all`, async () => {
    const user = newUser();
    const fetch = recordingFetch();
    const link = createPersistedQueryLink({ sha256, useGETForHashedQueries });
    const client = connectWith(user, GRAPHQL_URL, fetch, link);
    await client.query({ query: TASKS });
    await client.mutate({ mutation: CREATE, variables: { input: { title: "Buy milk" } } });
    const { data } = await client.query({ query: TASKS, fetchPolicy: "network-only" });
    assert.deepEqual(titles(data), ["Buy milk"]);
    const [first, ...others] = fetch.calls;
    assert.equal(first.method, method);
    assert.equal(first.body?.query, undefined);
    assert.deepEqual(
      others.map(({ status }) => status),
      [200, 200, 200],
    );
    assert(others.every(({ body }) => body.query && !body.extensions?.persistedQuery));
  });
}

test("headers of client awareness are accepted", async () => {
  const user = newUser();
  const client = connect(user, {
    headers: { "apollographql-client-name": "web", "apollographql-client-version": "1" },
  });
  assert.deepEqual(titles((await client.query({ query: TASKS })).data), []);
  assert.deepEqual((await ask(user, "{ tasks { totalCount } }")).tasks, { totalCount: 0 });
});
