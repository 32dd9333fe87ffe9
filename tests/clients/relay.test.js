import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, test } from "node:test";

import {
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getPaginationMetadata,
  getPaginationVariables,
  getRefetchMetadata,
  getSelector,
} from "relay-runtime";

import { artifact, compileRelay } from "./relay-artifacts.js";
import { createEnvironment } from "./setup/relay.js";
import {
  GRAPHQL_URL,
  countTasks,
  createTasks,
  dueInOneZone,
  newUser,
  recordingFetch,
  testRetries,
} from "./support.js";
import { checkTypes } from "./tools.js";

const NAMES = [
  "HomeQuery",
  "TaskList",
  "OpenTasksQuery",
  "OpenTasks",
  "Task",
  "CreateTaskMutation",
  "UpdateTaskMutation",
  "UpdateTasksMutation",
  "DeleteTaskMutation",
  "TaskChangesQuery",
  "DueTodayQuery",
];
let artifacts;

before(async () => {
  await compileRelay();
  artifacts = Object.fromEntries(NAMES.map((name) => [name, artifact(name)]));
});

function connect(user, { url = GRAPHQL_URL, fetch = recordingFetch() } = {}) {
  return createEnvironment({ url, fetch, ...user });
}

const load = (environment, first = 50) =>
  fetchQuery(environment, artifacts.HomeQuery, { first }).toPromise();

/** Return the data of a fragment, as a component would see it. */
const read = (environment, fragment, reference) =>
  environment.lookup(getSelector(fragment, reference)).data;

const titles = ({ tasks }) => tasks.edges.map(({ node }) => node.title);

function mutate(environment, mutation, variables, options = {}) {
  return new Promise((resolve, reject) =>
    commitMutation(environment, {
      mutation,
      variables,
      onCompleted: (data, errors) => resolve({ data, errors }),
      onError: reject,
      ...options,
    }),
  );
}

test("a connection is read, and its pages are joined", async () => {
  const user = newUser();
  await createTasks(user, ..."edcba");
  const environment = connect(user);
  const { me } = await load(environment, 2);
  const lengths = [];
  for (;;) {
    const list = read(environment, artifacts.TaskList, me);
    lengths.push(list.tasks.edges.length);
    if (!list.tasks.pageInfo.hasNextPage) {
      assert.deepEqual(titles(list), [..."abcde"]);
      break;
    }
    await loadNext(environment, artifacts.TaskList, list.tasks, 2, me.id);
  }
  assert.deepEqual(lengths, [2, 4, 5]);
});

test("a connection of Query is paged without an id", async () => {
  const user = newUser();
  await createTasks(user, ..."abc");
  const environment = connect(user);
  const data = await fetchQuery(environment, artifacts.OpenTasksQuery, { first: 2 }).toPromise();
  const page = read(environment, artifacts.OpenTasks, data).tasks;
  await loadNext(environment, artifacts.OpenTasks, page, 2);
  const { edges, pageInfo } = read(environment, artifacts.OpenTasks, data).tasks;
  assert.deepEqual([page.edges.length, edges.length, pageInfo.hasNextPage], [2, 3, false]);
});

/** Load the next page as `usePaginationFragment` does. */
function loadNext(environment, fragment, { pageInfo }, count, id) {
  const { paginationMetadata, paginationRequest } = getPaginationMetadata(fragment, "loadNext");
  const { identifierInfo } = getRefetchMetadata(fragment, "loadNext");
  const { endCursor } = pageInfo;
  const variables = getPaginationVariables("forward", count, endCursor, {}, {}, paginationMetadata);
  if (identifierInfo) variables[identifierInfo.identifierQueryVariableName] = id;
  return fetchQuery(environment, paginationRequest, variables).toPromise();
}

test("a refetchable fragment is refetched by node()", async () => {
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk");
  const environment = connect(user);
  const { refetchableRequest } = getRefetchMetadata(artifacts.Task, "refetch");
  const { node } = await fetchQuery(environment, refetchableRequest, { id }).toPromise();
  assert.equal(read(environment, artifacts.Task, node).title, "Buy milk");
});

test("a task of the list needs no request by its id", async () => {
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk");
  const fetch = recordingFetch();
  const environment = connect(user, { fetch });
  await load(environment);
  const { refetchableRequest } = getRefetchMetadata(artifacts.Task, "refetch");
  const options = { fetchPolicy: "store-or-network" };
  const { node } = await fetchQuery(environment, refetchableRequest, { id }, options).toPromise();
  assert.equal(read(environment, artifacts.Task, node).title, "Buy milk");
  assert.equal(fetch.calls.length, 1);
});

