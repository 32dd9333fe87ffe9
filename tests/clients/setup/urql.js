import { Client, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { cacheExchange, offlineExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { retryExchange } from "@urql/exchange-retry";
import { orderMutations } from "./urql-offline.js";

export function createClient({
  url,
  getToken,
  refreshToken,
  cache = {},
  storage, // such as makeDefaultStorage(), for mutations while the device is offline
  exchanges = [],
  ...options
}) {
  const configuration = { keys, resolvers, storage, ...cache };
  return new Client({
    url,
    preferGetMethod: false,
    exchanges: [
      storage ? offlineExchange(configuration) : cacheExchange(configuration),
      orderMutations,
      retryExchange({ retryIf: storage ? isRejected : isTemporary, maxNumberAttempts: 5 }),
      authExchange(async (utils) => {
        let token = await getToken();
        return {
          addAuthToOperation: (operation) =>
            utils.appendHeaders(operation, { authorization: `Bearer ${token}` }),
          didAuthError: (error) => hasCode(error, "UNAUTHENTICATED"),
          refreshAuth: async () => {
            await refreshToken();
            token = await getToken();
          },
        };
      }),
      ...exchanges,
      fetchExchange,
    ],
    ...options,
  });
}

// These objects belong to the object that contains them. They have no id, or the id of a task.
const EMBEDDED = [
  "ErrorCodeInfo",
  "Overview",
  "RateLimit",
  "RejectedTask",
  "Storage",
  "TagCount",
  "TaskChange",
  "TaskChanges",
  "TaskValues",
];
const keys = Object.fromEntries(EMBEDDED.map((type) => [type, () => null]));

const resolvers = {
  Query: {
    tasks: relayPagination(),
    task: (parent, { id }) => ({ __typename: "Task", id }),
  },
  User: { tasks: relayPagination() },
};

const hasCode = (error, ...codes) =>
  error.graphQLErrors.some(({ extensions }) => codes.includes(extensions?.code));

// Not only network errors: these two pass by themselves.
const isRejected = (error) => hasCode(error, "RATE_LIMITED", "UNAVAILABLE");
const isTemporary = (error) => Boolean(error.networkError) || isRejected(error);
