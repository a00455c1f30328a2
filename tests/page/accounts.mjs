// Builds the gateway's responses for an account in each state, so that page tests need neither expiring tokens nor a
// failing provider.

const HOUR = 3600;
const DAY = 24 * HOUR;
const LOGIN = "login-1";

export const now = () => Math.floor(Date.now() / 1000);

export const TYPES = {
  "openai-codex": { display_name: "ChatGPT", category: "llm", auth_methods: ["oauth"], api_base: "https://chatgpt.com/backend-api" },
  suno: { display_name: "Suno", category: "media", auth_methods: ["session_token"], api_base: "https://studio-api.prod.suno.com/api" },
  dashscope: { display_name: "DashScope", category: "llm", auth_methods: ["api_key"], api_base: "https://dashscope.aliyuncs.com" },
};

const OUTCOME_REASONS = {
  completed: "Sign-in complete. The tokens are saved.",
  denied: "You denied access at the provider. Nothing was saved. Start again if that was a mistake.",
  code_refused: "The provider rejected the authorization code. Nothing was saved. Start again.",
  expired: "Sign-in timed out. Nothing was saved. Start again.",
};

const REASONS = {
  no_connection: "The provider could not be reached.",
  refresh_token_reused: "The refresh token has already been used.",
  timed_out: "The provider did not respond in time.",
};

export const lastLogin = (login_id, outcome) => ({ login_id, outcome, reason: OUTCOME_REASONS[outcome], at: now() });

const event = (id, at, kind, { cause, generation = 3, login_id = LOGIN } = {}) =>
  ({ id, at, event: kind, ...(cause && { cause, reason: REASONS[cause] }), login_id, generation });

const usage = (short, long) => ({
  plan_type: "plus", limit_reached: false, as_of: now() - 20,
  windows: [
    { name: "primary", used_percent: short, window_seconds: 5 * HOUR, resets_at: now() + 3 * HOUR + 240 },
    { name: "secondary", used_percent: long, window_seconds: 7 * DAY, resets_at: now() + 3 * DAY + 22 * HOUR },
  ],
});

/** Returns the status of an account whose ten-day token was refreshed `age` seconds ago. */
function refreshedStatus(age) {
  const begun = now() - age;
  return { authenticated: true, state: "active", last_refresh_at: begun, expires_at: begun + 10 * DAY, next_refresh_at: begun + 9 * DAY,
    login_id: LOGIN, generation: 3, scopes: ["openid", "profile", "email", "offline_access"] };
}

const history = (begun, ...newest) =>
  [...newest, event(19, begun, "refreshed"), event(18, begun - 1, "refresh_started", { generation: 2 }),
    event(3, begun - 20 * DAY, "signed_in")];

