// Running the command-line tools of the packages, which the tests of code generators do.

import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
export const FOLDER = import.meta.dirname;

/** Run a program of node_modules and return its output. An error contains the output, too. */
export async function runTool(name, ...options) {
  try {
    const { stdout } = await run(`${FOLDER}/node_modules/.bin/${name}`, options, { cwd: FOLDER });
    return stdout;
  } catch (error) {
    throw new Error(`${name} ${options.join(" ")} failed:\n${error.stdout}${error.stderr}`);
  }
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
