// The results of an operation: one as JSON, or those of a subscription as server-sent events.

// Return an async iterator, whose `return` closes the connection.
function requestResults(parameters, headers) {
  const controller = new AbortController();
  const results = readResults(parameters, headers, controller.signal);
  return {
    next: () => results.next(),
    return: () => {
      controller.abort();
      return results.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* readResults(parameters, headers, signal) {
  try {
    const response = await fetch(window.location.pathname, {
      method: "POST",
      headers: {
        Accept: "application/json, text/event-stream",
        "Content-Type": "application/json",
        ...headers,
      },
      body: JSON.stringify(parameters),
      signal,
    });
    if (response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      yield* readEvents(response.body);
    } else {
      yield parseResult(response.status, await response.text());
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

function parseResult(status, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${status}\n${text}`);
  }
}

async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const [, data] = /^event: next\ndata: (.*)$/.exec(message) ?? [];
      if (data !== undefined) {
        yield JSON.parse(data);
      }
    }
  }
}