test("an optimistic create is in the list at once, and is repeated safely", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  let answered = Promise.resolve();
  const environment = connect(user, { fetch: recordingFetch(() => answered) });
  const { me } = await load(environment);
  const shown = () => titles(read(environment, artifacts.TaskList, me));
  const connections = [read(environment, artifacts.TaskList, me).tasks.__id];

  const input = { id: randomUUID(), title: "Buy bread" };
  const task = { priority: "NONE", dueOn: null, createdAt: "", revision: 0, ...input };
  const optimisticResponse = { createTask: { task } };
  const create = () =>
    mutate(
      environment,
      artifacts.CreateTaskMutation,
      { input, connections },
      { optimisticResponse },
    );
  let answer;
  answered = new Promise((resolve) => (answer = resolve));
  const created = create();
  assert.deepEqual(shown(), ["Buy bread", "Buy milk"]);
  answer();
  const first = await created;
  assert.deepEqual([first.errors, shown()], [null, ["Buy bread", "Buy milk"]]);
  assert.deepEqual(await create(), first);
  assert.deepEqual(shown(), ["Buy bread", "Buy milk"]);
  assert.equal(await countTasks(user), 2);
});

test("a conflict names its kind and brings the current task", async () => {
  const user = newUser();
  const [{ id, revision }] = await createTasks(user, "Buy milk");
  const environment = connect(user);
  const update = (title) => {
    const input = { title, expectedRevision: revision };
    return mutate(environment, artifacts.UpdateTaskMutation, { id, input });
  };
  assert.equal((await update("Buy oat milk")).errors, null);
  const { errors } = await update("Buy soy milk");
  const { code, reason, task } = errors[0].extensions;
  assert.deepEqual({ code, reason }, { code: "CONFLICT", reason: "STALE" });
  assert.equal(task.title, "Buy oat milk");
});

test("a deleted task leaves its list", async () => {
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk", "Buy bread");
  const environment = connect(user);
  const { me } = await load(environment);
  const connections = [read(environment, artifacts.TaskList, me).tasks.__id];
  await mutate(environment, artifacts.DeleteTaskMutation, { id, connections });
  assert.deepEqual(titles(read(environment, artifacts.TaskList, me)), ["Buy bread"]);
});

test("the values before a mutation leave the task as it is", async () => {
  const user = newUser();
  const [{ id }] = await createTasks(user, "Buy milk");
  const environment = connect(user);
  await load(environment);
  const variables = { ids: [id], input: { title: "Buy oat milk" } };
  const { data } = await mutate(environment, artifacts.UpdateTasksMutation, variables);
  const { previous, tasks } = data.updateTasks;
  assert.deepEqual([previous[0].id, previous[0].title], [id, "Buy milk"]);
  assert.equal(read(environment, artifacts.Task, tasks[0]).title, "Buy oat milk");
});

test("a change of a task is not the task", async () => {
  const user = newUser();
  const [{ id, revision }] = await createTasks(user, "Buy milk");
  const environment = connect(user);
  const { taskChanges } = await fetchQuery(environment, artifacts.TaskChangesQuery, {}).toPromise();
  const [change] = taskChanges.changes;
  assert.deepEqual([change.id, change.revision], [id, revision]);
  assert.equal(read(environment, artifacts.Task, change.task).title, "Buy milk");
  const record = environment.getStore().getSource().get(id);
  assert.deepEqual([record.__typename, "task" in record], ["Task", false]);
});

test("lists of two time zones are two lists", async () => {
  const user = newUser();
  const { zone, otherZone } = await dueInOneZone(user);
  const environment = connect(user);
  const shown = (timeZone) => {
    const query = createOperationDescriptor(artifacts.DueTodayQuery, { timeZone });
    return titles(environment.lookup(query.fragment).data);
  };
  for (const timeZone of [zone, otherZone])
    await fetchQuery(environment, artifacts.DueTodayQuery, { timeZone }).toPromise();
  assert.deepEqual([shown(zone), shown(otherZone)], [["Call home"], []]);
});

test("an expired token is refreshed, and the operation repeated", async () => {
  const user = newUser({ expired: true });
  const fetch = recordingFetch();
  assert.equal((await load(connect(user, { fetch }))).me.id, user.id);
  assert.deepEqual([fetch.statuses(), user.refreshes], [[401, 200], 1]);
});

testRetries("the documented fetch", (user, url, fetch) => load(connect(user, { url, fetch }), 100));

test("date-times and dates are strings in the generated types", () =>
  checkTypes("relay/usage.tsconfig.json"));
