// What things are called on this page: one place, so that a cause has the same words on every screen.

const VENDORS = { "openai-codex": "OpenAI", suno: "Suno", dashscope: "Alibaba Cloud" };
const TYPES = { "openai-codex": "ChatGPT", suno: "Suno", dashscope: "DashScope" };
const METHODS = { oauth: "OAuth", session_token: "session token", api_key: "API key" };

export const vendor = (provider) => VENDORS[provider.provider_type] ?? provider.display_name;
export const typeName = (type) => TYPES[type] ?? type;
export const hasModels = (provider) => ["openai-codex", "dashscope"].includes(provider.provider_type);
export const signsIn = (provider) => provider.auth_methods.includes("oauth");
export const methodName = (provider) => provider.auth_methods.map((method) => METHODS[method] ?? method).join(" or ");

/** What is pasted where nobody signs in: `session token`, `API key`. */
export const secretName = (provider) => METHODS[provider.auth_methods.find((method) => method !== "oauth")] ?? "key";

export const plan = (type) => (type ? `${type[0].toUpperCase()}${type.slice(1)} plan` : null);
export const person = (account) => account?.email ?? account?.user_id ?? account?.account_id ?? null;

export const whoLine = (account) => [person(account), plan(account?.plan_type)].filter(Boolean).join(", ");

/** Why a refresh ended or failed. `{v}` is who refused. */
const CAUSES = {
	refresh_token_expired: "{v} refused to refresh this sign-in: its refresh token has expired.",
	refresh_token_reused:
		"{v} refused to refresh this sign-in: its refresh token had already been used, most likely by another program that shares the login.",
	refresh_token_invalidated: "{v} refused to refresh this sign-in: its refresh token was revoked, for instance by signing out everywhere.",
	invalid_grant: "{v} no longer accepts the refresh token of this sign-in.",
	unauthorized: "{v} refused the refresh token and gave no reason.",
	account_mismatch: "{v} answered for another account, so the answer was thrown away.",
	timed_out: "The request left, and {v} did not answer in time.",
	connection_lost: "The request left, and the connection was lost before {v}’s answer came.",
	server_error: "{v} answered with a server error.",
	unreadable: "{v}’s answer was not readable.",
	refused: "{v} refused the request for another reason than the token.",
	interrupted: "The gateway was interrupted before {v}’s answer came.",
	held_up: "The gateway was held up and did not send the request in time. Nothing was used up.",
	rate_limited: "{v} asked to come back later. Nothing was used up.",
	no_connection: "{v} could not be reached. Nothing was used up.",
	sealed: "The stored refresh token cannot be opened with the configured key. See the gateway’s log.",
};

export const why = (cause, provider) => (CAUSES[cause] ?? "").replaceAll("{v}", vendor(provider));

/** Causes that are the provider's own words, worth showing as it said them. */
export const isProvidersWord = (cause) => /^(refresh_token_|invalid_grant$)/.test(cause ?? "");

/** How a sign-in can end: tone, and in words; `{v}` is the provider. */
const ENDINGS = {
	denied: ["off", "You declined at {v}"],
	missing_entitlement: ["bad", "This workspace has no access to Codex"],
	provider_error: ["bad", "{v} ended the sign-in with an error"],
	expired: ["off", "The time to approve is over"],
	cancelled: ["off", "Cancelled"],
	code_refused: ["bad", "{v} did not accept the code"],
	provider_unavailable: ["warn", "{v} could not be reached to finish the sign-in"],
	provider_timeout: ["warn", "{v} did not answer in time to finish the sign-in"],
	bad_answer: ["bad", "{v}’s answer was not usable"],
	not_saved: ["bad", "The tokens could not be saved"],
	interrupted: ["warn", "The gateway stopped in the middle of this sign-in"],
};

export function ending(outcome, provider) {
	const [tone, title] = ENDINGS[outcome] ?? ["bad", "The sign-in ended"];
	return [tone, title.replace("{v}", vendor(provider))];
}

export function story(event, provider) {
	const v = vendor(provider);
	const cause = why(event.cause, provider);
	const oauth = signsIn(provider);
	switch (event.event) {
		case "signed_in":
			return { shape: "ok", tone: "", title: oauth ? "Signed in" : "Connected",
				text: "Saved, encrypted." };
		case "sign_in_ended": {
			const [tone, title] = ending(event.outcome, provider);
			return { shape: tone, tone: `is-${tone}`, title: `Sign-in: ${title[0].toLowerCase()}${title.slice(1)}`, text: "Nothing was saved." };
		}
		case "signed_out":
			return { shape: "off", tone: "is-off", title: "Disconnected", text: "Deleted from the gateway. Programs got an error from then on." };
		case "changed":
			return { shape: "off", tone: "is-off", title: "Changed", text: "Renamed, or switched on or off. The sign-in stayed as it was." };
		case "refresh_started":
			return { shape: "warn", tone: "", title: "Asking for a new token", text: `Sent to ${v}. Programs are not interrupted.` };
		case "refreshed":
			return { shape: "ok", tone: "", title: "Refreshed", text: `Refresh number ${event.generation} of this sign-in.` };
		case "refresh_postponed":
			return { shape: "warn", tone: "is-warn", title: "Not refreshed yet", text: `${cause} The token in use was not touched, and the gateway tries again by itself.`.trim() };
		case "in_doubt":
			return { shape: "doubt", tone: "is-warn", title: "In doubt", text: `${cause} ${v} may or may not have used up the refresh token. The token in use was not touched.`.trim() };
		case "needs_reauth":
			return { shape: "bad", tone: "is-bad", title: "Needs you", text: `${cause} Nothing was deleted.`.trim() };
		default:
			return { shape: "off", tone: "is-off", title: event.event.replaceAll("_", " "), text: cause };
	}
}

/** A start that was followed by its result is not news. */
export function worthTelling(list) {
	return list.filter((event, index) => event.event !== "refresh_started" || index === 0);
}
