// Mutations while the device is offline, in the queue of urql's offlineExchange.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { gql } from "@urql/core";

import { optimistic } from "./setup/urql-offline.js";
import { createClient } from "./setup/urql.js";
import { GRAPHQL_URL, ask, newUser, until } from "./support.js";

const CREATE = gql`
  mutation Create($input: CreateTaskInput!) {
    createTask(input: $input) { revision task { id title completed } }
  }
`;
const UPDATE = gql`
  mutation Update($id: ID!, $input: UpdateTaskInput!) {
    updateTask(id: $id, input: $input) { revision task { id title completed } }
  }
`;
const TASK = gql`query Task($id: ID!) { task(id: $id) { id title completed } }`;

/** What outlives a restart of the app, and a device that is offline at first. */
function newDevice() {
  const device = { isOnline: false, metadata: [], online: () => {}, sent: [] };
  device.storage = {
    readData: async () => ({}),
    writeData: async () => {},
    readMetadata: async () => device.metadata,
    writeMetadata: (metadata) => (device.metadata = metadata),
    onOnline: (callback) => (device.online = callback),
  };
  // As in browsers. Creates take longer than updates.
  device.fetch = async (url, options) => {
    if (!device.isOnline) throw new TypeError("Failed to fetch");
    const { operationName } = JSON.parse(options.body);
    if (operationName === "Create") await new Promise((resolve) => setTimeout(resolve, 100));
    if (operationName !== "Task") device.sent.push(operationName);
    return fetch(url, options);
  };
  return device;
}

const connect = (user, { storage, fetch }) =>
  createClient({
    url: GRAPHQL_URL,
    ...user,
    storage,
    fetch,
    preferGetMethod: false,
    cache: { optimistic },
  });

/** Create a task and change it twice without a network. */
async function editOffline(client, device, id) {
  await client.query(TASK, { id: randomUUID() }).toPromise();
  client.mutation(CREATE, { input: { id, title: "Buy milk" } }).subscribe(() => {});
  client.mutation(UPDATE, { id, input: { title: "Buy oat milk" } }).subscribe(() => {});
  client.mutation(UPDATE, { id, input: { completed: true } }).subscribe(() => {});
  await until(() => device.metadata.length === 3);
}

test("an offline client shows its edits, and sends them in their order", async () => {
  const [user, device, id] = [newUser(), newDevice(), randomUUID()];
  const client = connect(user, device);
  await editOffline(client, device, id);
  const { task } = client.readQuery(TASK, { id }, { requestPolicy: "cache-only" }).data;
  assert.deepEqual([task.title, task.completed], ["Buy oat milk", true]);

  device.isOnline = true;
  device.online();
  await until(() => device.sent.length === 3);
  assert.deepEqual(device.sent, ["Create", "Update", "Update"]);
  const stored = async () => (await ask(user, "{ tasks { nodes { title completed } } }")).tasks.nodes;
  await until(async () => (await stored())[0]?.completed);
  assert.deepEqual(await stored(), [{ title: "Buy oat milk", completed: true }]);
});

test("the edits outlive a restart of the app", async () => {
  const [user, device, id] = [newUser(), newDevice(), randomUUID()];
  await editOffline(connect(user, device), device, id);
  device.isOnline = true;
  connect(user, device);
  await until(() => device.sent.length === 3);
  assert.deepEqual(device.sent, ["Create", "Update", "Update"]);
  const { task } = await ask(user, "query ($id: ID!) { task(id: $id) { title } }", { id });
  assert.equal(task.title, "Buy oat milk");
});
