// Opens the page in a browser, with a stand-in gateway of its own, and records the browser's errors.
import { createRequire } from "node:module";
import { LINK, startStandIn } from "./stand_in.mjs";

// page.sh installs the tools in a folder that `import` does not search.
export const tools = createRequire(`${process.env.PAGE_TOOLS}/`);
const { chromium } = tools("playwright-core");

/** The timeout of every wait in milliseconds, long enough for busy machines. */
const TIMEOUT = 30_000;

export const launch = () => chromium.launch({
  executablePath: process.env.PAGE_CHROMIUM,
  // Chromium's sandbox does not work for root.
  chromiumSandbox: process.getuid() !== 0,
});

/** Waits until a text is visible. */
export const waitForText = (page, text) => page.getByText(text).filter({ visible: true }).first().waitFor();

export const go = (page, hash) => page.evaluate((wanted) => { location.hash = wanted; }, hash);

/**
 * Opens the page: `{ page, gateway, context, requests, problems, close }`.
 *
 * `set` configures the stand-in, `hash` is the URL fragment, `prepare` runs in the page before its scripts, and `refusals` matches
 * expected browser errors, such as a 401.
 */
export async function openPage(browser, { set, hash = `#link=${LINK}`, prepare, refusals, ...contextOptions } = {}) {
  const gateway = await startStandIn(set);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Berlin", ...contextOptions });
  context.setDefaultTimeout(TIMEOUT);
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => {
    const text = message.text();
    const isExpected = refusals && text.startsWith("Failed to load resource") && refusals.test(text);
    if (!["error", "warning"].includes(message.type()) || isExpected) return;
    errors.push(`${text.includes("Content Security Policy") ? "CSP" : "console"}: ${text}`);
  });
  page.on("pageerror", (error) => errors.push(`script error: ${error.message}`));
  page.on("request", (request) => requests.push(request.url()));
  if (prepare) await page.addInitScript(prepare);
  await page.goto(`${gateway.address}/${hash}`);
  return {
    page, gateway, context, requests,
    problems: () => [...errors, ...[...new Set(gateway.faults)].map((fault) => `stand-in: ${fault}`)],
    async close() {
      await context.close();
      gateway.stop();
    },
  };
}
