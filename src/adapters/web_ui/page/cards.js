// The card of one account: identity, state, actions and usage. Rebuilt only on a change.
import { askDisconnect, askWhichStays, checkNow, refreshNow, setEnabled } from "./actions.js";
import { startFromClick } from "./connect.js";
import { button, code, h, link, mark, small, swap } from "./dom.js";
import { lifeline, usageBars } from "./lifeline.js";
import { gateway } from "./live.js";
import { store } from "./store.js";
import { clockSeconds, moment, now } from "./time.js";
import { kindOf, verdict } from "./verdict.js";
import { hasModels, labels, methodName, pathOf, secretName, signsIn, vendor } from "./words.js";

/** Returns everything a card shows as a string. A card is rebuilt when it changes. */
export function signature(account) {
	const { provider, status, events, usage, usageError } = account;
	return JSON.stringify([kindOf(account, now()), gateway.isOffline, provider, status, events[0]?.id, usage, usageError?.code]);
}

/** Returns an account's buttons by state. `f` identifies a button, so that a rebuild keeps the focus. */
export function controls(account, display, slot, { detail = false } = {}) {
	if (gateway.isOffline) return [];
	const { name, provider, status } = account;
	const f = (what) => `${name}:${what}`;
	const oauth = signsIn(provider);
	const refreshes = status.next_refresh_at > 0;
	const act = (label, run, what, kind = "") => button(label, run, { kind, f: f(what), "aria-label": `${label}: ${name}` });
	const connect = (label, kind) => link(status.pending ? "Continue sign-in" : label, pathOf(name, "/connect"), { kind, f: f("connect"), "aria-label": `${label}: ${name}`,
		onclick: () => oauth && startFromClick(name) });
	const other = !oauth && `Replace ${secretName(provider).split(" ").pop()}`;
	const again = (kind) => connect(other || "Sign in again", kind);
	const reconnect = () => connect(other || "Reconnect", "btn-text is-quiet");
	const tryIt = (kind) => !detail && hasModels(provider) && link("Try it", pathOf(name), { kind, f: f("try"), "aria-label": `Try it: ${name}` });
	const refresh = (kind) => refreshes && act("Refresh now", () => refreshNow(account, slot), "refresh", kind);
	const goodbye = () => act("Disconnect", () => askDisconnect(store.get(name) ?? account, slot, f("bye")), "bye", "btn-text is-quiet");
	switch (display.kind) {
		case "absent": return [connect("Connect", detail ? "btn-fill" : "")];
		case "off": return [display.main === "enable" && act("Switch on", () => setEnabled(account, true, slot), "enable"), status.state !== "absent" && goodbye()];
		case "needs": return [again("btn-fill"), goodbye()];
		case "unreadable": return [provider.provider_type && again("btn-fill"), goodbye()];
		case "refused": return [again("btn-fill"), refresh("btn-text"), goodbye()];
		case "doubt": return [again("btn-fill"),
			act("Try once more now", () => refreshNow(account, slot, { login_id: status.login_id, generation: status.generation }), "refresh", "btn-text"), goodbye()];
		case "stalled": return [refresh(""), reconnect(), goodbye()];
		case "expiring":
		case "ending": return [again(""), tryIt("btn-text"), goodbye()];
		case "down": return [act("Check now", () => checkNow(account, slot), "check"), tryIt("btn-text"), goodbye()];
		case "refreshing": return [tryIt(""), goodbye()];
		default: return [tryIt(""), refresh(detail || !hasModels(provider) ? "" : "btn-text"), reconnect(), goodbye()];
	}
}

/** Returns the state's label and sentence; offline, with the time of the last response. */
export function statement(account, display, heading = "p", id = null) {
	if (gateway.isOffline) {
		const { next_refresh_at: next, expires_at: end } = account.status;
		const was = next ? `Refresh was due: ${moment(next)}` : end > now() ? `Its token works until ${moment(end)}` : `It was: ${display.word.toLowerCase()}`;
		return [h("p.state.is-off", null, mark(display.shape), `${display.word}, as of ${clockSeconds(account.readAt)}`), h(heading, { class: "say", id }, was)];
	}
	return [h("p", { class: `state ${display.colour}` }, mark(display.shape), display.word), h(heading, { class: "say", id }, display.say)];
}

function inner(account, slot) {
	const at = now();
	const { name, provider, status } = account;
	const display = verdict(account, at);
	const who = labels(status);
	const row = controls(account, display, slot).filter(Boolean);
	return h("div", { class: `card-in ${gateway.isOffline ? "stale" : ""}` },
		h("div.id", null,
			h("h2", null, h("a", { href: pathOf(name), "data-f": `${name}:open` }, provider.display_name), " ", h("small", null, methodName(provider))),
			h("code.key", null, name),
			h("p.who", null, (who.length ? who : [display.kind === "absent" ? vendor(provider) : null]).map((part) => part && h("span", null, part)))),
		h("div", null, statement(account, display), display.why && !gateway.isOffline && h("p.why", null, display.why),
			status.confirmation && !gateway.isOffline && askWhichStays(account), lifeline(account, display, at), row.length > 0 && h("div.row", null, row)),
		side(account, display));
}

function side(account, display) {
	const { provider } = account;
	if (gateway.isOffline) return h("p.side.label", null, "This may be outdated. You can make changes when the gateway responds.");
	const parts = usageBars(account);
	if (display.aside) parts.push(small(display.aside));
	if (display.quote) parts.push(h("p.label", null, `${vendor(provider)} reported `, code(display.quote)));
	if (parts.length === 0) parts.push(small(hint(provider, display.kind)));
	return h("div.side", null, parts);
}

/** Returns what an account is for, or how to connect it. */
export function hint({ provider_type: type, name }, kind) {
	if (type === "suno") return kind === "absent" ? "Paste a session token from suno.com. It is checked, encrypted and never shown again."
		: ["For music. Programs use it through ", code(`/v1/proxy/${name}/`), "."];
	if (type === "dashscope") return kind === "absent" ? "For Qwen and Wan models. The key is checked, encrypted and never shown again."
		: ["For Qwen and Wan models. Programs use ", code(`${name}/…`), " as the model in chat completions."];
	return kind === "absent" ? "Sign in with your OpenAI account, without an API key. Tokens are encrypted and refreshed automatically."
		: "Its tokens stay encrypted on the gateway’s machine.";
}

/** A card that updates itself. Updates keep the notices below it. */
export function card(name) {
	const slot = h("div.below", { role: "status" });
	let shown = null;
	let body = h("div");
	const node = h("li.card", { id: `card-${name}` }, body, slot);
	const update = () => {
		const account = store.get(name);
		if (!account) return;
		const next = signature(account);
		if (next === shown) return;
		shown = next;
		body = swap(body, inner(account, slot));
		node.className = `card ${verdict(account, now()).shape === "bad" && !gateway.isOffline ? "is-bad" : ""}`;
	};
	update();
	return { node, update };
}
