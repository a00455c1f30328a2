// The stand-in's operations below `/v1/auth/{provider}/`, and its problem responses.
import { account, now, refresh, TYPES } from "./accounts.mjs";

const AUTHORIZE_QUERY = "?client_id=app_x&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&scope=openid+profile+email+offline_access+api.connectors.read&state=of-this-login";

export const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** An error that becomes a problem response. */
export class Refusal {
  constructor(status, code, title, detail, headers = {}) { Object.assign(this, { status, code, title, detail, headers }); }
}

export const unauthorized = () => new Refusal(401, "unauthorized", "Unauthorized", "the token is not valid",
  { "WWW-Authenticate": "Bearer error=\"invalid_token\"" });
export const unknownProvider = (name) => new Refusal(404, "unknown_provider", "Unknown provider", `unknown provider: ${name}`);
export const notFound = () => new Refusal(404, "not_found", "Not found", "There is nothing at this address.");

/** Returns the events of all accounts and the failed logins, newest first. */
export function activity({ accounts, endedLogins }) {
  const events = [...accounts].flatMap(([provider, { events: own }]) => own.map(({ id, ...event }) => ({ provider, ...event })));
  const logins = [...endedLogins].filter(([, { outcome }]) => outcome !== "completed")
    .map(([provider, { at, login_id, outcome }]) => ({ provider, event: "sign_in_ended", at, login_id, outcome }));
  return [...events, ...logins].sort((a, b) => b.at - a.at);
}

/** Returns the newest requests: two of five have failed, and one of five was left by its caller. */
export function requests({ requests: count }) {
  const kinds = [
    { program: "laptop", method: "POST", route: "/v1/responses", provider: "openai-codex", model: "gpt-5.5", input_tokens: 18_204, cached_tokens: 17_920, output_tokens: 412 },
    { program: "n8n", method: "POST", route: "/v1/chat/completions", provider: "openai-codex-work", model: "gpt-5.5-codex", status: 429 },
    { program: "laptop", method: "GET", route: "/v1/models" },
    { method: "GET", route: "", status: 401, first_byte_ms: undefined },
    { program: "gateway token", method: "GET", route: "/v1/events", end: "caller_left" },
  ];
  const entry = (_, index) => ({ number: count - index, id: `id-${index}`, at: now() - index * 97, status: 200, end: "complete", first_byte_ms: 640,
    total_ms: 4210 + index, sent_bytes: 9000, ...kinds[index % kinds.length] });
  return Array.from({ length: count }, entry);
}

/** The operations by their path below `/v1/auth/{provider}/`. */
export const OPERATIONS = {
  status(gateway, name) {
    const login = gateway.openLogin(name);
    const isKnown = gateway.accounts.has(name) || login || gateway.endedLogins.has(name);
    if (!isKnown) throw unknownProvider(name);
    const known = gateway.accounts.get(name)?.status ?? { authenticated: false, state: "absent" };
    const pending = login && { login_id: login.login_id, expires_at: login.expires_at };
    return { ...known, ...(pending && { pending }), last_login: gateway.endedLogins.get(name) };
  },
  events: (gateway, name) => ({ events: gateway.accounts.get(name).events }),
  usage(gateway, name) {
    const { usage, usageProblem } = gateway.accounts.get(name);
    if (usageProblem) throw new Refusal(502, usageProblem[0], "Provider's API unavailable", usageProblem[1]);
    if (!usage) throw new Refusal(404, "no_usage", "No usage reported", "This provider does not report usage.");
    return usage;
  },
  start(gateway, name, { display_name, provider_type: type }) {
    const { settings } = gateway;
    const fresh = { login_id: `login-${Math.random()}`, started_at: now(), expires_at: now() + settings.loginSeconds, display_name, type };
    const login = gateway.openLogin(name) ?? fresh;
    gateway.pending.set(name, login);
    const end = () => gateway.openLogin(name) === login && gateway.endLogin(name, settings.loginEndsAs);
    if (settings.loginEndsAs) setTimeout(end, settings.loginEndsAfter);
    const error = "failed to start OAuth flow (is port 1455 available?)";
    return { status: "pending", auth_url: `${gateway.address}/docs${AUTHORIZE_QUERY}`, provider_name: name, login_id: login.login_id, started_at: login.started_at, expires_at: login.expires_at,
      callback: settings.callbackPortIsTaken ? { listening: false, error } : { listening: true } };
  },
  cancel: (gateway, name) => ({ status: gateway.openLogin(name) && gateway.pending.delete(name) ? "cancelled" : "no_pending_login" }),
  callback(gateway, name, { redirect_url }) {
    if (!gateway.openLogin(name)) throw new Refusal(409, "no_pending_login", "No pending login", "No sign-in is waiting. Start one.");
    if (!redirect_url.includes("state=of-this-login")) {
      throw new Refusal(400, "invalid_state", "Invalid state", "This address belongs to another sign-in.");
    }
    gateway.endLogin(name, "completed");
    return { authenticated: true, provider_name: name, provider_id: "provider-1" };
  },
  logout(gateway, name) {
    const { auth_methods: [method] } = gateway.accounts.get(name).provider;
    if (name in TYPES) gateway.accounts.set(name, account(name, "absent"));
    else gateway.accounts.delete(name);
    gateway.sendChange();
    return { status: "logged out", removed: true, revocation: method === "oauth" ? gateway.settings.revocation : "not_applicable" };
  },
  async refresh(gateway, name) {
    await pause(900);
    if (gateway.settings.refreshFails) {
      throw new Refusal(503, "refresh_unavailable", "Refresh unavailable", "The provider could not be reached; nothing was used up.");
    }
    refresh(gateway.accounts.get(name));
    gateway.sendChange();
    return OPERATIONS.status(gateway, name);
  },
  secret(gateway, name, { api_key, session_token, client_cookie, ...more }) {
    if ([api_key, session_token].includes("wrong")) {
      throw new Refusal(400, "secret_refused", "Provider refused the secret", `The provider of ${name} rejected this secret.`);
    }
    gateway.accounts.set(name, account(name, api_key ? "key" : client_cookie ? "good" : "expiring", { type: more.provider_type, ...more }));
    gateway.sendChange();
    return { authenticated: true, provider_name: name, provider_id: "provider-1" };
  },
};
