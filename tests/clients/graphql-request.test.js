import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { GraphQLClient, gql } from "graphql-request";

import { saveEdit } from "./recipes/editing.js";
import { createClient, extensionsOf } from "./setup/graphql-request.js";
import {
  GRAPHQL_URL,
  countTasks,
  createTasks,
  newUser,
  recordingFetch,
  testRetries,
} from "./support.js";

const TASKS = gql`
  query Tasks($first: Int = 50, $after: String) {
    tasks(first: $first, after: $after) { nodes { id title } pageInfo { hasNextPage endCursor } }
  }
`;
const CREATE = gql`
  mutation Create($input: CreateTaskInput!) { createTask(input: $input) { task { id title revision } } }
`;
const UPDATE = gql`
  mutation Update($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input) { task { id } } }
`;

const connect = (user, { url = GRAPHQL_URL, fetch = recordingFetch() } = {}) =>
  createClient({ url, fetch, ...user });

test("pages follow each other", async () => {
  const user = newUser();
  const created = await createTasks(user, ..."abc");
  const client = connect(user);
  const ids = [];
  let page = { hasNextPage: true };
  while (page.hasNextPage) {
    const { tasks } = await client.request(TASKS, { first: 2, after: page.endCursor });
    ids.push(...tasks.nodes.map(({ id }) => id));
    page = tasks.pageInfo;
  }
  assert.deepEqual(ids.sort(), created.map(({ id }) => id).sort());
});

test("a create is repeated safely", async () => {
  const user = newUser();
  const client = connect(user);
  const variables = { input: { id: randomUUID(), title: "Buy milk" } };
  const created = await client.request(CREATE, variables);
  assert.deepEqual(await client.request(CREATE, variables), created);
  assert.equal(await countTasks(user), 1);
});

test("a conflict names its kind and brings the current task", async () => {
  const user = newUser();
  const [{ id, revision }] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const update = (title) =>
    client.request(UPDATE, { id, input: { title, expectedRevision: revision } });
  await update("Buy oat milk");
  const error = await update("Buy soy milk").catch((caught) => caught);
  const { code, reason, task } = extensionsOf(error);
  assert.deepEqual({ code, reason }, { code: "CONFLICT", reason: "STALE" });
  assert.equal(task.id, id);
});

test("a stale edit is saved after the choice of the user", async () => {
  const user = newUser();
  const [task] = await createTasks(user, "Buy milk");
  const client = connect(user);
  const mutation = gql`
    mutation ($id: ID!, $input: UpdateTaskInput!) {
      updateTask(id: $id, input: $input) { task { id title revision } }
    }
  `;
  const send = (variables) => client.request(mutation, variables);
  await send({ id: task.id, input: { title: "Buy oat milk" } });
  const { updateTask } = await saveEdit(send, task, { title: "Buy soy milk" }, (input) => input);
  assert.equal(updateTask.task.title, "Buy soy milk");
});

test("a rejected input has a reason, a bound and all problems", async () => {
  const client = connect(newUser());
  const input = { title: "x".repeat(201), description: "x".repeat(10_001) };
  const error = await client.request(CREATE, { input }).catch((caught) => caught);
  const { code, field, reason, max, problems } = extensionsOf(error);
  assert.equal(code, "BAD_USER_INPUT");
  assert.deepEqual({ field, reason, max }, { field: "input.title", reason: "TOO_LONG", max: 200 });
  assert.deepEqual(
    problems.map((problem) => [problem.field, problem.reason]),
    [
      ["input.title", "TOO_LONG"],
      ["input.description", "TOO_LONG"],
    ],
  );
});

test("an expired token is refreshed, and the operation repeated", async () => {
  const user = newUser({ expired: true });
  const fetch = recordingFetch();
  const { tasks } = await connect(user, { fetch }).request(TASKS);
  assert.deepEqual(tasks.nodes, []);
  assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 200], 1]);
});

testRetries("the documented fetch", (user, url, fetch) =>
  connect(user, { url, fetch }).request(TASKS, { first: 100 }),
);

test("queries are sent by GET with the method GET", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk & bread");
  const fetch = recordingFetch();
  const headers = { authorization: `Bearer ${user.token}` };
  const client = new GraphQLClient(GRAPHQL_URL, { method: "GET", fetch, headers });
  const { tasks } = await client.request(TASKS, { first: 10 });
  assert.equal(tasks.nodes[0].title, "Buy milk & bread");
  assert.deepEqual(
    fetch.calls.map(({ method, status }) => [method, status]),
    [["GET", 200]],
  );
});
