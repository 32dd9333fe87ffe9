// PostGraphile over the tables of todo-graphql, with its tokens, role and policies. The context
// verifies tokens, as PostGraphile's documentation advises.

import { createServer } from "node:http";
import { promisify } from "node:util";
import jwt from "jsonwebtoken";
import pg from "pg";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const { PORT, BETTER_AUTH_SECRET, POSTGRES_SOCKET_FOLDER } = process.env;
const verify = promisify(jwt.verify);

const pool = new pg.Pool({
  host: POSTGRES_SOCKET_FOLDER,
  port: 5432,
  user: "postgres",
  database: "postgres",
  max: 10, // the pool size of todo-graphql
});
pool.on("error", (error) => console.error(error.message)); // PostgreSQL is unavailable

async function context({ node }) {
  const [scheme, token] = (node?.req?.headers.authorization ?? "").split(" ");
  if (scheme !== "Bearer") {
    throw Object.assign(new Error("A bearer token is required."), { statusCode: 401 });
  }
  const { sub } = await verify(token, BETTER_AUTH_SECRET, { algorithms: ["HS256"] });
  return { pgSettings: { role: "todo_app", "app.user_id": sub } };
}

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ pool, schemas: ["public"] })],
  // Every index begins with the owner. This plugin would therefore treat other columns as not
  // indexed, and hide their orders and conditions.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  grafast: { context },
  grafserv: { watch: false, graphiql: false },
});

const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(PORT), "127.0.0.1");

process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  Promise.resolve(instance.release()).finally(() => process.exit(0));
});
