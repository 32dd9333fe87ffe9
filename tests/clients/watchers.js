// Clients that watch the changes of a user's tasks, each in its own way. `watch` returns the events,
// a function that reads a title from the client's cache, and one that stops the client.

import { gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { WebSocket } from "ws";

import { artifact } from "./relay-artifacts.js";
import { applyEvent } from "./setup/apollo-live.js";
import { createClient as createApolloClient } from "./setup/apollo.js";
import { CHANGES } from "./setup/changes.js";
import { createLiveClient, resuming } from "./setup/live.js";
import { subscribeToTasks } from "./setup/relay-live.js";
import { createEnvironment } from "./setup/relay.js";
import { liveExchange, updates } from "./setup/urql-live.js";
import { createClient as createUrqlClient } from "./setup/urql.js";
import { watchTasks } from "./setup/watch.js";
import { createWebSocketClient } from "./setup/websocket.js";

// Browsers have it, and so has Node 22.
globalThis.WebSocket ??= WebSocket;

const SUBSCRIPTION = `subscription ($since: String) { taskChanges(since: $since) ${CHANGES} }`;
const TASK = "query ($id: ID!) { task(id: $id) { id title } }";

/** A Map of tasks, which a subscription fills. */
function watchInMap(client, { since }) {
  const events = [];
  const tasks = new Map();
  const report = (error) => events.push(error);
  watchTasks(client, { tasks, since, report, store: (_tasks, event) => events.push(event) });
  return { events, titleOf: (id) => tasks.get(id)?.title, stop: () => client.dispose() };
}

function watchByGraphQLSSE(user, options) {
  return watchInMap(createLiveClient({ ...user, ...options }), options);
}

function watchByGraphQLWS(user, options) {
  return watchInMap(resuming(createWebSocketClient({ ...user, ...options })), options);
}

function watchByApolloWebSocket(user, options) {
  // `resumeLink` connects again, behind the last event.
  const socket = createWebSocketClient({ ...user, ...options, retryAttempts: 0 });
  return watchByApollo(user, { ...options, subscriptionLink: new GraphQLWsLink(socket) });
}

function watchByApollo(user, { since, ...options }) {
  const client = createApolloClient({ ...user, ...options });
  const events = [];
  client.subscribe({ query: gql(SUBSCRIPTION), variables: { since } }).subscribe({
    next: async ({ data, error }) => {
      events.push(data?.taskChanges ?? error);
      if (data) await applyEvent(client, data.taskChanges);
    },
    error: (error) => events.push(error),
    complete: () => events.push("complete"),
  });
  const titleOf = (id) =>
    client.readQuery({ query: gql(TASK), variables: { id } })?.task?.title;
  return { events, titleOf, stop: () => client.stop() };
}

function watchByUrql(user, { since, ...options }) {
  const live = createLiveClient({ ...user, ...options });
  const { maxSilenceSeconds, ...own } = options;
  const client = createUrqlClient({
    ...user,
    ...own,
    preferGetMethod: false,
    exchanges: [liveExchange(live)],
    cache: { updates },
  });
  const events = [];
  client
    .subscription(SUBSCRIPTION, { since })
    .subscribe(({ data, error }) => events.push(error ?? data.taskChanges));
  const titleOf = (id) =>
    client.readQuery(TASK, { id }, { requestPolicy: "cache-only" })?.data?.task?.title;
  return { events, titleOf, stop: () => live.dispose() };
}

function watchByRelay(user, { since, ...options }) {
  const environment = createEnvironment({ ...user, ...options });
  const events = [];
  const { dispose } = subscribeToTasks(environment, artifact("TaskChangesSubscription"), {
    since,
    onChanges: (event) => events.push(event),
  });
  const titleOf = (id) => environment.getStore().getSource().get(id)?.title;
  return { events, titleOf, stop: dispose };
}

export const WATCHERS = {
  "graphql-sse": watchByGraphQLSSE,
  "graphql-ws": watchByGraphQLWS,
  "Apollo Client by multipart": watchByApollo,
  "Apollo Client by WebSocket": watchByApolloWebSocket,
  "urql by graphql-sse": watchByUrql,
  "Relay by graphql-sse": watchByRelay,
};
