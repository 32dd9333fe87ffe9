// The page of GraphiQL in a browser, and the small editor where GraphiQL does not load.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Network, withPage } from "./browser.js";
import { PAGE_URL, createTasks, newUser, until } from "./support.js";

const output = (page) => page.$eval("#output", (element) => element.textContent);
const outputWith = (page, text) =>
  page.waitForFunction(
    (expected) => document.querySelector("#output").textContent.includes(expected),
    {},
    text,
  );
const fill = (page, id, text) =>
  page.$eval(id, (element, value) => (element.value = value), text);

for (const [name, network] of [
  ["without a network", Network.cut],
  ["while the CDN is silent", Network.silent],
]) {
  test(`the small editor opens ${name}`, async () => {
    await withPage(PAGE_URL, network, async (page, errors) => {
      await page.waitForSelector(".editor", { timeout: 6000 });
      assert.match(await page.$eval(".notice", (element) => element.textContent), /did not load/);
      assert.deepEqual(errors, []);
    });
  });
}

test("the small editor runs operations and shows the schema", async () => {
  await withPage(PAGE_URL, Network.cut, async (page) => {
    await page.waitForSelector(".editor");
    await page.click("#run");
    await outputWith(page, "UNAUTHENTICATED");
    await fill(page, "#token", newUser().token);
    await page.click("#run"); // the first example creates a task
    await outputWith(page, '"title": "Buy milk"');
    const { id } = JSON.parse(await output(page)).data.createTask.task;
    await page.select("#examples", "CompleteTask");
    await fill(page, "#variables", JSON.stringify({ id }));
    await page.focus("#document");
    await page.keyboard.down("Control");
    await page.keyboard.press("Enter");
    await page.keyboard.up("Control");
    await outputWith(page, "completedAt");
    await page.click("#schema");
    await outputWith(page, "type Mutation");
  });
});

test("the small editor explains mistakes, and shows answers as text", async () => {
  await withPage(PAGE_URL, Network.cut, async (page) => {
    await page.waitForSelector(".editor");
    await fill(page, "#token", newUser().token);
    await fill(page, "#variables", "{nope");
    await page.click("#run");
    await outputWith(page, "The variables are not JSON");
    await fill(page, "#variables", "");
    const title = "<img src=x onerror=alert(1)>";
    await fill(page, "#document", `mutation { createTask(input: {title: "${title}"}) { task { title } } }`);
    await page.click("#run");
    await outputWith(page, title);
    assert.equal(await page.$("#output img"), null);
  });
});

test("the small editor shows a subscription live, until it is stopped", async () => {
  await withPage(PAGE_URL, Network.cut, async (page, errors) => {
    await page.waitForSelector(".editor");
    const user = newUser();
    await fill(page, "#token", user.token);
    await page.select("#examples", "TaskChanges");
    await page.click("#run");
    await outputWith(page, '"changes": []');
    await createTasks(user, "Buy milk");
    await outputWith(page, '"title": "Buy milk"');
    await createTasks(user, "Buy bread");
    await outputWith(page, '"title": "Buy bread"');
    assert.match(await output(page), /"changes": \[\]/);

    await page.click("#stop");
    await createTasks(user, "Buy soap");
    await page.select("#examples", "Tasks");
    await page.click("#run");
    await outputWith(page, '"title": "Buy soap"');
    await outputWith(page, "totalCount");
    assert.deepEqual(errors, []);
  });
});

/** Sign the page in, as `dev` does. */
const signIn = (page, { token }) =>
  page.evaluate((authorization) => {
    configuration.headers.Authorization = authorization;
  }, `Bearer ${token}`);

/** Open a tab, and wait until GraphiQL knows its operation. */
async function openTab(page, place, operation) {
  await (await page.$$(".graphiql-tab-button"))[place].click();
  await page.waitForFunction(
    (name) =>
      document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.operationName === name,
    {},
    operation,
  );
}

async function shownResult(page, text) {
  const shown = () => page.$eval(".result-window", (element) => element.textContent);
  await until(async () => (await shown()).includes(text)).catch(async () => {
    assert.fail(`${text} is not in ${await shown()}`);
  });
}

test("GraphiQL shows a subscription live in a tab", async () => {
  await withPage(PAGE_URL, Network.working, async (page, errors) => {
    const user = newUser();
    await page.waitForSelector(".graphiql-execute-button", { timeout: 15_000 });
    await signIn(page, user);
    await openTab(page, 1, "Tasks");
    await page.click(".graphiql-execute-button");
    await shownResult(page, '"totalCount": 0');

    await openTab(page, 3, "TaskChanges");
    await page.click(".graphiql-execute-button");
    await shownResult(page, '"changes": []');
    await createTasks(user, "Buy milk");
    await shownResult(page, "Buy milk");
    await page.click(".graphiql-execute-button"); // stops it
    await page.waitForSelector('.graphiql-execute-button[aria-label^="Execute"]');
    assert.deepEqual(errors, []);
  });
});

test("GraphiQL opens where its files load", async () => {
  await withPage(PAGE_URL, Network.working, async (page, errors) => {
    await page.waitForSelector(".graphiql-container", { timeout: 15_000 });
    assert.equal(await page.$(".editor"), null);
    assert.deepEqual(errors, []);
  });
});
