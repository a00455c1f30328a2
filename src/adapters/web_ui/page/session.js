// Holds the page's session token, for this tab only. Not a cookie, because browsers send those to every port of the host.
import { api, base, connectApi } from "./api.js";
import { now } from "./time.js";

const KEY = `goclaw.session ${base}`;
const EXTEND_BELOW_S = 20 * 60;
let current = load();
let extending = false;
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

/** Reads a one-time link and removes it from the address bar before any request. */
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
	} catch { /* lasts until a reload */ }
}

function end(reason) {
	if (!current) return;
	keep(null);
	for (const listener of listeners) listener(reason);
}

export const session = {
	get isOpen() { return current !== null; },
	get hasLink() { return link !== null; },
	/** Calls `listener` with a key of `ENDINGS` when the session ends. */
	onEnd: (listener) => listeners.add(listener),
	/** Redeems the one-time link. The page drops it after any response. */
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
		// A 401 has ended the session already.
		end(await api.signOut().then(() => "left", () => "unsure"));
	},
	async signOutEverywhere(tokens) {
		await api.signOutEverywhere(tokens);
		end("left");
	},
};

connectApi({
	bearer: () => current?.token ?? null,
	refused: () => end(endReason() ?? "unknown"),
});

function endReason() {
	if (!current) return null;
	// The gateway's clock may be slightly ahead.
	const soon = now() + 2;
	if (soon >= current.ends_at) return "day";
	if (soon >= current.expires_at) return "idle";
	return null;
}

/** Extends the session on user input, once in 10 minutes at most. */
async function extend() {
	if (!current || extending) return;
	const over = endReason();
	if (over) return end(over);
	if (current.expires_at - now() > EXTEND_BELOW_S || current.expires_at >= current.ends_at) return;
	extending = true;
	const { token } = current;
	try {
		const fresh = await api.extendSession();
		if (current?.token === token) keep({ ...current, ...fresh });
	} catch { /* a 401 has ended the session already; states.js shows offline */ }
	extending = false;
}

for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, extend, { passive: true });

setInterval(() => {
	const over = endReason();
	if (over) end(over);
}, 5000);
// Opening a one-time link in a tab with this page changes only the fragment.
addEventListener("hashchange", () => {
	const fresh = takeLink();
	if (!fresh) return;
	link = fresh;
	dispatchEvent(new Event("goclaw:link"));
});
