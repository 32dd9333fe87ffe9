import { createClient } from "graphql-sse";
import { createFetch } from "./fetch.js";
import { endSilentStreams } from "./silence.js";

/** Return a client that subscribes by server-sent events, again and again after lost connections. */
export function createLiveClient({ url, maxSilenceSeconds, ...session }) {
  const client = createClient({
    url,
    fetchFn: endSilentStreams(createFetch(session), maxSilenceSeconds),
    retryAttempts: Infinity,
    retry: (count) => sleep(1000 * Math.random() * Math.min(2 ** count, 30)),
  });
  return resuming(client);
}

/** Let the subscriptions of a graphql-sse or graphql-ws client resume behind their last event. */
export const resuming = (client) => ({
  subscribe(request, sink) {
    let since = request.variables?.since;
    // The client reads the variables anew for each attempt.
    const variables = Object.defineProperty({ ...request.variables }, "since", {
      enumerable: true,
      get: () => since,
    });
    return client.subscribe(
      { ...request, variables },
      {
        next(result) {
          sink.next(result);
          since = result.data?.taskChanges?.cursor ?? since;
        },
        error: (error) => sink.error(error),
        complete: () => sink.complete(),
      },
    );
  },
  dispose: () => client.dispose(),
});

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
