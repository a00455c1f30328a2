// Tries what no picture shows: what becomes of tokens and links, where the focus goes, what keyboard and stream do, that nothing
// jumps, and that every wait ends.
import { go, launch, openPage, sees } from "./browser.mjs";
import { GATEWAY_TOKEN, LINK, SESSION_TOKEN } from "./stand_in.mjs";

const ACCOUNT = "openai-codex";
const NEEDY = "openai-codex-work";
/** How much of the layout may move by itself: a tenth of what counts as good (Cumulative Layout Shift). */
const STILL = 0.01;
const CALLBACK = "http://localhost:1455/auth/callback?code=one-time-code";

let failed = 0;

function check(isSo, what) {
  if (!isSo) failed += 1;
  console.log(`${isSo ? "ok   " : "WRONG"} ${what}`);
}

const control = (page, account, what) => page.locator(`[data-f='${account}:${what}']`);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const cards = (page) => page.locator(".card .card-in").first().waitFor();

/** Whether a text comes to be seen. */
const comes = (page, text) => sees(page, text).then(() => true, () => false);

/** Whether something comes to be true in the page. */
const becomes = (page, condition, argument) => page.waitForFunction(condition, argument).then(() => true, () => false);
const isFocused = (page, name) => becomes(page, (wanted) => document.activeElement.dataset.f === wanted, name);

async function enterToken(page) {
  await page.getByLabel("Gateway token", { exact: true }).fill(GATEWAY_TOKEN);
  await page.keyboard.press("Enter");
}

const sessionRequests = (requests) => requests.filter((url) => url.endsWith("/v1/session")).length;

function countShifts() {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}

