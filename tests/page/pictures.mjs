// Takes a picture of every screen of the page, light and dark, wide and narrow, and fails where something is wrong that a program can
// see: what axe-core finds, what the browser says, and what is wider than the window.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { launch, openPage, sees, tools } from "./browser.mjs";
import { SCREENS } from "./screens.mjs";

const MODES = {
  "wide-light": { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  "wide-dark": { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  "narrow-light": { viewport: { width: 390, height: 800 }, colorScheme: "light" },
  "narrow-dark": { viewport: { width: 390, height: 800 }, colorScheme: "dark" },
  "tiny-light": { viewport: { width: 320, height: 640 }, colorScheme: "light" },
};
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** Usage and the like come a moment after the accounts; in milliseconds. */
const REST = 500;

const [folder, wanted = ""] = process.argv.slice(2);
const axe = readFileSync(tools.resolve("axe-core/axe.min.js"), "utf8");

const firstLine = (error) => error.message.split("\n")[0];

/** Signs in as a person with a link does, and puts away what is said about that. */
async function signIn(page) {
  await page.locator(".cards .card, .choices").first().waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
}

async function judge(page) {
  const wider = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  // Handed over as source and not as a script of the page, which its policy would not let in.
  await page.evaluate(axe);
  const violations = await page.evaluate(async (rules) => {
    const found = await window.axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    const places = (nodes) => nodes.map(({ target }) => target.join(" ")).join(", ");
    return found.violations.map(({ id, help, nodes }) => `axe-core: ${id}: ${help}: ${places(nodes)}`);
  }, RULES);
  return wider > 0 ? [`${wider} px wider than the window`, ...violations] : violations;
}

/** Takes one picture; answers what is wrong with what it shows. */
async function look(browser, name, mode) {
  const { act, shows, set, hash, refusals, isSignedOut = false, isBrief = false } = SCREENS[name];
  const opened = await openPage(browser, { set, hash, refusals, reducedMotion: "reduce", ...MODES[mode] });
  const { page, gateway, complaints, close } = opened;
  const flaws = [];
  try {
    if (!isSignedOut) await signIn(page);
    await act?.(page, gateway);
    await sees(page, shows);
    if (!isBrief) await page.waitForTimeout(REST);
  } catch (error) {
    flaws.push(`"${shows}" is not shown: ${firstLine(error)}`);
  }
  try {
    await page.screenshot({ path: `${folder}/${name}-${mode}.png`, fullPage: true });
    flaws.push(...await judge(page));
  } catch (error) {
    flaws.push(`not judged: ${firstLine(error)}`);
  }
  flaws.push(...complaints());
  await close();
  return flaws;
}

const names = wanted ? wanted.split(",") : Object.keys(SCREENS);
const unknown = names.filter((name) => !(name in SCREENS));
if (unknown.length > 0) {
  console.error(`there is no screen ${unknown.join(", ")}; there are: ${Object.keys(SCREENS).join(", ")}`);
  process.exit(2);
}
// A picture of a screen that is no more would be taken for one that is.
if (!wanted) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const browser = await launch();
const modes = Object.keys(MODES);
let flawed = 0;
for (const name of names) {
  const found = await Promise.all(modes.map((mode) => look(browser, name, mode)));
  const bad = modes.filter((_, index) => found[index].length > 0);
  flawed += bad.length;
  console.log(bad.length === 0 ? `ok    ${name}` : `WRONG ${name}`);
  for (const flaw of new Set(found.flat())) {
    const where = modes.filter((_, index) => found[index].includes(flaw));
    console.log(`      ${where.length === modes.length ? "everywhere" : where.join(", ")}: ${flaw}`);
  }
}
await browser.close();
const taken = names.length * modes.length;
console.log(`${taken} pictures of ${names.length} screens are in ${folder}; ${flawed === 0 ? "none is" : `${flawed} are`} wrong`);
process.exitCode = flawed === 0 ? 0 : 1;
