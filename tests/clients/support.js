// The parts that the tests of all clients share: users with tokens, a fetch that records, and tests of
// retries.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { test } from "node:test";

export const { GRAPHQL_URL, LIMITED_URL, MORTAL_URL, ORIGIN, PAGE_URL } = process.env;
const { AUTH_SECRET, IMPATIENT_URL, SWITCHES_URL } = process.env;

const segment = (content) => Buffer.from(content).toString("base64url");

/** Return a token as Better Auth signs it. */
export function signToken(userId, expiresInSeconds = 3600) {
  const exp = Math.floor(Date.now() / 1000) + expiresInSeconds;
  const content = [
    { alg: "HS256", typ: "JWT" },
    { sub: userId, exp },
  ]
    .map((part) => segment(JSON.stringify(part)))
    .join(".");
  return `${content}.${createHmac("sha256", AUTH_SECRET).update(content).digest("base64url")}`;
}

/** A new user, as a set-up needs it. Its session hands out tokens, the first one expired on demand. */
export function newUser({ expired = false, tokenSeconds = 3600 } = {}) {
  const id = randomUUID();
  const user = {
    id,
    refreshes: 0,
    token: signToken(id, expired ? -3600 : tokenSeconds),
    getToken: async () => user.token,
    refreshToken: async () => {
      user.refreshes += 1;
      user.token = signToken(id, tokenSeconds);
      return user.token;
    },
  };
  return user;
}

/** The user on another device, with a token of its own. */
export const otherDevice = ({ id }) => ({ id, token: signToken(id) });

/** Return a fetch that notes method, URL, headers, body, status and content type in `calls`. */
export function recordingFetch(onResponse = () => {}) {
  const calls = [];
  const record = async (url, options = {}) => {
    const call = { method: options.method ?? "GET", url: String(url), ...parsed(options.body) };
    call.headers = Object.fromEntries(new Headers(options.headers));
    calls.push(call);
    const response = await fetch(url, options);
    call.status = response.status;
    call.type = response.headers.get("content-type");
    await onResponse(call);
    return response;
  };
  return Object.assign(record, { calls, statuses: () => calls.map((call) => call.status) });
}

const parsed = (body) => (body ? { body: JSON.parse(body) } : {});

/** Send an operation without any client, and return the data. */
export async function ask(user, query, variables = {}, url = GRAPHQL_URL) {
  const response = await post(user, query, variables, url);
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Send an operation without any client, and return the response. */
export function post(user, query, variables = {}, url = GRAPHQL_URL) {
  return fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${user.token}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
}

/** Create tasks with these titles, oldest first, and return them. */
export async function createTasks(user, ...titles) {
  const created = await ask(
    user,
    "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { tasks { id title revision } } }",
    { input: titles.map((title) => ({ title })) },
  );
  return created.createTasks.tasks;
}

// Documents of several clients.

export const DUE_TODAY = `
  query DueToday($timeZone: String!) {
    tasks(first: 9, timeZone: $timeZone, filter: { due: { from: "2099-12-01", to: "2099-12-01" } }) {
      edges { cursor node { id title } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
export const BULK_UPDATE = `
  mutation BulkUpdate($ids: [ID!]) {
    updateTasks(ids: $ids, input: { priority: URGENT, dueOn: "2099-12-01" }) {
      revision
      tasks { id priority dueOn revision }
      previous { id title description priority dueOn dueAt tags completedAt expectedRevision }
    }
  }
`;

/** Create a task that is due on the day of DUE_TODAY in one of two time zones. */
export async function dueInOneZone(user) {
  const input = { title: "Call home", dueAt: "2099-12-01T02:00:00Z" };
  await ask(
    user,
    "mutation ($input: CreateTaskInput!) { createTask(input: $input) { revision } }",
    { input },
  );
  return { zone: "Europe/Berlin", otherZone: "America/Los_Angeles" };
}

export const countTasks = async (user) =>
  (await ask(user, "{ tasks { totalCount } }")).tasks.totalCount;

/** Define the tests that a client repeats a query after 429 and 503. `query` sends one of 100 tasks. */
export function testRetries(name, query) {
  test(`429 is retried by ${name}`, async () => {
    const fetch = recordingFetch();
    do {
      const user = newUser();
      await query(user, LIMITED_URL, fetch); // The first use of a document costs more.
      await spendBudget(user);
      fetch.calls.length = 0;
      await query(user, LIMITED_URL, fetch);
    } while (fetch.statuses()[0] === 200); // The machine was so slow that the budget was back.
    assert.deepEqual([fetch.statuses().at(0), fetch.statuses().at(-1)], [429, 200]);
  });

  test(`503 is retried by ${name}`, async () => {
    const fetch = recordingFetch(({ status }) => status === 503 && switchDatabase("on"));
    await switchDatabase("off");
    try {
      await query(newUser(), IMPATIENT_URL, fetch);
    } finally {
      await switchDatabase("on");
    }
    assert.deepEqual([fetch.statuses().at(0), fetch.statuses().at(-1)], [503, 200]);
  });
}

/** Use up the budget of the user at the limited server. */
export async function spendBudget(user) {
  for (const query of ["{ tasks(first: 100) { nodes { id title } } }", "{ me { id } }"]) {
    for (let status; status !== 429;) {
      const response = await post(user, query, {}, LIMITED_URL);
      ({ status } = response);
      await response.arrayBuffer();
      assert([200, 429].includes(status), `The status is ${status}.`);
    }
  }
}

const turnSwitch = (name, position) =>
  fetch(`${SWITCHES_URL}/${name}/${position}`, { method: "POST" });

/** Suspend or resume the PostgreSQL of all servers. */
const switchDatabase = (position) => turnSwitch("database", position);

/** Kill the server of MORTAL_URL, or start it again. */
export const switchServer = (position) => turnSwitch("server", position);

/** Wait until the condition holds, at most for this time. */
export async function until(condition, seconds = 10) {
  const deadline = Date.now() + 1000 * seconds;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`The time ran out: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
