import { createClient } from "graphql-ws";

// The server sends a ping every 15 s.
const MAX_SILENCE_SECONDS = 30;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Return a client of graphql-ws, which connects again, also after its connection fell silent. */
export function createWebSocketClient({
  url,
  getToken,
  refreshToken,
  maxSilenceSeconds = MAX_SILENCE_SECONDS,
  ...options
}) {
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => client.terminate(), 1000 * maxSilenceSeconds);
  };
  const client = createClient({
    url: url.replace(/^http/, "ws"),
    // An invalid token ends all attempts (4401), so each connection has a new one.
    connectionParams: async () => {
      await refreshToken();
      return { Authorization: `Bearer ${await getToken()}` };
    },
    retryAttempts: Infinity,
    // By default, only a closed connection is opened again, and not one that was refused.
    shouldRetry: () => true,
    retryWait: (count) => sleep(1000 * Math.random() * Math.min(2 ** count, 30)),
    on: { opened: watch, connected: watch, message: watch, closed: () => clearTimeout(timer) },
    ...options,
  });
  return client;
}
