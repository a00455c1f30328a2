// Derives an account's display state: label, explanation and next action.
import { atMoment, moment, span, until, when, left } from "./time.js";
import { isProviderCode, secretName, signsIn, vendor, why } from "./words.js";
import { code, colourOf } from "./dom.js";

const HOUR = 3600;

/** Returns when the current token was issued: its last refresh or its sign-in. */
export function begunAt({ status, events }) {
	if (!status.expires_at) return null;
	if (status.last_refresh_at) return status.last_refresh_at;
	const signIn = events.find((event) => event.event === "signed_in" && event.login_id === status.login_id);
	return signIn?.at ?? null;
}

const DOWN_CODES = ["upstream_unavailable", "upstream_timeout", "provider_unavailable", "provider_timeout", "provider_failed", "overloaded"];

export function kindOf(account, at) {
	const { provider, status, usageError } = account;
	if (status.state === "absent") return provider.enabled ? "absent" : "off";
	if (status.state === "unreadable") return "unreadable";
	if (status.state === "disabled" || !provider.enabled) return "off";
	const named = { needs_reauth: "needs", in_doubt: "doubt", refused: "refused", refreshing: "refreshing" }[status.state];
	if (named) return named;
	const refreshes = status.next_refresh_at > 0;
	if (!status.authenticated) return refreshes && status.expires_at <= at ? "stalled" : "needs";
	if (isLimited(status, at)) return "limited";
	if (status.expires_at && !refreshes) return expiresSoon(account, at) ? "expiring" : "ending";
	const postponed = isPostponed(account);
	// A failed refresh is shown only if the next attempt is within an hour.
	if (status.reason && (!postponed || status.next_refresh_at - at < HOUR)) return postponed ? "postponed" : "troubled";
	if (usageError && DOWN_CODES.includes(usageError.code)) return "down";
	return "good";
}

/** Whether the last refresh failed. If not, `reason` is about the gateway. */
const isPostponed = ({ events }) => events.find(({ event }) => ["refresh_postponed", "refreshed", "signed_in"].includes(event))?.event === "refresh_postponed";

const isLimited = ({ limited }, at) => Boolean(limited) && (!limited.until || at < limited.until);

/** For tokens without refresh: true in the last half of the lifetime, at most the last day. */
function expiresSoon(account, at) {
	const begun = begunAt(account);
	const life = begun ? account.status.expires_at - begun : 2 * HOUR;
	return account.status.expires_at - at < Math.min(24 * HOUR, life / 2);
}

/** Returns shape, colour, label, sentence (`say`), explanation (`why`) and the main action. */
export function verdict(account, at) {
	const found = judge(account, at);
	return { colour: colourOf(found.shape), ...found };
}

function judge(account, at) {
	const { provider, status, events, usageError } = account;
	const v = vendor(provider);
	const oauth = signsIn(provider);
	const secret = secretName(provider);
	const again = oauth ? "Sign in again" : `Replace the ${secret}`;
	const serves = status.authenticated && status.expires_at > at;
	const last = (name) => events.find((event) => event.event === name);
	const kind = kindOf(account, at);
	switch (kind) {
		case "absent":
			return { kind, shape: "off", word: "Not connected",
				say: [oauth ? `Sign in at ${v}` : secret === "API key" ? "Add an API key" : `Add a ${secret}`],
				why: failedLogin(status), main: "connect" };
		case "off": {
			const fixed = status.switched_off_by === "configuration";
			return { kind, shape: "off", word: "Switched off", say: ["Programs get an error; nothing is deleted"],
				why: fixed ? ["The configuration disables this account. Set ", code(`providers.${provider.name}.enabled = true`), " and restart the gateway."]
					: ["It was switched off here. Switch it on to use it again."],
				main: fixed ? null : "enable" };
		}
		case "needs": {
			const event = last("needs_reauth");
			const cause = event?.cause;
			const reason = why(event, provider) || `${status.reason ?? "The token is no longer valid."}`;
			return { kind, shape: "bad", word: event ? `Needs you since ${moment(event.at)}` : "Needs you",
				say: serves ? [`${again} before `, when(status.expires_at, until)] : [`${again} to continue`],
				why: [`${reason} Nothing is deleted. `, serves
					? `Programs keep working until ${moment(status.expires_at)}. After that they get an error.`
					: "Programs get an error until then."],
				quote: isProviderCode(cause) ? cause : null, main: "again" };
		}
		case "unreadable":
			return { kind, shape: "bad", word: "Can’t be read", say: [provider.provider_type ? `${again}, or restore the database` : "Disconnect it, or restore the database"],
				why: [status.reason], main: "again" };
		case "refused":
			return { kind, shape: "bad", word: "Refused", say: [`${v} refuses this account`], why: [status.reason],
				quote: last("refused")?.code ?? null, main: "again" };
		case "troubled":
			return { kind, shape: "warn", word: "Connected", say: ["The gateway has a problem"], why: [status.reason] };
		case "doubt": {
			const ended = status.expires_at > at ? `${v} no longer accepts the token in use. ` : "The current token has expired. ";
			const meanwhile = serves ? `Programs keep working until ${moment(status.expires_at)}. ` : ended;
			const aside = serves ? "Trying now may revoke the token that still works: some providers end a sign-in when an old token is sent twice." : null;
			const event = last("in_doubt");
			if (event?.cause === "restored") {
				return { kind, shape: "doubt", word: "In doubt", say: ["An older database was restored; a new sign-in is safest"],
					why: [why(event, provider), " The refresh token in it is used up, or may be. ",
						meanwhile,
						"The gateway does not try it unless you ask."],
					aside, main: "again" };
			}
			const asked = event ? `The gateway sent a refresh to ${v} ${atMoment(event.at)} and got no usable response. ` : "";
			return { kind, shape: "doubt", word: "In doubt", say: [`${v}’s response was lost; a new sign-in is safest`],
				why: [asked, "The refresh token may already be used. ",
					meanwhile,
					`If you do nothing, the gateway tries once more${status.next_refresh_at > at ? ` (${moment(status.next_refresh_at)})` : ""}. If that fails, sign in again.`],
				aside, main: "again" };
		}
		case "refreshing":
			return { kind, shape: "warn", colour: "", word: "Refreshing now", say: [`Requesting a new token from ${v}`], why: ["Programs are not interrupted."] };
		case "stalled":
			return { kind, shape: "warn", word: "Token expired", say: ["The gateway keeps trying to refresh it"],
				why: [`${status.reason ?? ""} Programs get an error until then. Nothing is lost.`.trim()], main: "refresh" };
		case "expiring":
		case "ending": {
			const soon = kind === "expiring";
			return { kind, shape: soon ? "warn" : "ok", word: soon ? "Expires soon" : "Connected",
				say: [`${secret[0].toUpperCase()}${secret.slice(1)} expires in `, left(status.expires_at)],
				aside: provider.provider_type === "suno"
					? "A session token alone can’t be refreshed. Paste a new one, or add Suno’s client cookie to refresh it automatically."
					: "It can’t be refreshed. Connect again before it expires.", main: "again" };
		}
		case "limited":
			return { kind, shape: "warn", word: "Plan limit reached",
				say: status.limited.until ? ["Works again in ", left(status.limited.until)] : ["Works again when the plan resets"],
				why: ["The plan is used up; your sign-in is fine. Programs get an error until it resets."] };
		case "postponed": {
			const next = status.next_refresh_at;
			return { kind, shape: "warn", word: "Connected, not refreshed yet",
				say: next - at > 1 ? ["The gateway tries again in ", left(next)] : ["The gateway tries again now"],
				why: [`${status.reason} `, status.expires_at ? `The current token works until ${moment(status.expires_at)}.` : ""] };
		}
		case "down":
			return { kind, shape: "warn", word: `${v} isn’t responding`, say: ["Your sign-in is fine; ", noBreak(`${v} is not`)],
				why: [`Usage requested ${atMoment(account.usageAt ?? account.readAt)}: `, `${usageError.sentence} `,
					"Programs may get the same error. You don’t need to do anything."], main: "check" };
		default:
			return { kind, shape: "ok", word: "Connected",
				say: !status.expires_at ? [oauth ? "Works until you disconnect it" : `Works until the ${secret} is revoked`]
					: ["Refreshes automatically in ", left(status.next_refresh_at)] };
	}
}

