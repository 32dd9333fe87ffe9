// The command-line tools of the packages.

import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";

export const FOLDER = import.meta.dirname;

/** Run a program of node_modules. Throw an error with its output if it fails. */
export function runTool(name, ...options) {
  return new Promise((resolve, reject) => {
    const program = spawn(`${FOLDER}/node_modules/.bin/${name}`, options, {
      cwd: FOLDER,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [program.stdout, program.stderr])
      stream.on("data", (part) => (output += part));
    program.on("error", reject);
    program.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`${name} ${options.join(" ")} failed:\n${output}`)),
    );
  });
}

/** Return an empty folder for generated files. */
export async function emptyFolder(name) {
  const path = `${FOLDER}/generated/${name}`;
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  return path;
}

/** Check TypeScript files with a configuration as strict as it can be. */
export const checkTypes = (project) => runTool("tsc", "--project", project);
