// Display names and texts for providers, outcomes and events.

const VENDORS = { "openai-codex": "OpenAI", suno: "Suno", dashscope: "Alibaba Cloud" };
const TYPES = { "openai-codex": "ChatGPT", suno: "Suno", dashscope: "DashScope" };
const METHODS = { oauth: "OAuth", session_token: "session token", api_key: "API key" };

export const vendor = (provider) => VENDORS[provider.provider_type] ?? provider.display_name;
export const typeName = (type) => TYPES[type] ?? type;
export const hasModels = (provider) => ["openai-codex", "dashscope"].includes(provider.provider_type);
export const signsIn = (provider) => provider.auth_methods.includes("oauth");
export const methodName = (provider) => provider.auth_methods.map((method) => METHODS[method] ?? method).join(" or ");

/** Returns the kind of a pasted secret: `session token` or `API key`. */
export const secretName = (provider) => METHODS[provider.auth_methods.find((method) => method !== "oauth")] ?? "key";

export const pathOf = (name, rest = "") => `#/providers/${encodeURIComponent(name)}${rest}`;

const plan = (type) => (type ? `${type[0].toUpperCase()}${type.slice(1)} plan` : null);
export const person = (account) => account?.email ?? account?.user_id ?? account?.account_id ?? null;

export const whoLine = (account) => [person(account), plan(account?.plan_type)].filter(Boolean).join(", ");

/** Returns an account's labels: person, plan, workspace, and other names of the same account. */
export const labels = ({ account, same_account_as: others }) => [person(account), plan(account?.plan_type),
	account?.account_id && account.account_id !== person(account) && `Workspace ${account.account_id}`,
	others && `Same account as ${others.join(", ")}`].filter(Boolean);

const named = (reason, provider) => (reason ?? "").replace(/the provider/i, (it) => (provider ? vendor(provider) : it));

/** Returns the reason of an event, with the provider's name. */
export const why = (event, provider) => named(event?.reason, provider);

/** Returns whether a cause is the provider's own error code. */
export const isProviderCode = (cause) => /^(refresh_token_|invalid_grant$)/.test(cause ?? "");

/** Returns the tone of a login's outcome, and the first sentence and the rest of its reason. Provider text is in parentheses. */
export function ending(outcome, reason, provider) {
	const tone = ["denied", "expired", "cancelled"].includes(outcome) ? "off" : /^provider_(u|t)|^interr|^confirm/.test(outcome) ? "warn" : "bad";
	const [, title, rest] = /^((?:\(.*\)|[^.])*)\.? ?(.*)/s.exec(named(reason, provider));
	return [tone, title || "The sign-in ended", rest];
}

export function describe(event, provider) {
	const v = vendor(provider);
	const cause = why(event, provider);
	const oauth = signsIn(provider);
	switch (event.event) {
		case "signed_in":
			return { shape: "ok", title: oauth ? "Signed in" : "Connected",
				text: "Encrypted and saved." };
		case "sign_in_ended": {
			const [tone, title, text] = ending(event.outcome, event.reason, provider);
			return { shape: tone, colour: `is-${tone}`, title, text };
		}
		case "signed_out":
			return { shape: "off", title: "Disconnected", text: "Deleted from the gateway. Programs get an error." };
		case "changed":
			return { shape: "off", title: "Changed", text: "Renamed, or switched on or off. The sign-in did not change." };
		case "refresh_started":
			return { shape: "warn", colour: "", title: "Refresh started", text: `Sent to ${v}. Programs are not interrupted.` };
		case "refused":
			return { shape: "bad", title: `Refused by ${v}`, text: `${v} refuses this account: ${event.code}.` };
		case "refreshed":
			return { shape: "ok", title: "Refreshed", text: `Refresh ${event.generation} of this sign-in.` };
		case "refresh_postponed":
			return { shape: "warn", title: "Not refreshed yet", text: `${cause} The current token is unchanged, and the gateway tries again.`.trim() };
		case "in_doubt":
			return { shape: "doubt", title: "In doubt", text: `${cause} ${v} may have used up the refresh token. The current token is unchanged.`.trim() };
		case "needs_reauth":
			return { shape: "bad", title: "Needs you", text: `${cause} Nothing was deleted.`.trim() };
		default:
			return { shape: "off", title: event.event.replaceAll("_", " "), text: cause };
	}
}

/** Leaves out refresh starts whose result is known. */
export function withoutFinishedStarts(list) {
	const isFinished = (start, index) => list.slice(0, index).some(({ provider }) => provider === start.provider);
	return list.filter((event, index) => event.event !== "refresh_started" || !isFinished(event, index));
}
