// RxDB's GraphQL replication: pull, push and stream, in three replicas with phases offline.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { createRxDatabase } from "rxdb/plugins/core";
import { getRxStorageMemory } from "rxdb/plugins/storage-memory";

import { openProxy } from "./proxy.js";
import { newTask, replicateTasks, taskSchema } from "./setup/rxdb.js";
import {
  GRAPHQL_URL,
  MORTAL_URL,
  ask,
  createTasks,
  newUser,
  otherDevice,
  switchServer,
  until,
} from "./support.js";

const TASKS = `query ($after: String) {
  tasks(first: 100, after: $after) { nodes { id title priority tags } pageInfo { hasNextPage endCursor } }
}`;
const opened = [];
after(async () => {
  for (const close of opened) await close();
});

/** A device: a database in memory, and its replication through a proxy of its own. */
async function openReplica(user, target = GRAPHQL_URL) {
  const proxy = await openProxy(target);
  opened.push(proxy.close);
  return { proxy, ...(await openDatabase(user, proxy, newDatabase())) };
}

const newDatabase = () => ({ name: randomUUID(), storage: getRxStorageMemory() });

async function openDatabase(user, proxy, place) {
  const database = await createRxDatabase(place);
  const { tasks } = await database.addCollections({ tasks: { schema: taskSchema } });
  const [rejected, resets] = [[], []];
  const replication = replicateTasks({
    collection: tasks,
    url: proxy.url,
    onRejected: (row) => rejected.push(row),
    onReset: () => resets.push(true),
    ...user,
  });
  const close = async () => {
    await replication.cancel();
    await database.close();
  };
  opened.unshift(close);
  const state = async () =>
    sorted((await tasks.find({ selector: { trashed: false } }).exec()).map((it) => it.toJSON()));
  return { tasks, replication, rejected, resets, state, close };
}

