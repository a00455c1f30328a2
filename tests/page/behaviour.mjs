// Tests behaviour that screenshots do not show: tokens and links, focus, keyboard, event stream, layout shifts and
// timeouts.
import { go, launch, openPage, waitForText } from "./browser.mjs";
import { GATEWAY_TOKEN, LINK, SESSION_TOKEN } from "./stand_in.mjs";

const ACCOUNT = "openai-codex";
const NEEDS_LOGIN = "openai-codex-work";
/** Maximum Cumulative Layout Shift, a tenth of the "good" threshold. */
const MAX_SHIFT = 0.01;
const CALLBACK = "http://localhost:1455/auth/callback?code=one-time-code";

let failed = 0;

function check(isTrue, what) {
  if (!isTrue) failed += 1;
  console.log(`${isTrue ? "ok   " : "WRONG"} ${what}`);
}

const control = (page, account, what) => page.locator(`[data-f='${account}:${what}']`);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const waitForCards = (page) => page.locator(".card .card-in").first().waitFor();

/** Returns whether a text becomes visible. */
const appears = (page, text) => waitForText(page, text).then(() => true, () => false);

/** Returns whether a condition becomes true in the page. */
const becomes = (page, condition, argument) => page.waitForFunction(condition, argument).then(() => true, () => false);
const becomesFocused = (page, name) => becomes(page, (wanted) => document.activeElement.dataset.f === wanted, name);

async function enterToken(page) {
  await page.getByLabel("Gateway token", { exact: true }).fill(GATEWAY_TOKEN);
  await page.keyboard.press("Enter");
}

const countSessionRequests = (requests) => requests.filter((url) => url.endsWith("/v1/session")).length;

/** Returns, in the page, whether the stored session lasts for more than 20 minutes. */
function hasFreshSession() {
  const expiries = Object.values(sessionStorage).map((text) => (text.startsWith("{") ? JSON.parse(text).expires_at : 0));
  return expiries.some((seconds) => seconds > Date.now() / 1000 + 1200);
}

function countShifts() {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}

