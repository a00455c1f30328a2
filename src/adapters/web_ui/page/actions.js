// Account actions: refresh, disconnect, switch on or off, check. Results appear next to the account.
import { api } from "./api.js";
import { button, byId, code, h, notice, replace, say } from "./dom.js";
import { store } from "./store.js";
import { clockSeconds, counter, left, moment, now } from "./time.js";
import { ending, hasModels, secretName, signsIn, vendor } from "./words.js";

let shownAt = -Infinity;
/** Notices above the screen, until dismissed or until another screen opens. */
export const notices = {
	/** Clears the notices, unless they were shown in the last second. */
	clearOld() {
		if (performance.now() - shownAt > 1000) replace(byId("notices"));
	},
	show(node) {
		shownAt = performance.now();
		const box = byId("notices");
		replace(box, node);
		const row = node.querySelector(".row") ?? node.lastChild.appendChild(h("div.row", null));
		row.append(button("Dismiss", () => { replace(box); byId("main").focus({ preventScroll: true }); }, { kind: "btn-text is-quiet" }));
	},
};

/** Focuses the control whose `data-f` is `f`. */
function focusOn(f) {
	document.querySelector(`[data-f="${CSS.escape(f)}"]`)?.focus();
}

const busy = new Set();

/** Refreshes now. `consent` names the token in doubt that may be presented again. */
export async function refreshNow(account, slot, consent = null) {
	const { name, provider } = account;
	if (busy.has(name)) return;
	busy.add(name);
	const v = vendor(provider);
	const begun = now();
	const past = counter((t) => (t - begun >= 1 ? `, ${Math.floor(t - begun)} s so far` : ""));
	replace(slot, notice("ok", `Requesting a new token from ${v}`, ["At most 20 s", past, ". Programs are not interrupted."], { shape: "warn", level: "h3" }));
	try {
		const status = await api.refresh(name, consent);
		replace(slot, refreshed(status, account, v));
	} catch (error) {
		replace(slot, notRefreshed(error, account));
	} finally {
		busy.delete(name);
		store.loadOne(name);
	}
}

function refreshed(status, before, v) {
	const refreshed = status.generation !== before.status.generation || status.login_id !== before.status.login_id;
	if (status.state === "active" && refreshed) {
		return notice("ok", `Refreshed at ${clockSeconds(status.last_refresh_at ?? now())}`,
			[status.expires_at && `The new token works until ${moment(status.expires_at)}. `, status.next_refresh_at && `The next refresh is due ${moment(status.next_refresh_at)}.`], { level: "h3" });
	}
	if (status.state === "in_doubt") return notice("doubt", `In doubt: ${v}’s response was lost`, status.reason, { level: "h3" });
	if (status.state === "needs_reauth") return notice("bad", `${v} refused to refresh this sign-in`, status.reason, { level: "h3" });
	return notice("warn", "Not refreshed", [status.reason ?? "No reason was reported. ",
		status.next_refresh_at > now() ? [" The gateway tries again in ", left(status.next_refresh_at), "."] : null], { level: "h3" });
}

function notRefreshed(error, { status }) {
	const good = status.authenticated && status.expires_at > now() ? ` The current token works until ${moment(status.expires_at)}.` : "";
	return notice("warn", error.title && error.code !== "refresh_unavailable" ? `Not refreshed: ${error.title.toLowerCase()}` : "Not refreshed", `${error.sentence}${good}`, { level: "h3" });
}

/** Asks whether the new login replaces the connected account. `onAnswer` gets the new status and the answer. */
export function askWhichStays({ name, provider, status }, onAnswer = () => {}) {
	const { login_id, replaces } = status.confirmation;
	const error = h("div", { role: "status" });
	const answer = async (isReplaced) => {
		for (const choice of choices) choice.disabled = true;
		try {
			onAnswer(await api.confirm(name, { login_id, replaces, replace: isReplaced }), isReplaced);
			store.loadOne(name);
		} catch (problem) {
			for (const choice of choices) choice.disabled = false;
			replace(error, notice("bad", problem.title || "Nothing was changed", problem.sentence, { level: "h3", role: "alert" }));
		}
	};
	const choices = [button("Keep the connected one", () => answer(false), { kind: "btn-fill", "data-first": true, f: `${name}:keep` }),
		button("Replace it", () => answer(true), { kind: "btn-danger", f: `${name}:replace` })];
	const [tone, title, text] = ending("confirmation_needed", status.last_login.reason, provider);
	const box = notice(tone, title, text, { role: "alert", actions: choices });
	box.lastChild.append(error);
	return box;
}

