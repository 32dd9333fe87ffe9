// A headless Chromium, whose requests for the files of the CDN a test answers.

import { readFile } from "node:fs/promises";

import { FOLDER } from "./tools.js";

// With this variable, the package brings the shared libraries of Chromium, too.
process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs20.x";
const { default: chromium } = await import("@sparticuz/chromium");
const { default: puppeteer } = await import("puppeteer-core");

const CDN = "https://unpkg.com/";

/** How the CDN may behave. */
export const Network = {
  cut: (request) => request.abort("internetdisconnected"),
  silent: () => {},
  working: async (request) => {
    const [, name, path] = /^https:\/\/unpkg\.com\/([^@]+)@[^/]+\/(.*)$/.exec(request.url());
    await request.respond({
      body: await readFile(`${FOLDER}/node_modules/${name}/${path}`),
      contentType: path.endsWith(".css") ? "text/css" : "text/javascript",
      headers: { "access-control-allow-origin": "*" },
    });
  },
};

/** Open a page in a new browser, and call `work` with it and with its errors. */
export async function withPage(url, answerCDN, work) {
  const browser = await puppeteer.launch({
    args: [...chromium.args, "--no-sandbox"],
    executablePath: await chromium.executablePath(),
    headless: "shell",
  });
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.setRequestInterception(true);
    page.on("request", (request) =>
      request.url().startsWith(CDN) ? answerCDN(request) : request.continue(),
    );
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await work(page, errors);
  } finally {
    await browser.close();
  }
}
