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

export const plan = (type) => (type ? `${type[0].toUpperCase()}${type.slice(1)} plan` : null);
export const person = (account) => account?.email ?? account?.user_id ?? account?.account_id ?? null;

export const workspace = (account) => (account?.account_id && account.account_id !== person(account) ? `Workspace ${account.account_id}` : null);

/** Names the other accounts of the same user and workspace. */
export const sameAs = (status) => (status.same_account_as ? `Same account as ${status.same_account_as.join(", ")}` : null);

export const whoLine = (account) => [person(account), plan(account?.plan_type)].filter(Boolean).join(", ");

/** Returns every part of an account that tells it from others: e-mail, user, workspace. */
export const identity = (account) => [account?.email, account?.user_id && `user ${account.user_id}`, account?.account_id && `workspace ${account.account_id}`]
	.filter(Boolean).join(", ");

/** Returns the reason of an event, with the provider's name. */
export const why = (event, provider) => (event?.reason ?? "").replace(/the provider/gi, vendor(provider));

/** Returns whether a cause is the provider's own error code. */
export const isProvidersWord = (cause) => /^(refresh_token_|invalid_grant$)/.test(cause ?? "");

/** Tone and text of each login outcome. `{v}` is the provider. */
const ENDINGS = {
	confirmation_needed: ["warn", "Another account signed in"],
	denied: ["off", "You declined at {v}"],
	missing_entitlement: ["bad", "This workspace has no access to Codex"],
	provider_error: ["bad", "{v} ended the sign-in with an error"],
	expired: ["off", "Approval timed out"],
	cancelled: ["off", "Cancelled"],
	code_refused: ["bad", "{v} did not accept the code"],
	provider_unavailable: ["warn", "{v} could not be reached to finish the sign-in"],
	provider_timeout: ["warn", "{v} didn’t respond in time to finish the sign-in"],
	bad_answer: ["bad", "{v}’s response was not valid"],
	not_saved: ["bad", "The tokens could not be saved"],
	interrupted: ["warn", "The gateway stopped during this sign-in"],
};

export function ending(outcome, provider) {
	const [tone, title] = ENDINGS[outcome] ?? ["bad", "The sign-in ended"];
	return [tone, title.replace("{v}", vendor(provider))];
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
			const [tone, title] = ending(event.outcome, provider);
			return { shape: tone, tone: `is-${tone}`, title: `Sign-in: ${title[0].toLowerCase()}${title.slice(1)}`, text: "Nothing was saved." };
		}
		case "signed_out":
			return { shape: "off", title: "Disconnected", text: "Deleted from the gateway. Programs get an error." };
		case "changed":
			return { shape: "off", title: "Changed", text: "Renamed, or switched on or off. The sign-in did not change." };
		case "refresh_started":
			return { shape: "warn", tone: "", title: "Refresh started", text: `Sent to ${v}. Programs are not interrupted.` };
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

/** Drops refresh starts that have a result. */
export function withoutFinishedStarts(list) {
	return list.filter((event, index) => event.event !== "refresh_started" || index === 0);
}