function noBreak(text) {
	const node = document.createElement("span");
	node.className = "nb";
	node.append(text);
	return node;
}

function failedLogin({ last_login: login, pending }) {
	if (pending) return ["A sign-in is waiting for approval."];
	if (!login || ["completed", "cancelled"].includes(login.outcome)) return null;
	return [`Last attempt, ${moment(login.at)}: ${login.reason}`];
}

/** Headlines for one account and for several, and the kinds that they are about. */
const WORST_FIRST = [
	["needs you", "need you", "needs", "unreadable"],
	["is refused by its provider", "are refused by their provider", "refused"],
	["is in doubt", "are in doubt", "doubt"],
	["has reached its plan’s limit", "have reached their plans’ limits", "limited"],
	["expires soon", "expire soon", "expiring"],
	["isn’t refreshed yet", "aren’t refreshed yet", "postponed", "stalled"],
	["is waiting for its provider", "are waiting for their provider", "down"],
];

/** Returns the page's headline, from the worst state, and the accounts it is about. */
export function headline(accounts, at) {
	const judged = accounts.map((account) => ({ account, kind: kindOf(account, at) }));
	const connected = judged.filter(({ kind }) => kind !== "absent" && kind !== "off");
	if (connected.length === 0 && judged.every(({ kind }) => kind === "absent")) return { title: "Connect an account", first: true, about: [] };
	const of = (...kinds) => judged.filter(({ kind }) => kinds.includes(kind)).map(({ account }) => account);
	const found = WORST_FIRST.map(([one, many, ...kinds]) => ({ one, many, list: of(...kinds) })).filter(({ list }) => list.length);
	const troubled = of("troubled");
	const about = [...found.flatMap(({ list }) => list), ...troubled];
	if (found.length) {
		const [{ one, many, list }] = found;
		return { title: list.length === 1 ? `One account ${one}` : `${list.length} accounts ${many}`, about };
	}
	if (troubled.length) return { title: "The gateway has a problem", about };
	if (connected.length === 0) return { title: "No account is in use", about };
	const off = of("off");
	return { title: off.length ? "Everything else is working" : "Everything is working", about: off };
}

export function concern(account, at) {
	const { status } = account;
	const serves = status.authenticated && status.expires_at > at;
	switch (kindOf(account, at)) {
		case "needs": return signsIn(account.provider)
			? (serves ? `must sign in again before ${moment(status.expires_at)}` : "must sign in again")
			: `needs a new ${secretName(account.provider)}`;
		case "unreadable": return "can’t be read";
		case "troubled": return "can be used, but the gateway has a problem";
		case "doubt": return serves ? `is in doubt and works until ${moment(status.expires_at)}` : "is in doubt";
		case "limited": return status.limited.until ? `has reached its plan’s limit until ${moment(status.limited.until)}` : "has reached its plan’s limit";
		case "expiring": return `expires ${moment(status.expires_at)}, in ${span(status.expires_at - at)}`;
		case "off": return "is switched off";
		case "down": return "works, but its provider isn’t responding";
		default: return WORST_FIRST.find(([, , ...kinds]) => kinds.includes(kindOf(account, at)))[0];
	}
}