/** Asks before disconnecting and lists the consequences. */
export function askDisconnect(account, slot, f) {
	const { name, provider } = account;
	const ids = { title: `bye-${name}`, text: `bye-text-${name}` };
	const close = () => { replace(slot); focusOn(f); };
	const keep = button("Keep it", close);
	const go = button(`Disconnect ${name}`, () => disconnect(account, slot, go, keep), { kind: "btn-danger" });
	const ask = h("div.ask", { role: "group", "aria-labelledby": ids.title, "aria-describedby": ids.text,
		onkeydown: (event) => { if (event.key === "Escape") close(); } },
	h("div", null, h("h3", { id: ids.title }, `Disconnect ${name}?`), h("p.small", { id: ids.text }, consequences(provider))),
	h("div.row", null, keep, go));
	replace(slot, ask);
	keep.focus();
	ask.scrollIntoView({ block: "nearest" });
}

function consequences(provider) {
	const { name } = provider;
	const programs = hasModels(provider) ? [code(`${name}/…`)] : [code(name)];
	if (!signsIn(provider)) {
		return [`This deletes the ${secretName(provider)} from the gateway at once. Programs that use `, ...programs,
			` get an error from then on. It stays valid at ${vendor(provider)} until you revoke it there. To reconnect, paste it again.`];
	}
	return [`This deletes both tokens from the gateway at once and asks ${vendor(provider)} to revoke them. Programs that use `, ...programs,
		" get an error from then on. Anything that shares this sign-in, such as a copied login file, is signed out too. To reconnect, sign in again."];
}

async function disconnect(account, slot, go, keep) {
	for (const control of [go, keep]) control.disabled = true;
	say(go, "Disconnecting");
	try {
		const { revocation } = await api.logout(account.name);
		replace(slot);
		await store.loadAll();
		notices.show(disconnected(account, revocation));
		byId("main").focus();
	} catch (error) {
		replace(slot, notice("bad", "Not disconnected", error.sentence, { role: "alert", level: "h3" }));
	}
}

function disconnected({ name, provider }, revocation) {
	const v = vendor(provider);
	const here = `${signsIn(provider) ? "Both tokens are" : `The ${secretName(provider)} is`} deleted here`;
	const said = {
		waiting: `. ${v} would end every sign-in of this user, so they are not revoked while another account uses one.`,
		revoked: `, and ${v} confirmed that it revoked them.`,
		pending: `. ${v} didn’t confirm the revocation yet; the gateway retries for a day.`,
		failed: `. ${v} did not revoke them, so they stay valid there until they expire.`,
	}[revocation] ?? ".";
	return revocation === "pending" || revocation === "failed"
		? notice("warn", `Disconnected ${name} here, not confirmed by ${v}`,
			`${here}${said} To be sure, end this session in your account’s security settings there.`)
		: notice("off", `Disconnected ${name}`, here + said);
}

export async function setEnabled(account, enabled, slot) {
	try {
		await api.update(account.name, { enabled });
		replace(slot, notice("ok", enabled ? "Switched on" : "Switched off",
			enabled ? "Programs can use it now." : "Programs get an error until it is switched on again. Nothing is deleted.", { level: "h3", shape: enabled ? "ok" : "off" }));
		await store.loadOne(account.name);
		if (document.activeElement === document.body) byId("main").focus({ preventScroll: true });
	} catch (error) {
		replace(slot, notice("warn", enabled ? "Not switched on" : "Not switched off", error.sentence, { role: "alert", level: "h3" }));
	}
}

export async function checkNow(account, slot) {
	await store.loadUsage(account.name);
	const after = store.get(account.name);
	const v = vendor(account.provider);
	replace(slot, after?.usageError ? notice("warn", `${v} still isn’t responding`, `Checked at ${clockSeconds(now())}. ${after.usageError.sentence}`, { level: "h3" })
		: notice("ok", `${v} responds again`, `Checked at ${clockSeconds(now())}.`, { level: "h3" }));
}
