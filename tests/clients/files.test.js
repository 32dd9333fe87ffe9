// Export and import as a page does them, with a stand-in for its document.

import assert from "node:assert/strict";
import { resolveObjectURL } from "node:buffer";
import { afterEach, mock, test } from "node:test";

import { downloadTasks, importTasks } from "./recipes/files.js";
import { createFetch } from "./setup/fetch.js";
import { GRAPHQL_URL, countTasks, createTasks, newUser } from "./support.js";

const API = GRAPHQL_URL.replace(/\/graphql$/, "");
const EXCEL = "application/vnd.ms-excel";

afterEach(() => delete globalThis.document);

/** Download tasks as a page of the user, and return the name and the content of the file. */
async function download(user, format) {
  const link = { click: mock.fn() };
  globalThis.document = { createElement: () => link };
  await downloadTasks(API, createFetch(user), format);
  assert.equal(link.click.mock.callCount(), 1);
  return { name: link.download, content: resolveObjectURL(link.href) };
}

for (const format of ["csv", "json"]) {
  test(`a file in ${format} is downloaded, and imported with a wrong type`, async () => {
    const [user, other] = [newUser(), newUser()];
    await createTasks(user, "Buy milk", "Acheter du café");
    const { name, content } = await download(user, format);
    assert.equal(name, `tasks.${format}`);
    const file = new File([content], name.toUpperCase(), { type: EXCEL });
    const { created, existing } = await importTasks(API, createFetch(other), file);
    assert.deepEqual({ created, existing }, { created: 2, existing: 0 });
    assert.equal(await countTasks(other), 2);
  });
}

test("a CSV file begins with the mark of UTF-8", async () => {
  const user = newUser();
  await createTasks(user, "Buy milk");
  const bytes = Buffer.from(await (await download(user, "csv")).content.arrayBuffer());
  assert.equal(bytes.subarray(0, 6).toString("hex"), "efbbbf" + Buffer.from("id,").toString("hex"));
});

test("a type of Excel is rejected", async () => {
  const headers = { "content-type": EXCEL };
  const options = { method: "POST", headers, body: "title\nBuy milk\n" };
  assert.equal((await createFetch(newUser())(`${API}/import`, options)).status, 415);
});

test("an import reports the first problem of the file", async () => {
  const file = new File(["title,priority\nA,SOMETIMES\nB,NEVER\n"], "tasks.csv");
  await assert.rejects(importTasks(API, createFetch(newUser()), file), {
    message: /^Line 2: Invalid priority/,
  });
});

test("a failed export is an error", async () => {
  const user = newUser({ expired: true });
  user.refreshToken = async () => {};
  await assert.rejects(download(user, "csv"), { message: "The export failed with status 401." });
});