const TESTS = {
  async "a link opens the page and leaves no trace"({ page, requests }) {
    await waitForCards(page);
    check(!page.url().includes("link="), "the link is gone from the address bar");
    check(!requests.some((url) => url.includes(LINK)), "no request URL contains the link");
    check(countSessionRequests(requests) === 1, "one session is requested");
    const kept = await page.evaluate(() => Object.keys(localStorage).length + document.cookie.length);
    check(kept === 0, "localStorage and cookies are empty");
    await page.locator("#leave").click();
    check(await appears(page, "You are signed out of this page"), "signing out is confirmed");
    check(await page.evaluate(() => sessionStorage.length === 0), "the session is deleted");
  },

  async "changes are shown at once without focus loss or layout shift"({ page, gateway }) {
    await waitForCards(page);
    // Usage loads last.
    await waitForText(page, "38 %");
    await control(page, ACCOUNT, "refresh").focus();
    gateway.setState(ACCOUNT, "doubt");
    check(await appears(page, "In doubt"), "a change from the stream is shown");
    check(await becomesFocused(page, `${ACCOUNT}:refresh`), "the focus survives a rebuilt card");
    gateway.setState(ACCOUNT, "good");
    await control(page, ACCOUNT, "try").waitFor();
    // The absence of shifts has no event to wait for.
    await page.waitForTimeout(4000);
    await page.evaluate(() => { window.shifted = 0; });
    gateway.sendChange();
    await page.waitForTimeout(4000);
    const shifted = await page.evaluate(() => window.shifted);
    check(shifted < MAX_SHIFT, `the layout is stable without changes (${shifted.toFixed(3)})`);
  },

  async "focus and keyboard"({ page }) {
    await waitForCards(page);
    await control(page, ACCOUNT, "bye").click();
    check(await becomes(page, () => document.activeElement.textContent === "Keep it"), "the safe choice has the focus");
    await page.keyboard.press("Escape");
    check(await becomesFocused(page, `${ACCOUNT}:bye`), "Escape returns the focus");
    await go(page, "#/activity");
    check(await becomes(page, () => document.activeElement.tagName === "H1" && document.title === "Activity · goclaw"),
      "a new screen focuses its title");
    await page.goBack();
    await waitForCards(page);
    check(await page.locator(".card").count() === 4, "going back shows the cards again");
  },

  async "a session expires without use and is extended by use"({ page, gateway, requests }) {
    await enterToken(page);
    await waitForCards(page);
    check(!requests.some((url) => url.includes(GATEWAY_TOKEN)), "no request URL contains the token");
    check(!(await page.content()).includes(SESSION_TOKEN), "the session's token is not in the page");
    check(await appears(page, "after 30 minutes without use"), "its expiry is shown without a request");
    await go(page, "#/activity");
    gateway.set({ sessionSeconds: 900 });
    await enterToken(page);
    check(await appears(page, "In the last 24 hours"), "signing in returns to the same screen");
    const before = countSessionRequests(requests);
    gateway.set({ sessionSeconds: 1800 });
    // A click on any place counts as use.
    await page.mouse.click(600, 600);
    check(await becomes(page, hasFreshSession), "use extends a session near its expiry");
    check(countSessionRequests(requests) === before + 1, "by one request");
    await page.mouse.click(600, 600);
    // A click sends its request at once, before those of the next screen.
    await go(page, "#/providers");
    await waitForCards(page);
    check(countSessionRequests(requests) === before + 1, "use does not extend a fresh session");
  },

  async "signing out everywhere asks first"({ page, requests }) {
    await waitForCards(page);
    await page.getByRole("button", { name: "Sign out everywhere" }).click();
    check(await appears(page, "This ends all sessions and links"), "the question states the effect");
    check(!requests.some((url) => url.includes("/v1/sessions")), "nothing ends before the answer");
    await page.getByLabel("Also revoke the tokens of programs").check();
    await page.locator("#notices").getByRole("button", { name: "Sign out everywhere" }).click();
    check(await appears(page, "You are signed out of this page"), "the page is signed out");
    check(requests.some((url) => url.endsWith("/v1/sessions?tokens=true")), "the choice to revoke the programs' tokens is sent");
  },

  async "a sign-out that the gateway does not confirm"({ page }) {
    await waitForCards(page);
    await page.locator("#leave").click();
    check(await appears(page, "The gateway didn’t confirm it"), "the page says so");
    check(await page.evaluate(() => sessionStorage.length === 0), "the session is deleted from the tab");
  },

  async "connecting by a pasted address, then a prompt"({ page, context, requests }) {
    await waitForCards(page);
    const [tab] = await Promise.all([context.waitForEvent("page"), control(page, NEEDS_LOGIN, "connect").click()]);
    await tab.waitForLoadState();
    const isIsolated = await tab.evaluate(() => window.opener === null && sessionStorage.length === 0);
    check(isIsolated, "the other tab has no access to this page or its session");
    await tab.close();
    const field = page.locator("#paste");
    await field.fill(`${CALLBACK}&state=of-another-login`);
    await page.keyboard.press("Enter");
    check(await field.inputValue() === "", "the field is cleared");
    check(await appears(page, "This sign-in is still open"), "a wrong address does not end the login");
    await field.fill(`${CALLBACK}&state=of-this-login`);
    await page.keyboard.press("Enter");
    check(await appears(page, "Connected as work@example.test, Business plan"), "the right address connects");
    check(!requests.some((url) => url.includes("one-time-code")), "no request URL contains the code");
    await page.getByRole("link", { name: "Try it" }).click();
    await press(page, "Send");
    await waitForText(page, "They rotate");
    await press(page, "Stop");
    check(await appears(page, "stopped by you"), "an answer can be stopped");
    const content = await page.content();
    check(content.includes("$GOCLAW_API_TOKEN") && !content.includes(SESSION_TOKEN), "examples contain a placeholder instead of a token");
  },

  async "a declined sign-in without the event stream"({ page }) {
    await waitForCards(page);
    await control(page, NEEDS_LOGIN, "connect").click();
    check(await appears(page, "You denied access at OpenAI"), "polling detects the end");
  },

  async "a sign-in that times out"({ page }) {
    await waitForCards(page);
    await control(page, NEEDS_LOGIN, "connect").click();
    check(await appears(page, "Sign-in timed out"), "the timeout is shown");
    await press(page, "Start again");
    await press(page, "Cancel");
    check(await appears(page, /^Sign-in cancelled$/), "the next one can be cancelled");
  },

  async "a sign-in that is completed after its time"({ page, gateway }) {
    await waitForCards(page);
    await control(page, NEEDS_LOGIN, "connect").click();
    await waitForText(page, "Approve in the other tab");
    // Its code is being redeemed, so it is neither pending nor over.
    const login = gateway.pending.get(NEEDS_LOGIN);
    gateway.pending.delete(NEEDS_LOGIN);
    check(await appears(page, "Checking the outcome"), "its outcome is not guessed");
    await Promise.all([page.waitForResponse((response) => response.url().endsWith("/cancel")), press(page, "Cancel")]);
    gateway.pending.set(NEEDS_LOGIN, { ...login, expires_at: login.expires_at + 600 });
    gateway.endLogin(NEEDS_LOGIN, "completed");
    check(await appears(page, "Connected as work@example.test"), "a cancel that came too late does not hide its success");
  },

  async "adding and disconnecting an account"({ page }) {
    await waitForCards(page);
    await page.getByText("Add account").click();
    await page.getByRole("radio", { name: "DashScope" }).check();
    await page.getByLabel("Name", { exact: true }).fill("dashscope-two");
    await press(page, "Continue");
    await page.getByLabel("API key", { exact: true }).fill("right");
    await press(page, "Check and save");
    check(await appears(page, "Connected dashscope-two"), "an account is added with a key");
    check(page.url().endsWith("#/providers/dashscope-two"), "and its own screen is shown");
    await control(page, "dashscope-two", "bye").click();
    await press(page, "Disconnect dashscope-two");
    check(await appears(page, "Disconnected dashscope-two"), "it is disconnected");
    check(await becomes(page, () => location.hash === "#/providers"), "and the list is shown");
  },

  async "a gateway that stops and returns"({ page, gateway }) {
    await waitForCards(page);
    gateway.fallSilent();
    check(await appears(page, "Cannot reach the gateway"), "the outage is shown");
    gateway.set({ isSilent: false });
    await press(page, "Try now");
    await page.getByText("Cannot reach the gateway").waitFor({ state: "hidden" });
    check(await control(page, ACCOUNT, "try").isVisible(), "its return is detected, and the controls are back");
  },

  async "a gateway that hangs"({ page, gateway }) {
    await waitForCards(page);
    gateway.set({ answersAfter: 25_000 });
    await page.reload();
    check(await appears(page, "Cannot reach the gateway"), "ten seconds without a response count as an outage");
    check(!(await page.locator(".ghost").first().isVisible()), "the skeleton is hidden");
  },

  async "a browser without a clipboard"({ page }) {
    await waitForCards(page);
    await go(page, `#/providers/${ACCOUNT}`);
    await press(page, "Copy");
    check(await appears(page, "Copied"), "copying works without the Clipboard API");
  },
};

