// A TCP proxy between client and server that cuts, delays and swallows, on the machine itself.

import { connect, createServer } from "node:net";

/** Open a proxy in front of the server of a URL. Its `url` has the same path. */
export async function openProxy(target) {
  const { hostname, port, pathname } = new URL(target);
  const pairs = new Set();
  const behaviour = { refuses: false, refused: 0, swallowed: 0, delayMilliseconds: 0 };

  const server = createServer((client) => {
    if (behaviour.refuses) {
      behaviour.refused += 1;
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    const pair = { sockets: [client, upstream], swallows: behaviour.swallowed > 0 };
    behaviour.swallowed -= pair.swallows;
    pairs.add(pair);
    const forward = (from, to) => {
      from.on("data", (bytes) => {
        if (pair.swallows) return;
        if (behaviour.delayMilliseconds) setTimeout(() => to.write(bytes), behaviour.delayMilliseconds);
        else to.write(bytes);
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    };
    forward(client, upstream);
    forward(upstream, client);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

  const cut = () => pairs.forEach(({ sockets }) => sockets.forEach((it) => it.resetAndDestroy()));
  return {
    url: `http://127.0.0.1:${server.address().port}${pathname}`,
    /** End all connections in the middle. */
    cut,
    /** End all connections, and refuse new ones until `accept`. */
    refuse() {
      behaviour.refuses = true;
      cut();
    },
    accept() {
      behaviour.refuses = false;
    },
    /** Keep the present connections, and this number of new ones, and transport nothing on them. */
    swallow(next = 0) {
      behaviour.swallowed = next;
      pairs.forEach((pair) => (pair.swallows = true));
    },
    refused: () => behaviour.refused,
    /** Transport everything later by this time. */
    delay(milliseconds) {
      behaviour.delayMilliseconds = milliseconds;
    },
    connections: () => pairs.size,
    close() {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
