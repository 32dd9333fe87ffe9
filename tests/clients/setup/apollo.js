import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, ServerError } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { RetryLink } from "@apollo/client/link/retry";
import { relayStylePagination } from "@apollo/client/utilities";
import { from, switchMap } from "rxjs";

export function createClient({ url, getToken, refreshToken, ...http }) {
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
    attempts: (count, operation, error) => count < 5 && isTemporary(error),
  });
  return new ApolloClient({
    cache: new InMemoryCache({
      typePolicies: {
        Query: { fields: { tasks: relayStylePagination(["filter", "orderBy"]) } },
        User: { fields: { tasks: relayStylePagination(["filter", "orderBy"]) } },
      },
    }),
    link: ApolloLink.from([refreshLink, retryLink, authLink, new HttpLink({ uri: url, ...http })]),
  });
}

const isUnauthenticated = (error) =>
  CombinedGraphQLErrors.is(error)
    ? error.errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")
    : ServerError.is(error) && error.statusCode === 401;

// Not only network errors: 429 and 503 pass by themselves.
const isTemporary = (error) => !ServerError.is(error) || [429, 503].includes(error.statusCode);

function retryAfter(error) {
  const seconds = ServerError.is(error) && error.response.headers.get("retry-after");
  return seconds ? 1000 * Number(seconds) : undefined;
}
