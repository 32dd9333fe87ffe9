import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterEach, test } from "node:test";

import { InfiniteQueryObserver, MutationObserver, QueryObserver } from "@tanstack/query-core";

import { GraphQLError, createClient } from "./setup/tanstack.js";
import {
  GRAPHQL_URL,
  countTasks,
  createTasks,
  newUser,
  recordingFetch,
  testRetries,
  until,
} from "./support.js";

const TASKS = `query Tasks($first: Int, $after: String) {
  tasks(first: $first, after: $after) { nodes { id title } pageInfo { hasNextPage endCursor } }
}`;
const CREATE =
  "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id title } } }";
const UPDATE = `mutation ($id: ID!, $input: UpdateTaskInput!) {
  updateTask(id: $id, input: $input) { task { id title } }
}`;

const queryClients = [];
afterEach(() => queryClients.splice(0).forEach((queryClient) => queryClient.clear()));

function connect(user, { url = GRAPHQL_URL, fetch = recordingFetch() } = {}) {
  const client = createClient({ url, fetch, ...user });
  queryClients.push(client.queryClient);
  return client;
}

const list = ({ request, queryClient }, variables = {}) =>
  queryClient.fetchQuery({
    queryKey: ["tasks"],
    queryFn: ({ signal }) => request(TASKS, variables, signal),
  });

test("an infinite query follows the cursors", async () => {
  const user = newUser();
  const created = await createTasks(user, ..."abcde");
  const { request, queryClient } = connect(user);
  const observer = new InfiniteQueryObserver(queryClient, {
    queryKey: ["tasks", "pages"],
    queryFn: ({ pageParam, signal }) => request(TASKS, { first: 2, after: pageParam }, signal),
    initialPageParam: null,
    getNextPageParam: ({ tasks: { pageInfo } }) =>
      pageInfo.hasNextPage ? pageInfo.endCursor : null,
  });
  const unsubscribe = observer.subscribe(() => {});
  await until(() => observer.getCurrentResult().isSuccess);
  while (observer.getCurrentResult().hasNextPage) await observer.fetchNextPage();
  const { pages } = observer.getCurrentResult().data;
  unsubscribe();
  assert.deepEqual(
    pages.map(({ tasks }) => tasks.nodes.length),
    [2, 2, 1],
  );
  const ids = pages.flatMap(({ tasks }) => tasks.nodes.map(({ id }) => id));
  assert.deepEqual(ids.sort(), created.map(({ id }) => id).sort());
});

test("an optimistic create is in the list at once, and is repeated safely", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  const client = connect(user);
  await list(client);
  const shown = () =>
    client.queryClient.getQueryData(["tasks"]).tasks.nodes.map(({ title }) => title);
  const create = new MutationObserver(client.queryClient, {
    mutationFn: (input) => client.request(CREATE, { input }),
    onMutate: (task) =>
      client.queryClient.setQueryData(["tasks"], ({ tasks }) => {
        const others = tasks.nodes.filter(({ id }) => id !== task.id);
        return { tasks: { ...tasks, nodes: [task, ...others] } };
      }),
  });
  const input = { id: randomUUID(), title: "Buy bread" };
  const created = create.mutate(input);
  await until(() => shown().length === 2);
  assert.deepEqual(await create.mutate(input), await created);
  assert.deepEqual(shown(), ["Buy bread", "Buy milk"]);
  assert.equal(await countTasks(user), 2);
});

test("a conflict is not retried, names its kind and brings the current task", async () => {
  const user = newUser();
  const [{ id, revision }] = await createTasks(user, "Buy milk");
  const fetch = recordingFetch();
  const { request, queryClient } = connect(user, { fetch });
  const update = new MutationObserver(queryClient, {
    mutationFn: (title) => request(UPDATE, { id, input: { title, expectedRevision: revision } }),
  });
  await update.mutate("Buy oat milk");
  const error = await update.mutate("Buy soy milk").catch((caught) => caught);
  assert(error instanceof GraphQLError);
  assert.deepEqual([error.code, error.reason], ["CONFLICT", "STALE"]);
  assert.equal(error.task.title, "Buy oat milk");
  assert.equal(fetch.calls.length, 2);
});

test("an error of a query is not retried, if repetition does not change it", async () => {
  const fetch = recordingFetch();
  const { request, queryClient } = connect(newUser(), { fetch });
  const queryFn = () => request(TASKS, { first: 101 });
  const observer = new QueryObserver(queryClient, { queryKey: ["tasks", 101], queryFn });
  const unsubscribe = observer.subscribe(() => {});
  await until(() => observer.getCurrentResult().isError);
  unsubscribe();
  assert.equal(observer.getCurrentResult().error.code, "BAD_USER_INPUT");
  assert.equal(fetch.calls.length, 1);
});

test("an expired token is refreshed, and the operation repeated", async () => {
  const user = newUser({ expired: true });
  const fetch = recordingFetch();
  assert.deepEqual((await list(connect(user, { fetch }))).tasks.nodes, []);
  assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 200], 1]);
});

testRetries("the documented fetch", (user, url, fetch) =>
  list(connect(user, { url, fetch }), { first: 100 }),
);
