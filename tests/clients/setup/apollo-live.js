import { ApolloLink, CombinedGraphQLErrors, ServerError } from "@apollo/client";
import { defer, retry, tap, throwError, timer } from "rxjs";

/** Subscribes again after a lost connection, behind the last event. */
export const resumeLink = new ApolloLink((operation, forward) => {
  if (operation.operationType !== "subscription") return forward(operation);
  let { since } = operation.variables;
  return defer(() => {
    operation.variables = { ...operation.variables, since };
    operation.setContext({ refreshed: false });
    return forward(operation);
  }).pipe(
    tap(({ data }) => (since = data?.taskChanges?.cursor ?? since)),
    retry({
      resetOnSuccess: true,
      delay: (error, count) =>
        isFinal(error)
          ? throwError(() => error)
          : timer(1000 * Math.random() * Math.min(2 ** count, 30)),
    }),
  );
});

const isFinal = (error) =>
  CombinedGraphQLErrors.is(error)
    ? error.errors.some(({ extensions }) => !TEMPORARY.includes(extensions?.code))
    : ServerError.is(error) && ![429, 503].includes(error.statusCode);
const TEMPORARY = ["RATE_LIMITED", "UNAVAILABLE"];

/**
 * Apply an event of `taskChanges`. The cache has updated the tasks that it knows by itself. Lists are
 * read anew, because the server decides which tasks are in them.
 */
export async function applyEvent(client, { reset, changes }) {
  if (reset) await client.resetStore();
  for (const { id, task } of changes) {
    if (task === null) client.cache.evict({ id: `Task:${id}` });
  }
  if (changes.length > 0) await client.refetchQueries({ include: "active" });
}
