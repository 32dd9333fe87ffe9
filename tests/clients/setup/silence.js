// The server sends a heartbeat every 12 s.
const MAX_SILENCE_SECONDS = 30;

/** Return a fetch that ends a request, or a stream, in which nothing has arrived for this time. */
export function endSilentStreams(fetch = globalThis.fetch, seconds = MAX_SILENCE_SECONDS) {
  return async function fetchStream(url, options) {
    const silence = new AbortController();
    const late = () => silence.abort(new TypeError("The server is silent."));
    const timer = setTimeout(late, 1000 * seconds);
    const signal = AbortSignal.any([silence.signal, options?.signal].filter(Boolean));
    const response = await fetch(url, { ...options, signal }).finally(() => clearTimeout(timer));
    const isStream = /event-stream|multipart/.test(response.headers.get("content-type"));
    return isStream ? new Response(withTimeout(response.body, 1000 * seconds), response) : response;
  };
}

function withTimeout(body, milliseconds) {
  let timer;
  const watch = (controller) => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.error(new TypeError("The stream is silent.")), milliseconds);
  };
  const transform = (bytes, controller) => {
    watch(controller);
    controller.enqueue(bytes);
  };
  const flush = () => clearTimeout(timer);
  return body.pipeThrough(new TransformStream({ start: watch, transform, flush }));
}
