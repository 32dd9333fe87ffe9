// Live subscriptions of all clients, through lost connections, silence, expired tokens and a killed
// server.

import assert from "node:assert/strict";
import { after, before, describe, mock, test } from "node:test";

import { openProxy } from "./proxy.js";
import { compileRelay } from "./relay-artifacts.js";
import { comparePositions } from "./setup/changes.js";
import { createPolling } from "./setup/polling.js";
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
import { WATCHERS } from "./watchers.js";

const RENAME = `mutation ($id: ID!, $title: String!) {
  updateTask(id: $id, input: { title: $title }) { revision }
}`;
const PURGE = "mutation ($id: ID!) { deleteTask(id: $id) { revision } purgeTask(id: $id) { revision } }";
const rename = (user, id, title) => ask(user, RENAME, { id, title });

const ids = (event) => event.changes.map(({ id }) => id);

/** Assert that nothing but events has arrived. */
const assertEvents = (watched) =>
  assert(watched.events.every(({ cursor }) => cursor), watched.events);

const complaints = ["warn", "error"].map((name) => mock.method(console, name));

before(compileRelay);
after(() => {
  const sentences = complaints.flatMap(({ mock }) => mock.calls.map((call) => call.arguments[0]));
  assert.deepEqual(sentences, []);
});

describe("live", { concurrency: true }, () => {
  for (const [name, watch] of Object.entries(WATCHERS)) {
    describe(name, { concurrency: 1 }, () => {
      let proxy;
      const open = [];
      const start = (user, options = {}) => {
        const watched = watch(user, { url: proxy.url, ...options });
        open.push(watched);
        return watched;
      };
      before(async () => (proxy = await openProxy(GRAPHQL_URL)));
      after(async () => {
        open.forEach(({ stop }) => stop());
        await proxy.close();
      });

      test("the cache follows creates, updates and removals", async () => {
        const user = newUser();
        const [{ id }] = await createTasks(user, "Buy milk");
        const watched = start(user);
        await until(() => watched.titleOf(id) === "Buy milk");
        await rename(user, id, "Buy oat milk");
        await until(() => watched.titleOf(id) === "Buy oat milk");
        await ask(user, PURGE, { id });
        await until(() => watched.titleOf(id) === undefined);
        assertEvents(watched);
      });

      test("after lost connections, the stream resumes behind its last event", async () => {
        const user = newUser();
        const [first] = await createTasks(user, "Buy milk");
        const watched = start(user);
        await until(() => watched.events.length === 1);
        const created = [];
        for (const title of ["Buy bread", "Buy soap"]) {
          const before = proxy.refused();
          proxy.refuse();
          await until(() => proxy.refused() > before, 20);
          const [task] = await createTasks(user, title);
          created.push(task.id);
          proxy.accept();
          await until(() => watched.titleOf(task.id) === title);
        }
        assert.deepEqual(watched.events.flatMap(ids), [first.id, ...created]);
        assertEvents(watched);
      });

      test("another user's changes are not delivered", async () => {
        const [user, other] = [newUser(), newUser()];
        const watched = start(user);
        await until(() => watched.events.length === 1);
        const [foreign] = await createTasks(other, "Secret");
        const [{ id }] = await createTasks(user, "Buy milk");
        await until(() => watched.titleOf(id) === "Buy milk");
        assert(!watched.events.flatMap(ids).includes(foreign.id));
      });

      test("a stream outlives its tokens", async () => {
        const user = newUser({ tokenSeconds: 3 });
        const writer = otherDevice(user);
        const watched = start(user);
        let task;
        for (let count = 0; user.refreshes < 2; count += 1) {
          [task] = await createTasks(writer, `Task ${count}`);
          await until(() => watched.titleOf(task.id));
        }
        assertEvents(watched);
      });

      test("a connection that has fallen silent is replaced", async () => {
        const user = newUser();
        const watched = start(user, { maxSilenceSeconds: 1 });
        await until(() => watched.events.length === 1);
        // Browsers end the handshake of a WebSocket themselves, later on.
        proxy.swallow(/websocket|graphql-ws/i.test(name) ? 0 : 1);
        const [{ id }] = await createTasks(user, "Buy milk");
        await until(() => watched.titleOf(id) === "Buy milk");
        assertEvents(watched);
      });
    });
  }
});

test("streams of all clients outlive a killed server, and follow another process", async () => {
  const user = newUser();
  const all = Object.values(WATCHERS).map((watch) => watch(user, { url: MORTAL_URL }));
  // The pauses between the attempts of clients grow while the server is gone.
  const arrived = (id) => until(() => all.every(({ titleOf }) => titleOf(id)), 40);
  try {
    const [before] = await createTasks(user, "Before");
    await arrived(before.id);
    await switchServer("off");
    const [meanwhile] = await createTasks(user, "Meanwhile");
    await switchServer("on");
    await arrived(meanwhile.id);
    // Hints of the other process are lost until the new one listens.
    const later = [];
    await until(async () => {
      later.push(...(await createTasks(user, "Later")));
      return all.every(({ titleOf }) => later.some(({ id }) => titleOf(id)));
    }, 40);
    all.forEach(assertEvents);
  } finally {
    all.forEach(({ stop }) => stop());
  }
});

test("polling reads pages, removals, and everything after a reset", async () => {
  const user = newUser();
  const tasks = new Map();
  const poll = createPolling({ url: GRAPHQL_URL, tasks, ...user });
  const titles = Array.from({ length: 100 }, (_, number) => `Task ${number}`);
  const created = [];
  for (const _ of "abc") created.push(...(await createTasks(user, ...titles)));
  const cursor = await poll();
  assert.deepEqual([...tasks.keys()].sort(), created.map(({ id }) => id).sort());
  assert.equal(await poll(), cursor);

  await ask(user, PURGE, { id: created[7].id });
  await poll();
  assert.equal(tasks.size, 299);
  assert(!tasks.has(created[7].id));

  await ask(user, "mutation ($id: String!) { deleteAccount(confirm: $id) { userId } }", user);
  const [last] = await createTasks(user, "Begin anew");
  await poll();
  assert.deepEqual([...tasks.keys()], [last.id]);
});

test("positions sort like the manual order", async () => {
  const user = newUser();
  const [first, second, third] = await createTasks(user, "1", "2", "3");
  const move = "mutation ($id: ID!, $before: ID!) { moveTask(id: $id, before: $before) { revision } }";
  await ask(user, move, { id: third.id, before: first.id });
  await ask(user, move, { id: first.id, before: third.id });
  const tasks = new Map();
  await createPolling({ url: GRAPHQL_URL, tasks, ...user })();
  const sorted = [...tasks.values()].sort(comparePositions).map(({ id }) => id);
  assert.deepEqual(sorted, [first.id, third.id, second.id]);
});