const TRIALS = {
  async "a link opens the page and leaves no trace"({ page, requests }) {
    await cards(page);
    check(!page.url().includes("link="), "the link is gone from the address bar");
    check(!requests.some((url) => url.includes(LINK)), "the link was in no address that was asked");
    check(sessionRequests(requests) === 1, "one session was asked for");
    const kept = await page.evaluate(() => Object.keys(localStorage).length + document.cookie.length);
    check(kept === 0, "nothing is in the browser's lasting storage or a cookie");
    await page.locator("#leave").click();
    check(await comes(page, "You are signed out of this page"), "signing out is told");
    check(await page.evaluate(() => sessionStorage.length === 0), "no session is left behind");
  },

  async "changes are shown at once and disturb nobody"({ page, gateway }) {
    await cards(page);
    // Usage comes last.
    await sees(page, "38 %");
    await control(page, ACCOUNT, "refresh").focus();
    gateway.become(ACCOUNT, "doubt");
    check(await comes(page, "In doubt"), "a change that the stream tells of is shown");
    check(await isFocused(page, `${ACCOUNT}:refresh`), "the focus stays when a card is built anew");
    gateway.become(ACCOUNT, "good");
    await control(page, ACCOUNT, "try").waitFor();
    await page.waitForTimeout(4000);
    await page.evaluate(() => { window.shifted = 0; });
    gateway.tell();
    await page.waitForTimeout(4000);
    const shifted = await page.evaluate(() => window.shifted);
    check(shifted < STILL, `nothing moves while nothing changes (${shifted.toFixed(3)})`);
  },

  async "focus and keyboard"({ page }) {
    await cards(page);
    await control(page, ACCOUNT, "bye").click();
    check(await becomes(page, () => document.activeElement.textContent === "Keep it"), "the harmless answer has the focus");
    await page.keyboard.press("Escape");
    check(await isFocused(page, `${ACCOUNT}:bye`), "Escape gives the focus back");
    await go(page, "#/activity");
    check(await becomes(page, () => document.activeElement.tagName === "H1" && document.title === "Activity · goclaw"),
      "a new screen takes the focus to its title");
    await page.goBack();
    await cards(page);
    check(await page.locator(".card").count() === 4, "going back shows the cards again");
  },

  async "a session ends by itself, and use makes it last"({ page, gateway, requests }) {
    await enterToken(page);
    await cards(page);
    check(!requests.some((url) => url.includes(GATEWAY_TOKEN)), "the token was in no address that was asked");
    check(!(await page.content()).includes(SESSION_TOKEN), "the session's token is not in the page");
    check(await comes(page, "after 30 minutes without use"), "its end is told without asking the gateway");
    await go(page, "#/activity");
    gateway.set({ sessionSeconds: 900 });
    await enterToken(page);
    check(await comes(page, "In the last 24 hours"), "signing in goes on where it was");
    const before = sessionRequests(requests);
    gateway.set({ sessionSeconds: 1800 });
    await page.mouse.click(600, 600);
    await page.waitForTimeout(800);
    check(sessionRequests(requests) === before + 1, "use refreshes a session that is near its end");
    await page.mouse.click(600, 600);
    await page.waitForTimeout(800);
    check(sessionRequests(requests) === before + 1, "and a fresh one not at all");
  },

  async "connecting by a pasted address, and a prompt"({ page, context, requests }) {
    await cards(page);
    const [tab] = await Promise.all([context.waitForEvent("page"), control(page, NEEDY, "connect").click()]);
    await tab.waitForLoadState();
    const isStranger = await tab.evaluate(() => window.opener === null && sessionStorage.length === 0);
    check(isStranger, "the other tab knows neither this page nor its session");
    await tab.close();
    const field = page.locator("#paste");
    await field.fill(`${CALLBACK}&state=of-another-login`);
    await page.keyboard.press("Enter");
    check(await field.inputValue() === "", "the field forgets what was pasted");
    check(await comes(page, "This sign-in is still open"), "a wrong address ends nothing");
    await field.fill(`${CALLBACK}&state=of-this-login`);
    await page.keyboard.press("Enter");
    check(await comes(page, "Connected as work@example.test, Business plan"), "the right one connects");
    check(!requests.some((url) => url.includes("one-time-code")), "the code was in no address that was asked");
    await page.getByRole("link", { name: "Try it" }).click();
    await press(page, "Send");
    await sees(page, "They rotate");
    await press(page, "Stop");
    check(await comes(page, "stopped by you"), "an answer can be stopped");
    const content = await page.content();
    check(content.includes("$GOCLAW_API_TOKEN") && !content.includes(SESSION_TOKEN), "examples hold a placeholder and no token");
  },

  async "a sign-in that is declined, without the stream"({ page }) {
    await cards(page);
    await control(page, NEEDY, "connect").click();
    check(await comes(page, "You declined at OpenAI"), "its end is noticed by asking");
  },

  async "a sign-in that takes too long"({ page }) {
    await cards(page);
    await control(page, NEEDY, "connect").click();
    check(await comes(page, "The time to approve is over"), "the end of its time is told");
    await press(page, "Start again");
    await press(page, "Cancel");
    check(await comes(page, /^Cancelled$/), "the next one can be cancelled");
  },

  async "one more account, and away with it"({ page }) {
    await cards(page);
    await page.getByText("Add account").click();
    await page.getByRole("radio", { name: "DashScope" }).check();
    await page.getByLabel("Name", { exact: true }).fill("dashscope-two");
    await press(page, "Continue");
    await page.getByLabel("API key", { exact: true }).fill("right");
    await press(page, "Check and save");
    check(await comes(page, "Connected dashscope-two"), "an account is added with a key");
    check(page.url().endsWith("#/providers/dashscope-two"), "and its own screen is shown");
    await control(page, "dashscope-two", "bye").click();
    await press(page, "Disconnect dashscope-two");
    check(await comes(page, "Disconnected dashscope-two"), "it is disconnected");
    check(await becomes(page, () => location.hash === "#/providers"), "and the list is shown");
  },

  async "a gateway that is stopped and comes back"({ page, gateway }) {
    await cards(page);
    gateway.fallSilent();
    check(await comes(page, "Cannot reach the gateway"), "its silence is told");
    gateway.set({ isSilent: false });
    await press(page, "Try now");
    await page.getByText("Cannot reach the gateway").waitFor({ state: "hidden" });
    check(await control(page, ACCOUNT, "try").isVisible(), "its return is noticed, and all controls are back");
  },

  async "a gateway that hangs"({ page, gateway }) {
    await cards(page);
    gateway.set({ answersAfter: 25_000 });
    await page.reload();
    check(await comes(page, "Cannot reach the gateway"), "ten seconds without an answer count as silence");
    check(!(await page.locator(".ghost").first().isVisible()), "no skeleton goes on promising something");
  },

  async "a browser without a clipboard"({ page }) {
    await cards(page);
    await go(page, `#/providers/${ACCOUNT}`);
    await press(page, "Copy");
    check(await comes(page, "Copied"), "copying works in the old way");
  },
};

/** What a trial needs to be otherwise than usual. */
const CIRCUMSTANCES = {
  "changes are shown at once and disturb nobody": { prepare: countShifts },
  "a session ends by itself, and use makes it last": { hash: "", set: { sessionSeconds: 6 } },
  "connecting by a pasted address, and a prompt": { refusals: /400/ },
  "a sign-in that is declined, without the stream": { set: { hasEventStream: false, loginEndsAs: "denied" }, refusals: /404/ },
  "a sign-in that takes too long": { set: { loginSeconds: 4 } },
  "a gateway that is stopped and comes back": { refusals: /ERR_/ },
  "a browser without a clipboard": { prepare: () => Object.defineProperty(navigator, "clipboard", { value: undefined }) },
};

const browser = await launch();
for (const [name, trial] of Object.entries(TRIALS)) {
  console.log(`${name}:`);
  const opened = await openPage(browser, CIRCUMSTANCES[name]);
  await trial(opened).catch((error) => check(false, `came to its end: ${error.message.split("\n")[0]}`));
  const complaints = opened.complaints();
  check(complaints.length === 0, ["the browser has nothing to complain about", ...complaints].join("\n      "));
  await opened.close();
}
await browser.close();
console.log(failed === 0 ? "the page behaves as it should" : `${failed} wrong`);
process.exitCode = failed === 0 ? 0 : 1;
