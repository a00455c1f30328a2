// A stand-in for the gateway: serves the page with the gateway's headers, and can put accounts into any state at once.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { account, lastLogin, listItem, now } from "./accounts.mjs";
import { assertValid } from "./contract.mjs";
import { activity, notFound, OPERATIONS, pause, Refusal, requests, unauthorized, unknownProvider } from "./operations.mjs";

/** The credentials that the stand-in accepts. */
export const GATEWAY_TOKEN = "the-token-of-the-gateway";
export const LINK = "a-link-that-works-once";
export const SESSION_TOKEN = "what-this-tab-alone-knows";

const webUi = new URL("../../src/adapters/web_ui/", import.meta.url);
// Read from the gateway's source, so that the tests use the real policy.
const POLICY = /const POLICY: &str = "([^"]+)"/.exec(readFileSync(new URL("mod.rs", webUi), "utf8"))[1].replace(/\\\n\s*/g, "");
const SAFE_HEADERS = { "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" };
const CONTENT_TYPES = {
  html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml",
};
const MODELS = {
  object: "list",
  data: ["openai-codex/gpt-5.5", "openai-codex/gpt-5.5-codex", "dashscope/qwen-plus"]
    .map((id) => ({ id, object: "model", created: 0, owned_by: id.split("/")[0] })),
};
const WORDS = "They rotate so that a stolen copy gives itself away: every use replaces the token, and when the old one turns up again the "
  + "provider knows that two parties hold it and can end the sign-in.";

/**
 * The settings and their defaults. Times are in milliseconds unless the name says seconds. With `loginEndsAs: null`, a
 * login stays open.
 */
const DEFAULTS = {
  accounts: { "openai-codex": "good", "openai-codex-work": "needs", suno: "expiring", dashscope: "absent" },
  wrongTokensAllowed: 20, sessionSeconds: 1800, loginSeconds: 360, loginEndsAs: null, loginEndsAfter: 800, answersAfter: 0, wordsEvery: 40,
  isSilent: false, hasEventStream: true, callbackPortIsTaken: false, quotaIsUsedUp: false, requests: 40, refreshFails: false, signOutFails: false, revocation: "revoked",
};

class StandIn {
  constructor(settings) {
    this.settings = { ...DEFAULTS, ...settings };
    this.accounts = new Map(Object.entries(this.settings.accounts).map(([name, state]) => [name, account(name, state)]));
    this.pending = new Map();
    this.endedLogins = new Map();
    this.streams = new Set();
    this.session = null;
    this.wrongTokens = 0;
    this.faults = [];
  }

  /** Changes settings. */
  set(more) { Object.assign(this.settings, more); }

  /** Puts an account into `state` and sends a change event. */
  setState(name, state) {
    this.accounts.set(name, account(name, state));
    this.sendChange();
  }

  /** Ends the session, as a restarted gateway does. */
  forgetSession() { this.session = null; }

  /** Stops responding, as a stopped gateway does. */
  fallSilent() {
    this.set({ isSilent: true });
    for (const stream of this.streams) stream.destroy();
  }

  sendChange() { for (const stream of this.streams) stream.write("event: change\ndata: {}\n\n"); }

  async listen() {
    this.server = createServer((request, response) => this.answer(request, response).catch((error) => {
      this.faults.push(error.message);
      response.destroy();
    }));
    await new Promise((resolve) => { this.server.listen(0, "127.0.0.1", resolve); });
    this.address = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }

  async answer(request, response) {
    const { pathname: path } = new URL(request.url, this.address);
    let text = "";
    for await (const part of request) text += part;
    if (this.settings.isSilent) return request.socket.destroy();
    if (path === "/" || path.startsWith("/page/")) return serveFile(path, response);
    if (path === "/docs") return response.writeHead(200, { ...SAFE_HEADERS, "Content-Type": CONTENT_TYPES.html }).end("<title>Docs</title>");
    if (!path.startsWith("/v1/")) return response.writeHead(404).end();
    await pause(this.settings.answersAfter);
    const call = { method: request.method, path, body: text ? JSON.parse(text) : {},
      bearer: (request.headers.authorization ?? "").replace("Bearer ", "") };
    const json = (status, body, type, headers = {}) => {
      assertValid(call.method, path, status, body);
      response.writeHead(status, { ...SAFE_HEADERS, "Cache-Control": "no-store", ...headers, "Content-Type": type }).end(JSON.stringify(body));
    };
    try {
      const body = await this.dispatch(call, response);
      if (body) json(200, body, "application/json");
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const { status, code, title, detail, headers, members } = refusal;
      if (members) return json(status, { error: members }, "application/json");
      json(status, { type: `urn:goclaw:error:${code}`, title, status, detail, code, error: detail }, "application/problem+json", headers);
    }
  }

