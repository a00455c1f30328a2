// Lists every screen of the page with the stand-in's settings, the user's actions, and a text that the screen shows.
// `pictures.mjs` tests only these screens.
import { go, waitForText } from "./browser.mjs";

const NAMES = { work: "openai-codex-work", first: "openai-codex" };

const press = (name) => (page) => page.getByRole("button", { name, exact: true }).click();
const control = (account, what) => (page) => page.locator(`[data-f='${account}:${what}']`).click();
const open = (hash) => (page) => go(page, hash);
const connect = control(NAMES.work, "connect");
const sendPrompt = async (page) => {
  await go(page, `#/providers/${NAMES.first}`);
  await press("Send")(page);
};

async function enter(page, label, text) {
  await page.getByLabel(label, { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

async function paste(page, address) {
  await connect(page);
  await enter(page, "Manual callback: paste it here", address);
}

/** The options for the sign-in screen without a session. */
const SIGN_IN_SCREEN = { hash: "", isSignedOut: true };
const wrongToken = (page) => enter(page, "Gateway token", "not-the-token");

/**
 * The screens by name: `set` configures the stand-in, `hash` is the URL fragment, `act` runs once the accounts are shown
 * (at once with `isSignedOut`), `shows` is a text of the screen, `refusals` matches the expected browser errors, and
 * `isBrief` skips the pause before the screenshot.
 */
export const SCREENS = {
  "sign-in": { ...SIGN_IN_SCREEN, shows: "Sign in to this gateway" },
  "sign-in-wrong-token": { ...SIGN_IN_SCREEN, act: wrongToken, shows: "This is not the gateway’s token", refusals: /401/ },
  "sign-in-too-many": { ...SIGN_IN_SCREEN, set: { wrongTokensAllowed: 0 }, act: wrongToken, shows: "Too many wrong tokens", refusals: /429/ },
  "link-good": { isSignedOut: true, shows: "You are signed in" },
  "link-used-up": { isSignedOut: true, hash: "#link=of-yesterday", shows: "This link no longer works", refusals: /401/ },

  "providers": { shows: "One account needs you" },
  "providers-in-trouble": {
    set: { accounts: { "openai-codex": "doubt", "openai-codex-work": "postponed", "openai-codex-down": "down", "openai-codex-off": "off",
      "openai-codex-now": "refreshing", dashscope: "key" } },
    shows: "One account is in doubt", refusals: /502/,
  },
  "providers-first-start": {
    set: { accounts: { "openai-codex": "absent", suno: "absent", dashscope: "absent" } }, shows: "Connect an account",
  },
  "providers-all-well": { set: { accounts: { "openai-codex": "good", suno: "good", dashscope: "key" } }, shows: "Everything is working" },
  "add-account": { act: (page) => page.getByText("Add account").click(), shows: "Programs select this account by its name" },
  "disconnect-asks": { act: control(NAMES.first, "bye"), shows: "Disconnect openai-codex?" },
  "disconnect-done": {
    async act(page) {
      await control(NAMES.first, "bye")(page);
      await press("Disconnect openai-codex")(page);
    },
    shows: "confirmed that it revoked them",
  },
  "disconnect-unconfirmed": {
    set: { revocation: "failed" },
    async act(page) {
      await control(NAMES.work, "bye")(page);
      await press("Disconnect openai-codex-work")(page);
    },
    shows: "not confirmed by OpenAI",
  },
  "refresh-done": { act: control(NAMES.first, "refresh"), shows: "Refreshed at" },
  "refresh-failed": { set: { refreshFails: true }, act: control(NAMES.first, "refresh"), shows: "nothing was used up", refusals: /503/ },

  "account": { act: sendPrompt, shows: "41 tokens" },
  "account-answering": { set: { wordsEvery: 200 }, act: sendPrompt, shows: "They rotate so that a stolen copy" },
  "account-plan-used-up": { set: { quotaIsUsedUp: true }, act: sendPrompt, shows: "limit of this account is used up", refusals: /429/ },
  "account-needs-you": { act: open(`#/providers/${NAMES.work}`), shows: "Needs you since" },
  "account-in-doubt": {
    set: { accounts: { "openai-codex": "doubt" } }, act: open(`#/providers/${NAMES.first}`), shows: "Try once more now",
  },
  "account-refused": {
    set: { accounts: { "openai-codex": "refused" } }, act: open(`#/providers/${NAMES.first}`), shows: "OpenAI refuses this account",
  },
  "providers-refused": { set: { accounts: { "openai-codex": "refused" } }, shows: "One account is refused by its provider" },
  "providers-troubled": { set: { accounts: { "openai-codex": "troubled" } }, shows: "The gateway has a problem" },
  "account-limited": {
    set: { accounts: { "openai-codex": "limited" } }, act: open(`#/providers/${NAMES.first}`), shows: "Plan limit reached",
  },
  "providers-limited": { set: { accounts: { "openai-codex": "limited" } }, shows: "One account has reached its plan’s limit" },
  "account-switched-off": {
    set: { accounts: { "openai-codex": "off" } }, act: open(`#/providers/${NAMES.first}`), shows: "Switched off",
  },
  "account-suno": { act: open("#/providers/suno"), shows: "Use it" },
  "account-unknown": { act: open("#/providers/nobody"), shows: "There is no account nobody" },

  "connect": { act: connect, shows: "The gateway listens on port 1455" },
  "connect-by-address": { act: open(`#/providers/${NAMES.work}/connect`), shows: "A new tab opens at OpenAI" },
  "connect-port-taken": { set: { callbackPortIsTaken: true }, act: connect, shows: "Port 1455 is taken" },
  "connect-wrong-paste": {
    act: (page) => paste(page, "https://auth.openai.com/oauth/authorize?client_id=x"), shows: "That is the address of the sign-in page",
  },
  "connect-other-paste": {
    act: (page) => paste(page, "http://localhost:1455/auth/callback?code=c&state=another"),
    shows: "This sign-in is still open", refusals: /400/,
  },
  "connect-done": { set: { loginEndsAs: "completed" }, act: connect, shows: "Connected as work@example.test" },
  "connect-declined": { set: { loginEndsAs: "denied" }, act: connect, shows: "You denied access at OpenAI" },
  "connect-refused": { set: { loginEndsAs: "code_refused" }, act: connect, shows: "OpenAI rejected the authorization code" },
  "connect-too-late": { set: { loginSeconds: 2 }, act: connect, shows: "Sign-in timed out" },
  "connect-session-token": { act: open("#/providers/suno/connect"), shows: "Client cookie" },
  "connect-key-wrong": {
    async act(page) {
      await go(page, "#/providers/dashscope/connect");
      await enter(page, "API key", "wrong");
    },
    shows: "The provider of dashscope rejected this secret", refusals: /400/,
  },
  "connect-key-done": {
    async act(page) {
      await go(page, "#/providers/dashscope/connect");
      await enter(page, "API key", "right");
    },
    shows: "Connected dashscope",
  },

  "activity": { act: open("#/activity"), shows: "In the last 24 hours" },
  "requests": { act: open("#/requests"), shows: "Newest first, without any part of a prompt" },
  "requests-failed": {
    async act(page) {
      await go(page, "#/requests");
      await page.getByLabel("Failed only").check();
    },
    shows: "429",
  },
  "requests-none": { set: { requests: 0 }, act: open("#/requests"), shows: "Nothing yet. Requests are listed here" },
  "no-such-screen": { act: open("#/nowhere"), shows: "Page not found" },
  "gateway-slow": {
    async act(page, gateway) {
      gateway.set({ answersAfter: 9000 });
      await page.reload();
    },
    shows: "The gateway is slow to respond", isBrief: true,
  },
  "gateway-silent": { act: (_, gateway) => gateway.fallSilent(), shows: "Cannot reach the gateway", refusals: /ERR_/ },
  "session-over": {
    async act(page, gateway) {
      gateway.forgetSession();
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await waitForText(page, "Sign in to this gateway");
    },
    shows: "This page’s session has ended", refusals: /401/,
  },
};
