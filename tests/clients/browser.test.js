// Requests as the page of another origin sends them: first the preflight, then the request.

import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";

import { GRAPHQL_URL, LIMITED_URL, ORIGIN, newUser, spendBudget } from "./support.js";

const BODY = JSON.stringify({ query: "{ me { id } }" });

/** Send a request with headers that `fetch` reserves for browsers. */
function send(method, headers, { url = GRAPHQL_URL, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, async (response) => {
      let text = "";
      for await (const part of response.setEncoding("utf8")) text += part;
      resolve({ status: response.statusCode, headers: response.headers, text });
    });
    sent.on("error", reject).end(body);
  });
}

/** Return whether a browser would send the request after this preflight (Fetch, CORS-preflight). */
async function isAllowed(origin, method, names) {
  const { status, headers } = await send("OPTIONS", {
    origin,
    "access-control-request-method": method,
    ...(names.length && { "access-control-request-headers": names.join(",") }),
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "cross-site",
    "sec-fetch-dest": "empty",
  });
  const list = (name) => (headers[name] ?? "").toLowerCase().split(/\s*,\s*/);
  const allowed = list("access-control-allow-headers");
  const isCovered = (name) =>
    allowed.includes(name) || (allowed.includes("*") && name !== "authorization");
  return (
    status >= 200 &&
    status < 300 &&
    [origin.toLowerCase(), "*"].includes(list("access-control-allow-origin")[0]) &&
    (["GET", "POST"].includes(method) || list("access-control-allow-methods").includes(method)) &&
    names.every(isCovered)
  );
}

const HEADERS_OF = {
  "a plain fetch": ["authorization", "content-type"],
  "Apollo's client awareness": [
    "apollographql-client-name",
    "apollographql-client-version",
    "authorization",
    "content-type",
  ],
  OpenTelemetry: ["authorization", "baggage", "content-type", "traceparent", "tracestate"],
  Sentry: ["authorization", "baggage", "content-type", "sentry-trace"],
  "a header of the page's own": ["authorization", "content-type", "x-app-version"],
};

for (const [name, names] of Object.entries(HEADERS_OF)) {
  test(`a preflight with the headers of ${name} is allowed`, async () => {
    assert(await isAllowed(ORIGIN, "POST", names));
  });
}

test("a preflight of a GET with a token is allowed", async () => {
  assert(await isAllowed(ORIGIN, "GET", ["authorization"]));
});

test("a preflight of another origin is refused", async () => {
  assert(!(await isAllowed("http://localhost:3001", "POST", ["authorization", "content-type"])));
  assert(!(await isAllowed(`${ORIGIN}.example.com`, "POST", ["authorization", "content-type"])));
});

test("the page can read the answer, and the headers that retries need", async () => {
  const user = newUser();
  await spendBudget(user);
  for (const [url, status] of [
    [GRAPHQL_URL, 200],
    [LIMITED_URL, 429],
  ]) {
    const response = await send(
      "POST",
      { authorization: `Bearer ${user.token}`, "content-type": "application/json", origin: ORIGIN },
      { url, body: BODY },
    );
    assert.equal(response.status, status);
    assert.equal(response.headers["access-control-allow-origin"], ORIGIN);
    const exposed = response.headers["access-control-expose-headers"]
      .toLowerCase()
      .split(/\s*,\s*/);
    assert(exposed.includes("retry-after") && exposed.includes("x-request-id"), exposed);
  }
});

test("the page can read a rejection, too", async () => {
  const headers = { "content-type": "application/json", origin: ORIGIN };
  const { status, headers: received, text } = await send("POST", headers, { body: BODY });
  assert.equal(status, 401);
  assert.equal(received["access-control-allow-origin"], ORIGIN);
  assert.equal(JSON.parse(text).errors[0].extensions.code, "UNAUTHENTICATED");
});
