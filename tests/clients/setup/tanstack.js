import { QueryClient } from "@tanstack/query-core";
import { createFetch } from "./fetch.js";

/** Return a client, and a function that sends an operation and returns its data. */
export function createClient({ url, ...session }) {
  const fetchWithToken = createFetch(session);
  const request = async (query, variables, signal) => {
    const response = await fetchWithToken(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
      signal,
    });
    const { data, errors } = await response.json();
    if (errors) throw new GraphQLError(errors);
    return data;
  };
  // `createFetch` repeats requests after 429 and 503. Other errors do not change by repetition,
  // except for those of the network.
  const retry = (count, error) => count < 3 && !(error instanceof GraphQLError);
  return { request, queryClient: new QueryClient({ defaultOptions: { queries: { retry } } }) };
}

export class GraphQLError extends Error {
  constructor(errors) {
    super(errors[0].message);
    Object.assign(this, errors[0].extensions);
  }
}
