// Starts the page: routes the hash to a screen and passes changes to it.
import { notices } from "./actions.js";
import { activityView } from "./activity.js";
import { connectView } from "./connect.js";
import { button, byId, h, notice, replace } from "./dom.js";
import { gateway, listen, onLive, stopListening } from "./live.js";
import { providerView } from "./provider.js";
import { providersView } from "./providers.js";
import { requestsView } from "./requests.js";
import { secretView } from "./secret_form.js";
import { session } from "./session.js";
import { linkView, startSessionView } from "./start_session.js";
import { loading, nothingHere, watchGateway } from "./states.js";
import { store } from "./store.js";
import { now, onTick, zone } from "./time.js";
import { signsIn } from "./words.js";

const place = byId("view");
let view = null;
let shownHash = null;
let ended = null;

function show(next, { focus = true } = {}) {
	view?.destroy?.();
	view = next;
	replace(place, next.node);
	retitle();
	scrollTo(0, 0);
	notices.clearOld();
	if (!focus) return;
	if (next.focus) next.focus();
	else next.heading?.focus({ preventScroll: true });
}

function retitle() {
	const title = typeof view.title === "function" ? view.title() : view.title;
	document.title = `${title} · goclaw`;
}

/** Parses `#/activity`, `#/requests`, `#/providers` and `#/providers/<name>`, then `/connect` or `/key`, then a new account's type and display name. */
function parse() {
	const [page, name, rest, type, display] = location.hash.replace(/^#\/?/, "").split("/").map((part) => {
		try { return decodeURIComponent(part); } catch { return part; }
	});
	return { page: page || "providers", name, rest, draft: type && { type, display } };
}

function route({ focus = true, force = false } = {}) {
	if (!session.isOpen) return;
	if (!force && location.hash === shownHash) return;
	shownHash = location.hash;
	const { page, name, rest, draft } = parse();
	for (const link of document.querySelectorAll("#nav a")) {
		link.ariaCurrent = link.hash === `#/${page}` ? "page" : null;
	}
	if (page === "activity") return show(activityView(), { focus });
	if (page === "requests") return show(requestsView(), { focus });
	if (page !== "providers") return show(nothingHere("Page not found", "This page has no screen at this address."), { focus });
	if (!name) return show(providersView(), { focus });
	if (!store.all) return show(waitFor(), { focus: false });
	show(screenOf(name, rest, draft), { focus });
}

/** Waits for the accounts, which an account's screens need. */
function waitFor() {
	const wait = loading("Loading the account");
	return { node: wait.node, title: "Loading", update: () => {
		if (!store.all) return;
		wait.stop();
		route({ force: true, focus: false });
	} };
}

function screenOf(name, rest, draft) {
	const account = store.get(name);
	// A new account connects like the built-in account of its type.
	const like = store.get(draft?.type)?.provider;
	if (!account && !like) return nothingHere(`There is no account ${name}`, "It was disconnected or never existed.");
	if (account && rest !== "connect" && rest !== "key") return providerView(name);
	const provider = account?.provider ?? { ...like, name, display_name: null };
	return (signsIn(provider) && rest !== "key" ? connectView : secretView)(name, provider, draft);
}

function open({ focus = true } = {}) {
	ended = null;
	setSignedIn(true);
	store.loadAll();
	listen();
	route({ force: true, focus });
}

function setSignedIn(signedIn) {
	for (const id of ["nav", "leave", "everywhere"]) byId(id).hidden = !signedIn;
}

/** Ends the session and clears all account data. */
function endSession(reason) {
	ended = reason;
	stopListening();
	store.forget();
	setSignedIn(false);
	shownHash = null;
	showSessionStart();
}

function showSessionStart() {
	show(session.hasLink ? linkView(() => open(), () => show(startSessionView(null, () => open()))) : startSessionView(ended, () => open()));
}

session.onEnd(endSession);
store.subscribe((name) => {
	if (!session.isOpen || !view) return;
	view.update(name);
	retitle();
});
onLive(() => store.loadAll());
addEventListener("hashchange", () => route());
addEventListener("goclaw:link", () => {
	stopListening();
	showSessionStart();
});
document.addEventListener("visibilitychange", () => {
	if (!document.hidden && session.isOpen) store.loadAll();
});
byId("leave").addEventListener("click", () => session.signOut());
byId("everywhere").addEventListener("click", () => {
	const tokens = h("input", { type: "checkbox" });
	const go = () => session.signOutEverywhere(tokens.checked).catch((error) => notices.show(notice("bad", "Not signed out", error.sentence)));
	notices.show(notice("warn", "Sign out everywhere?",
		["This ends all sessions and links, on every device. ", h("label", null, tokens, " Also revoke the tokens of programs")],
		{ actions: [button("Sign out everywhere", go, { kind: "btn-danger" })] }));
});
// The router would treat a plain "#main" as a screen.
byId("skip").addEventListener("click", (event) => {
	event.preventDefault();
	byId("main").focus();
});
byId("where").textContent = location.host;
byId("zone").textContent = zone();
watchGateway();

// Reload an account once, 2 s after each due refresh or expiry, even if the event stream is down.
const asked = new Set();
onTick(document.body, (t) => {
	if (!session.isOpen || gateway.isOffline) return;
	for (const { name, status, readAt } of store.all ?? []) {
		for (const due of [status.next_refresh_at, status.expires_at]) {
			const key = `${name} ${due}`;
			if (!due || t < due + 2 || readAt > due + 1 || asked.has(key)) continue;
			asked.add(key);
			store.loadOne(name);
		}
	}
});

if (session.hasLink || !session.isOpen) showSessionStart();
else open({ focus: false });
document.documentElement.dataset.ready = String(Math.round(now()));