const sorted = (tasks) =>
  tasks
    .map(({ id, title, priority, tags }) => ({ id, title, priority, tags }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

async function serverState(user) {
  const found = [];
  for (let after, hasNextPage = true; hasNextPage;) {
    const { tasks } = await ask(otherDevice(user), TASKS, { after });
    found.push(...tasks.nodes);
    ({ endCursor: after, hasNextPage } = tasks.pageInfo);
  }
  return sorted(found);
}

/** Wait until all replicas equal the server. */
async function converge(user, ...replicas) {
  const equal = async () => {
    const expected = JSON.stringify(await serverState(user));
    const states = await Promise.all(replicas.map(({ state }) => state()));
    return states.every((state) => JSON.stringify(state) === expected);
  };
  await until(equal, 40).catch(async () => {
    for (const { state } of replicas) assert.deepEqual(await state(), await serverState(user));
  });
}

test("edits are pushed, and reach another replica by its stream", async () => {
  const user = newUser();
  const [one, other] = [await openReplica(user), await openReplica(user)];
  const task = await one.tasks.insert(newTask({ title: "Buy milk", tags: ["Shop"] }));
  await until(async () => (await other.tasks.findOne(task.id).exec())?.title === "Buy milk");
  await (await other.tasks.findOne(task.id).exec()).patch({ title: "Buy oat milk" });
  await until(async () => task.getLatest().title === "Buy oat milk");
  await task.getLatest().remove();
  await until(async () => (await other.tasks.findOne(task.id).exec()) === null);
  assert.deepEqual(await serverState(user), []);
});

test("a rejected edit is reported, and the state of the server replaces it", async () => {
  const user = newUser();
  const replica = await openReplica(user);
  const [{ id }] = await createTasks(user, "Buy milk");
  await until(() => replica.tasks.findOne(id).exec());
  await (await replica.tasks.findOne(id).exec()).patch({ title: "x".repeat(5000) });
  await until(() => replica.rejected.length > 0);
  assert.deepEqual([replica.rejected[0].id, replica.rejected[0].code], [id, "BAD_USER_INPUT"]);
  await until(async () => (await replica.tasks.findOne(id).exec()).title === "Buy milk");
});

/**
 * A session whose stream is recorded. The first response to a pull is held until the stream has
 * sent an event, or the server has closed the WebSocket without one.
 */
function streamFirst(user) {
  const [events, closes] = [[], []];
  let isHeld = true;
  const heldFetch = async (...request) => {
    const response = await fetch(...request);
    if (isHeld) await until(() => events.length + closes.length > 0);
    isHeld = false;
    return response;
  };
  const note = ({ type, payload }) => type === "next" && events.push(payload.data.taskChanges);
  const socket = { on: { message: note, closed: ({ code }) => closes.push(code) } };
  return { ...user, events, closes, fetch: heldFetch, socket };
}

test("the stream of a new replica begins behind the first pull", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  const session = streamFirst(user);
  const replica = await openReplica(session);
  await until(() => session.events.length > 0, 20);
  assert.deepEqual(session.closes, [4408]);
  assert.deepEqual(session.events[0].changes, []);
  await converge(user, replica);
});

test("the stream of a reopened replica begins behind its checkpoint", async () => {
  const user = newUser();
  const place = newDatabase();
  const proxy = await openProxy(GRAPHQL_URL);
  opened.push(proxy.close);
  const [{ id }] = await createTasks(user, "Buy milk", "Buy oats");
  const before = await openDatabase(user, proxy, place);
  await converge(user, before);
  await before.replication.awaitInSync();
  await before.close();
  await ask(user, "mutation ($id: ID!) { purgeTask(id: $id) { revision } }", { id });
  const session = streamFirst(user);
  const after = await openDatabase(session, proxy, place);
  await converge(user, after);
  assert.deepEqual(session.closes, []);
  assert.deepEqual(session.events[0].changes, [{ id, task: null }]);
});

test("a malformed edit is reported, and blocks no other one", async () => {
  const user = newUser();
  const replica = await openReplica(user);
  const [{ id }] = await createTasks(user, "Buy milk");
  await until(() => replica.tasks.findOne(id).exec());
  replica.proxy.refuse();
  await (await replica.tasks.findOne(id).exec()).patch({ dueOn: "2026-02-30", title: "Buy oat milk" });
  await replica.tasks.insert(newTask({ title: "Of a newer client", priority: "HIGHEST" }));
  await replica.tasks.insert(newTask({ title: "Buy bread" }));
  replica.proxy.accept();
  await until(() => replica.rejected.length > 1);
  const found = replica.rejected.map(({ field, code }) => [field.replace(/\d+/, "n"), code]);
  assert.deepEqual(found.sort(), [
    ["rows.n.task.dueOn", "BAD_USER_INPUT"],
    ["rows.n.task.priority", "BAD_USER_INPUT"],
  ]);
  await converge(user, replica);
  assert.deepEqual((await serverState(user)).map(({ title }) => title).sort(), ["Buy bread", "Buy milk"]);
  await replica.replication.awaitInSync();
  assert.equal(replica.rejected.length, 2);
});

test("a deleted account is a reset", async () => {
  const user = newUser();
  const replica = await openReplica(user);
  await createTasks(user, "Buy milk");
  await converge(user, replica);
  await ask(user, "mutation ($id: String!) { deleteAccount(confirm: $id) { userId } }", user);
  await createTasks(user, "Begin anew");
  await until(() => replica.resets.length > 0);
});

test("three replicas with random edits, offline phases and a killed server become equal", async () => {
  const user = newUser({ tokenSeconds: 2 });
  const replicas = [];
  for (const url of [GRAPHQL_URL, MORTAL_URL, MORTAL_URL]) replicas.push(await openReplica(user, url));
  const random = (count) => Math.floor(count * Math.random());
  let edits = 0;

  // What the replicas did to each task: which of them, its last title, and whether it may be gone.
  const history = new Map();
  const note = (id, replica, changes) => {
    const { editors, ...last } = history.get(id) ?? { editors: new Set() };
    history.set(id, { ...last, ...changes, editors: editors.add(replica) });
  };

  async function edit(replica) {
    edits += 1;
    const { tasks } = replica;
    const found = await tasks.find().exec();
    const task = found[random(found.length)];
    const kind = task ? random(20) : 0;
    const title = `Title ${edits}`;
    if (kind < 7) {
      const { id } = await tasks.insert(newTask({ title }));
      note(id, replica, { title });
    } else if (kind < 13) {
      await task.incrementalPatch({ title });
      note(task.id, replica, { title });
    } else if (kind < 15) {
      await task.incrementalPatch({ priority: ["LOW", "HIGH", "URGENT"][random(3)] });
    } else if (kind < 17) {
      await task.incrementalPatch({ tags: [...task.tags, `Tag ${edits}`].slice(-5) });
    } else if (kind < 19) {
      await task.incrementalPatch({ trashed: !task.trashed });
      note(task.id, replica, { mayBeGone: true });
    } else {
      await task.incrementalRemove();
      note(task.id, replica, { mayBeGone: true });
    }
  }

  for (let round = 0; round < 14; round += 1) {
    const [offline, cut, slow] = [0, 1, 2].map((shift) => replicas[(round + shift) % 3]);
    offline.proxy.refuse();
    slow.proxy.delay(50);
    if (round === 6) await switchServer("off");
    for (let count = 0; count < 12; count += 1) {
      for (const replica of replicas) await edit(replica);
      if (count % 4 === 0) cut.proxy.cut();
    }
    if (round === 6) await switchServer("on");
    offline.proxy.accept();
    slow.proxy.delay(0);
  }
  await converge(user, ...replicas);
  assert.deepEqual(replicas.flatMap(({ rejected }) => rejected), []);

  // No acknowledged edit is lost, and no task is there twice.
  const stored = await serverState(user);
  const titles = new Map(stored.map(({ id, title }) => [id, title]));
  assert.equal(titles.size, stored.length);
  for (const [id, { editors, title, mayBeGone }] of history) {
    if (!mayBeGone) assert(titles.has(id));
    if (!mayBeGone && editors.size === 1) assert.equal(titles.get(id), title);
  }
  assert.equal(edits, 504);
});