  /** Returns the response body, or nothing if it has started a stream. */
  dispatch(call, response) {
    const { method, path, bearer, body } = call;
    if (path === "/v1/session" && method === "POST") return this.beginSession(bearer);
    if (bearer !== SESSION_TOKEN || !this.session) throw unauthorized();
    switch (path) {
      case "/v1/session":
        if (this.settings.signOutFails) throw new Refusal(503, "store_unavailable", "Database unavailable", "the database does not respond");
        this.session = null;
        return { status: "signed out" };
      case "/v1/sessions":
        this.session = null;
        return { ended: 2 };
      case "/v1/events": return this.openEventStream(response);
      case "/v1/providers": return { providers: [...this.accounts.values()].map(listItem) };
      case "/v1/activity": return { events: activity(this) };
      case "/v1/requests": return { requests: requests(this.settings) };
      case "/v1/models": return MODELS;
      case "/v1/responses":
      case "/v1/chat/completions": return this.prompt(path, response);
    }
    const [, , area, name, what] = path.split("/");
    if (area === "providers") return this.update(name, body);
    const operation = OPERATIONS[what];
    if (area !== "auth" || !operation) throw notFound();
    if (!this.accounts.has(name) && !["start", "secret", "status", "cancel", "callback"].includes(what)) throw unknownProvider(name);
    return operation(this, name, body);
  }

  beginSession(bearer) {
    if (bearer === SESSION_TOKEN && this.session) {
      this.session.expires_at = now() + this.settings.sessionSeconds;
      return this.session;
    }
    if (![GATEWAY_TOKEN, LINK].includes(bearer)) {
      this.wrongTokens += 1;
      if (this.wrongTokens <= this.settings.wrongTokensAllowed) throw unauthorized();
      throw new Refusal(429, "too_many_attempts", "Too many attempts", "too many requests without a valid token; try again in 48 s",
        { "Retry-After": "48" });
    }
    this.session = { expires_at: now() + this.settings.sessionSeconds, ends_at: now() + 12 * 3600 };
    return { token: SESSION_TOKEN, ...this.session };
  }

  openEventStream(response) {
    if (!this.settings.hasEventStream) throw notFound();
    response.writeHead(200, { ...SAFE_HEADERS, "Content-Type": "text/event-stream" }).write("event: ready\ndata: {}\n\n");
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
  }

  async prompt(path, response) {
    if (this.settings.quotaIsUsedUp) {
      const code = "usage_limit_reached";
      const message = "The usage limit has been reached";
      const members = { message, type: code, code, param: null, resets_at: now() + 3 * 3600, plan_type: "plus" };
      throw Object.assign(new Refusal(429, code), { members });
    }
    const isChat = path.endsWith("completions");
    const send = (data) => response.write(`${isChat ? "" : `event: ${data.type}\n`}data: ${JSON.stringify(data)}\n\n`);
    response.writeHead(200, { ...SAFE_HEADERS, "Content-Type": "text/event-stream" });
    for (const word of WORDS.split(/(?<= )/)) {
      if (response.destroyed) return;
      send(isChat ? { choices: [{ delta: { content: word } }] } : { type: "response.output_text.delta", delta: word });
      await pause(this.settings.wordsEvery);
    }
    send(isChat ? { choices: [{ delta: {}, finish_reason: "stop" }] }
      : { type: "response.completed", response: { usage: { output_tokens: 41 } } });
    response.end(isChat ? "data: [DONE]\n\n" : "");
  }

  update(name, { display_name, enabled }) {
    const known = this.accounts.get(name);
    if (!known) throw unknownProvider(name);
    if (enabled !== undefined) this.accounts.set(name, account(name, enabled ? "good" : "off", known.provider));
    if (display_name) this.accounts.get(name).provider.display_name = display_name;
    this.sendChange();
    return listItem(this.accounts.get(name));
  }

  openLogin(name) {
    const login = this.pending.get(name);
    if (login && login.expires_at <= now()) this.endLogin(name, "expired");
    return this.pending.get(name) ?? null;
  }

  endLogin(name, outcome) {
    const { login_id, ...more } = this.pending.get(name);
    this.pending.delete(name);
    this.endedLogins.set(name, lastLogin(login_id, outcome));
    if (outcome === "completed") {
      this.accounts.set(name, account(name, "good", more));
      this.accounts.get(name).status.login_id = login_id;
    }
    this.sendChange();
  }
}

function serveFile(path, response) {
  const name = path === "/" ? "index.html" : path.slice("/page/".length);
  response.writeHead(200, { ...SAFE_HEADERS, "Content-Security-Policy": POLICY, "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Type": CONTENT_TYPES[name.split(".").pop()] });
  response.end(readFileSync(new URL(`page/${name}`, webUi)));
}

/** Starts a stand-in on a free port. `settings` override `DEFAULTS`. */
export const startStandIn = (settings) => new StandIn(settings).listen();