/** Options of `openPage` by test. */
const OPTIONS = {
  "changes are shown at once without focus loss or layout shift": { prepare: countShifts },
  "a session expires without use and is extended by use": { hash: "", set: { sessionSeconds: 6 } },
  "connecting by a pasted address, then a prompt": { refusals: /400/ },
  "a declined sign-in without the event stream": { set: { hasEventStream: false, loginEndsAs: "denied" }, refusals: /404/ },
  "a sign-out that the gateway does not confirm": { set: { signOutFails: true }, refusals: /503/ },
  "a sign-in that times out": { set: { loginSeconds: 4 } },
  "a sign-in that is completed after its time": { set: { loginSeconds: 4 } },
  "a gateway that stops and returns": { refusals: /ERR_/ },
  "a browser without a clipboard": { prepare: () => Object.defineProperty(navigator, "clipboard", { value: undefined }) },
};

const browser = await launch();
for (const [name, test] of Object.entries(TESTS)) {
  console.log(`${name}:`);
  const opened = await openPage(browser, OPTIONS[name]);
  await test(opened).catch((error) => check(false, `finished: ${error.message.split("\n")[0]}`));
  const problems = opened.problems();
  check(problems.length === 0, ["the browser reports no errors", ...problems].join("\n      "));
  await opened.close();
}
await browser.close();
console.log(failed === 0 ? "all checks passed" : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
