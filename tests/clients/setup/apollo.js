import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  ServerError,
} from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { RemoveTypenameFromVariablesLink } from "@apollo/client/link/remove-typename";
import { RetryLink } from "@apollo/client/link/retry";
import { relayStylePagination } from "@apollo/client/utilities";
import { from, switchMap } from "rxjs";
import { resumeLink } from "./apollo-live.js";
import { endSilentStreams } from "./silence.js";

export function createClient({
  url,
  getToken,
  refreshToken,
  fetch,
  maxSilenceSeconds,
  subscriptionLink, // such as a GraphQLWsLink; by default, subscriptions use HTTP
  ...http
}) {
  const authLink = new SetContextLink(async ({ headers }) => ({
    headers: { ...headers, authorization: `Bearer ${await getToken()}` },
  }));
  const refreshLink = new ErrorLink(({ error, operation, forward }) => {
    if (isUnauthenticated(error) && !operation.getContext().refreshed) {
      operation.setContext({ refreshed: true });
      return from(refreshToken()).pipe(switchMap(() => forward(operation)));
    }
  });
  const retryLink = new RetryLink({
    delay: (count, operation, error) => retryAfter(error) ?? 300 * 2 ** count * Math.random(),
    // `resumeLink` repeats subscriptions.
    attempts: (count, { operationType }, error) =>
      count < 5 && operationType !== "subscription" && isTemporary(error),
  });
  const httpLink = new HttpLink({
    uri: url,
    fetch: endSilentStreams(fetch, maxSilenceSeconds),
    ...http,
  });
  // `previous` of a mutation becomes the input of `setTasks`.
  const inputLink = new RemoveTypenameFromVariablesLink();
  const isSubscription = ({ operationType }) => operationType === "subscription";
  const lastLink = subscriptionLink
    ? ApolloLink.split(isSubscription, subscriptionLink, httpLink)
    : httpLink;
  const links = [inputLink, resumeLink, refreshLink, retryLink, authLink, lastLink];
  const link = ApolloLink.from(links);
  return new ApolloClient({ cache: createCache(), link });
}

const tasks = relayStylePagination(["filter", "orderBy", "timeZone"]);

// A task that a list has brought needs no request by its id.
const readTask = (existing, { args, toReference }) =>
  existing === undefined ? toReference({ __typename: "Task", id: args.id }) : existing;

const createCache = () =>
  new InMemoryCache({
    possibleTypes: { Node: ["Task", "User"] },
    typePolicies: {
      Query: { fields: { tasks, task: readTask, node: readTask } },
      User: { fields: { tasks } },
      // These objects have no id. They belong to the object that contains them.
      Overview: { merge: true },
      RateLimit: { merge: true },
      Storage: { merge: true },
      // Their id is that of a task.
      TaskChange: { keyFields: false },
      TaskValues: { keyFields: false },
    },
  });

const isUnauthenticated = (error) =>
  CombinedGraphQLErrors.is(error)
    ? error.errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")
    : ServerError.is(error) && error.statusCode === 401;

// Errors of the network, 429 and 503 can pass.
const isTemporary = (error) => !ServerError.is(error) || [429, 503].includes(error.statusCode);

function retryAfter(error) {
  const seconds = ServerError.is(error) && error.response.headers.get("retry-after");
  return seconds ? 1000 * Number(seconds) : undefined;
}
