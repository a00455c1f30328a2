// Holds the page's own sign-in: a short-lived bearer in this tab alone, never a cookie, which every port of the machine would get.
import { api, connectApi } from "./api.js";
import { now } from "./time.js";

const KEY = "goclaw.session";
const RENEW_BELOW = 20 * 60;
let current = load();
let refreshing = false;
let link = takeLink();
const listeners = new Set();

function load() {
	try {
		const found = JSON.parse(sessionStorage.getItem(KEY));
		return typeof found?.token === "string" ? found : null;
	} catch {
		return null;
	}
}

/** Takes a one-time link off the address bar before anything is sent; nothing else on the page ever sees it. */
function takeLink() {
	const found = /^#link=([^&]+)$/.exec(location.hash);
	if (!found) return null;
	history.replaceState(null, "", `${location.pathname}#/providers`);
	try {
		return decodeURIComponent(found[1]);
	} catch {
		return found[1];
	}
}

function keep(session) {
	current = session;
	try {
		if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
		else sessionStorage.removeItem(KEY);
	} catch { /* no storage: the sign-in lasts until the tab is reloaded */ }
}

function end(reason) {
	if (!current) return;
	keep(null);
	for (const listener of listeners) listener(reason);
}

export const session = {
	get isOpen() { return current !== null; },
	get hasLink() { return link !== null; },
	/** Tells why the session is over: `idle`, `day`, `unknown`, `left`. */
	onEnd: (listener) => listeners.add(listener),
	/** Redeems the one-time link; it is forgotten once the gateway has given any answer. */
	async redeem() {
		try {
			keep(await api.signIn(link));
			link = null;
		} catch (error) {
			if (!error.isOffline) link = null;
			throw error;
		}
	},
	async signIn(token) { keep(await api.signIn(token)); },
	async signOut() {
		try { await api.signOut(); } catch { /* it ends here in any case, and at the gateway by itself */ }
		end("left");
	},
};

connectApi({
	bearer: () => current?.token ?? null,
	refused: () => end(judge() ?? "unknown"),
});

function judge() {
	if (!current) return null;
	// The gateway may be a moment ahead; its refusal is then no riddle.
	const soon = now() + 2;
	if (soon >= current.ends_at) return "day";
	if (soon >= current.expires_at) return "idle";
	return null;
}

/** Use of the page keeps it open; being merely open does not. */
async function used() {
	if (!current || refreshing) return;
	const over = judge();
	if (over) return end(over);
	if (current.expires_at - now() > RENEW_BELOW || current.expires_at >= current.ends_at) return;
	refreshing = true;
	try {
		keep({ ...current, ...(await api.refresh()) });
	} catch { /* a refusal has ended it already; silence is shown elsewhere */ }
	refreshing = false;
}

for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, used, { passive: true });

setInterval(() => {
	const over = judge();
	if (over) end(over);
}, 5000);
// A one-time link opened in a tab that shows the page already only changes the fragment.
addEventListener("hashchange", () => {
	const fresh = takeLink();
	if (!fresh) return;
	link = fresh;
	dispatchEvent(new Event("goclaw:link"));
});
