// The operations of Relay, compiled to JavaScript.

import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { FOLDER, checkTypes, emptyFolder, runTool } from "./tools.js";

/** Compile the operations. */
export async function compileRelay() {
  await emptyFolder("relay");
  const compiled = await emptyFolder("relay-js");
  await writeFile(`${compiled}/package.json`, '{"type": "commonjs"}');
  await runTool("relay-compiler", "relay.config.json");
  await checkTypes("relay/tsconfig.json");
}

/** Return a compiled operation or fragment. */
export const artifact = (name) =>
  createRequire(import.meta.url)(`${FOLDER}/generated/relay-js/operations${name}.graphql.js`).default;
