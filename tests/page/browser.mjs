// Opens the page in a browser in front of a stand-in of its own, and writes down what the browser has to say against it, so that the
// pictures and the behaviour are judged alike.
import { createRequire } from "node:module";
import { LINK, startStandIn } from "./stand_in.mjs";

// The tools are installed by page.sh and not beside these files, where an import would look for them.
export const tools = createRequire(`${process.env.PAGE_TOOLS}/`);
const { chromium } = tools("playwright-core");

/** How long anything is waited for; far above what it takes, also on a machine that is busy. */
const PATIENCE = 30_000;

export const launch = () => chromium.launch({
  executablePath: process.env.PAGE_CHROMIUM,
  // Chromium refuses to put root into its sandbox.
  chromiumSandbox: process.getuid() !== 0,
});

/** Waits until a text can be seen. */
export const sees = (page, text) => page.getByText(text).filter({ visible: true }).first().waitFor();

export const go = (page, hash) => page.evaluate((wanted) => { location.hash = wanted; }, hash);

/**
 * Opens the page: `{ page, gateway, context, requests, complaints, close }`.
 *
 * `set` is for the stand-in, `hash` what the address ends with, `prepare` runs in the page before its own scripts. `refusals` is what the
 * browser may say of answers that the test itself asked for, such as a 401.
 */
export async function openPage(browser, { set, hash = `#link=${LINK}`, prepare, refusals, ...look } = {}) {
  const gateway = await startStandIn(set);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Berlin", ...look });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const said = [];
  const requests = [];
  page.on("console", (message) => {
    const text = message.text();
    const isAskedFor = refusals && text.startsWith("Failed to load resource") && refusals.test(text);
    if (!["error", "warning"].includes(message.type()) || isAskedFor) return;
    said.push(`${text.includes("Content Security Policy") ? "CSP" : "console"}: ${text}`);
  });
  page.on("pageerror", (error) => said.push(`error of a script: ${error.message}`));
  page.on("request", (request) => requests.push(request.url()));
  if (prepare) await page.addInitScript(prepare);
  await page.goto(`${gateway.address}/${hash}`);
  return {
    page, gateway, context, requests,
    complaints: () => [...said, ...[...new Set(gateway.faults)].map((fault) => `the stand-in is no gateway: ${fault}`)],
    async close() {
      await context.close();
      gateway.stop();
    },
  };
}
