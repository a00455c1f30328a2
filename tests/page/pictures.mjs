// Takes a screenshot of every screen in light and dark, wide and narrow. Fails on axe-core violations, browser errors
// and horizontal overflow.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { launch, openPage, tools, waitForText } from "./browser.mjs";
import { SCREENS } from "./screens.mjs";

const MODES = {
  "wide-light": { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  "wide-dark": { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  "narrow-light": { viewport: { width: 390, height: 800 }, colorScheme: "light" },
  "narrow-dark": { viewport: { width: 390, height: 800 }, colorScheme: "dark" },
  "tiny-light": { viewport: { width: 320, height: 640 }, colorScheme: "light" },
};
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** Milliseconds until late content, such as usage, has loaded. */
const PAUSE = 500;

const [folder, wanted = ""] = process.argv.slice(2);
const axe = readFileSync(tools.resolve("axe-core/axe.min.js"), "utf8");

const firstLine = (error) => error.message.split("\n")[0];

/** Waits until the link has signed in, and dismisses the notice. */
async function signIn(page) {
  await page.locator(".cards .card, .choices").first().waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
}

async function inspect(page) {
  const wider = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  // Evaluate axe-core as source, because the page's CSP blocks other scripts.
  await page.evaluate(axe);
  const violations = await page.evaluate(async (rules) => {
    const found = await window.axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    const places = (nodes) => nodes.map(({ target }) => target.join(" ")).join(", ");
    return found.violations.map(({ id, help, nodes }) => `axe-core: ${id}: ${help}: ${places(nodes)}`);
  }, RULES);
  return wider > 0 ? [`${wider} px wider than the window`, ...violations] : violations;
}

/** Takes one screenshot and returns the screen's errors. */
async function capture(browser, name, mode) {
  const { act, shows, set, hash, refusals, isSignedOut = false, isBrief = false } = SCREENS[name];
  const opened = await openPage(browser, { set, hash, refusals, reducedMotion: "reduce", ...MODES[mode] });
  const { page, gateway, problems, close } = opened;
  const errors = [];
  try {
    if (!isSignedOut) await signIn(page);
    await act?.(page, gateway);
    await waitForText(page, shows);
    if (!isBrief) await page.waitForTimeout(PAUSE);
  } catch (error) {
    errors.push(`"${shows}" is not shown: ${firstLine(error)}`);
  }
  try {
    await page.screenshot({ path: `${folder}/${name}-${mode}.png`, fullPage: true });
    errors.push(...await inspect(page));
  } catch (error) {
    errors.push(`not inspected: ${firstLine(error)}`);
  }
  errors.push(...problems());
  await close();
  return errors;
}

const names = wanted ? wanted.split(",") : Object.keys(SCREENS);
const unknown = names.filter((name) => !(name in SCREENS));
if (unknown.length > 0) {
  console.error(`unknown screen ${unknown.join(", ")}; known screens: ${Object.keys(SCREENS).join(", ")}`);
  process.exit(2);
}
// Remove screenshots of deleted screens.
if (!wanted) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const browser = await launch();
const modes = Object.keys(MODES);
let failed = 0;
for (const name of names) {
  const found = await Promise.all(modes.map((mode) => capture(browser, name, mode)));
  const failing = modes.filter((_, index) => found[index].length > 0);
  failed += failing.length;
  console.log(failing.length === 0 ? `ok    ${name}` : `WRONG ${name}`);
  for (const error of new Set(found.flat())) {
    const where = modes.filter((_, index) => found[index].includes(error));
    console.log(`      ${where.length === modes.length ? "everywhere" : where.join(", ")}: ${error}`);
  }
}
await browser.close();
const taken = names.length * modes.length;
console.log(`${taken} screenshots of ${names.length} screens in ${folder}, ${failed} with errors`);
process.exitCode = failed === 0 ? 0 : 1;
