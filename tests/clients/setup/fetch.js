const MAX_ATTEMPTS = 5;
const MAX_WAIT_SECONDS = 30;

/** Return a fetch that sends the token, renews it once, and repeats requests after 429 and 503. */
export function createFetch({ getToken, refreshToken, fetch = globalThis.fetch }) {
  return async function fetchWithToken(resource, options = {}) {
    for (let attempt = 1, refreshed = false; ; attempt += 1) {
      const headers = new Headers(options.headers ?? resource.headers);
      headers.set("authorization", `Bearer ${await getToken()}`);
      // A Request can be sent once, and its copy again.
      const target = resource instanceof Request ? resource.clone() : resource;
      const response = await fetch(target, { ...options, headers });
      const wait = Number(response.headers.get("retry-after") ?? 1);
      if (response.status === 401 && !refreshed) {
        refreshed = true;
        await refreshToken();
      } else if (isTemporary(response) && attempt < MAX_ATTEMPTS && wait <= MAX_WAIT_SECONDS) {
        await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
      } else {
        return response;
      }
    }
  };
}

const isTemporary = ({ status }) => status === 429 || status === 503;
