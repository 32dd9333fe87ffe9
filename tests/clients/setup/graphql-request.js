import { ClientError, GraphQLClient } from "graphql-request";

export function createClient({ url, getToken, refreshToken, ...options }) {
  const client = new GraphQLClient(url, {
    headers: () => ({ authorization: `Bearer ${getToken()}` }),
    ...options,
  });
  return {
    /** Send an operation. Refresh the token once, and repeat what may pass later. */
    async request(document, variables) {
      for (let attempt = 1, refreshed = false; ; attempt += 1) {
        try {
          return await client.request(document, variables);
        } catch (error) {
          if (codeOf(error) === "UNAUTHENTICATED" && !refreshed) {
            refreshed = true;
            await refreshToken();
          } else if (isTemporary(error) && attempt < 5) {
            await sleep(1000 * (extensionsOf(error).retryAfter ?? Math.random() * attempt));
          } else {
            throw error;
          }
        }
      }
    },
  };
}

/** Return code, reason and further extensions of the first error. */
export const extensionsOf = (error) =>
  error instanceof ClientError ? (error.response.errors?.[0].extensions ?? {}) : {};

export const codeOf = (error) => extensionsOf(error).code;

export const isTemporary = (error) =>
  !(error instanceof ClientError) || ["RATE_LIMITED", "UNAVAILABLE"].includes(codeOf(error));

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