/** For each state: how the account differs from one that was never connected. */
const STATES = {
  absent: () => ({}),
  good() {
    const status = refreshedStatus(2 * DAY + 20 * HOUR);
    const begun = status.last_refresh_at;
    const doubts = [event(17, begun - 300, "in_doubt", { cause: "timed_out", generation: 2 }),
      event(16, begun - 500, "refresh_postponed", { cause: "no_connection", generation: 2 })];
    return { status, usage: usage(38, 61.4), events: [...history(begun).slice(0, 2), ...doubts, event(3, begun - 20 * DAY, "signed_in")] };
  },
  needs() {
    const { next_refresh_at, ...status } = refreshedStatus(10 * DAY - 6 * HOUR);
    const refused = event(20, now() - 18 * HOUR, "needs_reauth", { cause: "refresh_token_reused" });
    const reason = "The account cannot be refreshed: the refresh token has already been used. The access token works until it "
      + "expires. Sign in again before that.";
    return { status: { ...status, state: "needs_reauth", reason }, usage: usage(4, 93), events: history(status.last_refresh_at, refused) };
  },
  doubt() {
    const status = refreshedStatus(9 * DAY + 300);
    const reason = "The last refresh is unconfirmed: the provider did not respond in time. The access token works until it "
      + "expires. Sign in now to avoid an interruption.";
    return { status: { ...status, state: "in_doubt", next_refresh_at: status.expires_at - 300, reason }, usage: usage(38, 61.4),
      events: history(status.last_refresh_at, event(21, now() - 200, "in_doubt", { cause: "timed_out" })) };
  },
  postponed() {
    const status = refreshedStatus(9 * DAY + 300);
    const reason = "The last refresh failed: the provider could not be reached. The gateway retries automatically.";
    const failed = event(21, now() - 100, "refresh_postponed", { cause: "no_connection" });
    return { status: { ...status, next_refresh_at: now() + 125, reason }, usage: usage(38, 61.4),
      events: history(status.last_refresh_at, failed) };
  },
  refreshing() {
    const status = refreshedStatus(9 * DAY);
    return { status: { ...status, state: "refreshing" }, usage: usage(38, 61.4), events: history(status.last_refresh_at) };
  },
  refused() {
    const known = STATES.good();
    const reason = "The provider refuses the account: the provider has deactivated the workspace of the account (deactivated_workspace). "
      + "Settle this with the provider, or sign in again.";
    const refusal = { ...event(22, now() - 100, "refused"), code: "deactivated_workspace" };
    return { ...known, status: { ...known.status, authenticated: false, state: "refused", reason }, events: [refusal, ...known.events] };
  },
  /** Active, with a warning of the gateway as the reason. */
  troubled() {
    const known = STATES.good();
    return { ...known, status: { ...known.status, reason: "This machine's clock is 90 s ahead of the database's." } };
  },
  limited() {
    const known = STATES.good();
    return { ...known, status: { ...known.status, limited: { window: "primary", until: now() + 600 } }, usage: usage(100, 61.4) };
  },
  /** Active, but its usage cannot be read. */
  down: () => ({ ...STATES.good(), usage: null, usageProblem: ["upstream_unavailable", "chatgpt.com could not be reached."] }),
  off() {
    const { next_refresh_at, ...status } = refreshedStatus(2 * DAY);
    const reason = "The account is switched off. Nothing is deleted.";
    return { status: { ...status, authenticated: false, state: "disabled", reason, switched_off_by: "owner" },
      enabled: false, events: history(status.last_refresh_at) };
  },
  /** Connected with a token that cannot be refreshed and expires soon. */
  expiring: () => ({
    status: { authenticated: true, state: "active", expires_at: now() + 1080, login_id: LOGIN, generation: 0,
      account: { email: "owner@example.test" } },
    events: [event(15, now() - 2520, "signed_in", { generation: 0 })],
  }),
  /** Connected with an API key. */
  key: () => ({
    status: { authenticated: true, state: "active", login_id: LOGIN, generation: 0, account: {} },
    events: [event(15, now() - 2 * DAY, "signed_in", { generation: 0 })],
  }),
};

const typeOf = (name) => Object.keys(TYPES).find((type) => name === type || name.startsWith(`${type}-`)) ?? "openai-codex";

/** Returns an account in one of these states: `{ provider, status, events, usage, usageProblem }`. */
export function account(name, state, { type = typeOf(name), display_name = TYPES[type].display_name } = {}) {
  const { status: reported, events = [], enabled = true, ...more } = STATES[state]();
  const isWork = name.endsWith("work");
  const owner = { account_id: "account-1", user_id: "user-1", email: isWork ? "work@example.test" : "owner@example.test",
    plan_type: isWork ? "business" : "plus" };
  const status = reported ? { ...reported, account: reported.account ?? owner } : { authenticated: false, state: "absent" };
  if (status.authenticated) status.provider_name = name;
  return { provider: { ...TYPES[type], name, display_name, provider_type: type, enabled }, status, events, usage: null, ...more };
}

/** Returns the account as an item of `GET /v1/providers`. */
export const listItem = ({ provider, status: { state, authenticated, expires_at, account: owner } }) =>
  ({ ...provider, state, authenticated, ...(expires_at && { expires_at }), ...(owner && { account: owner }) });

/** Applies a successful refresh. */
export function refresh(known) {
  const { reason, ...status } = known.status;
  known.status = { ...status, ...refreshedStatus(0), generation: status.generation + 1, login_id: status.login_id };
  const { generation, login_id } = known.status;
  known.events.unshift(event(known.events[0].id + 1, now(), "refreshed", { generation, login_id }));
}
