// Runs a login: opens the authorize URL, waits for the outcome, and accepts a pasted redirect URL.
import { api } from "./api.js";
import { askWhichStays } from "./actions.js";
import { button, code, copy, h, link, mark, notice, pageHead, replace, small, svg } from "./dom.js";
import { gateway } from "./live.js";
import { paste } from "./paste.js";
import { store } from "./store.js";
import { clockSeconds, minutes, moment, now, onTick } from "./time.js";
import { ending, pathOf, person, secretName, typeName, vendor, whoLine } from "./words.js";

const back = (options = { kind: "btn-text" }) => link("Back to providers", "#/providers", options);

const POLL_MS = 2000;
let clicked = null;

/** Records a click, so that the view starts the login at once. */
export function startFromClick(name) {
	clicked = { name, at: performance.now() };
}

export function connectView(name, provider, draft) {
	const label = provider.display_name ?? typeName(provider.provider_type);
	const v = vendor(provider);
	const byKey = () => provider.auth_methods.length > 1 && link(`Paste the ${secretName(provider)} instead`, location.hash.replace("/connect", "/key"), { kind: "btn-text" });
	const known = store.get(name)?.status;
	const holder = known?.authenticated && person(known.account);
	const title = known?.authenticated ? `Sign in to ${label} again` : `Connect ${label}`;
	const heading = h("h1", { tabindex: -1 }, title);
	const stage = h("div.stage", null);
	const node = h("div", null, pageHead(heading, h("p", null, "As ", code(name), holder ? `. ${holder} stays in use until you approve.`
		: `. Uses your ${v} account; no API key needed.`)), stage);
	const options = { force: true, ...(draft && { provider_type: draft.type }), ...(draft?.display && { display_name: draft.display }) };
	let started = null;
	let timer = null;
	let gone = false;

	const show = (...content) => {
		replace(stage, ...content);
		stage.querySelector("[data-first]")?.focus();
	};

	function intro() {
		show(h("section.panel.narrow-panel", null, h("h2", null, `Sign in at ${v}`),
			small(`A new tab opens at ${v}. Sign in there and approve. This page updates automatically.`),
			h("div.row.gap", null, button("Open the sign-in page", begin, { kind: "btn-fill", f: "begin" }), byKey())));
	}

	async function begin() {
		show(h("p.small", { role: "status" }, "Starting the sign-in."));
		try {
			started = await api.start(name, options);
		} catch (error) {
			if (!gone) show(notice("bad", error.title || "No sign-in was started", error.sentence, { role: "alert", actions: [button("Try again", begin, { kind: "btn-fill" })] }));
			return;
		}
		if (gone) return;
		if (!started.auth_url) return finish("completed");
		if (!isWebAddress(started.auth_url)) {
			show(notice("bad", "The sign-in address is not a web address", ["Nothing was opened. Check ", code(`providers.${name}.issuer`), " in the configuration."], { role: "alert" }));
			return;
		}
		if (!started.callback.listening) return portBusy();
		// Browsers allow a new tab only after a click. With noopener the result of open() is unknown, so the link stays.
		const allowed = navigator.userActivation?.isActive ?? true;
		if (allowed) open(started.auth_url, "_blank", "noopener,noreferrer");
		wait(allowed);
	}

	function portBusy() {
		poll();
		show(notice("warn", `Port ${redirectUri(started.auth_url).port} is taken, so your browser can’t return automatically`,
			"Another program on the gateway’s machine uses it, often the Codex CLI during its own sign-in. Close it and try again, or continue and paste the address at the end.",
			{ role: "alert", actions: [button("Try again", begin, { kind: "btn-fill" }),
				link("Continue and paste", started.auth_url, { target: "_blank", rel: "noopener noreferrer", onclick: () => setTimeout(() => wait(true, true)) })] }));
	}

	function wait(opened, byHand = false) {
		poll();
		const { host } = new URL(started.auth_url);
		const redirect = redirectUri(started.auth_url);
		const form = paste({ name, address: redirect.href, byHand, login: started.login_id, onDone: finish });
		const copyAddress = button("Copy the sign-in address", () => copy(copyAddress, started.auth_url), { kind: "btn-text" });
		const next = h("h2", { id: "wait-h" }, opened ? "Approve in the other tab" : "Open the sign-in page");
		const step = (shape, text, note, current) => h("li", { "aria-current": current ? "step" : null }, mark(shape, shape === "off" ? "is-off" : ""), h("span", null, text), h("span.label", null, note));
		show(h("div.two", null,
			h("section.panel", { "aria-labelledby": "wait-h" },
				h("div.wait", null, ring(started, next),
					h("div", null, next,
						small(opened ? `A new tab has opened at ${host}; if your browser blocked it, use the button below. Sign in there and approve. `
							: `It opens in a new tab at ${host}. Sign in there and approve. `,
						provider.provider_type === "openai-codex" && "OpenAI’s page calls the gateway Codex. ",
						byHand ? "Then paste the final address." : "Keep this page open; it updates automatically."))),
				h("ol.stages", null,
					byHand ? step("off", `Port ${redirect.port} is taken: paste the address`, "", false) : step("ok", `The gateway listens on port ${redirect.port}`, clockSeconds(started.started_at), false),
					step("warn", `You approve at ${v}`, "waiting", true), step("off", "Tokens are fetched, encrypted and saved", "", false)),
				h("div.row.gap", null,
					link(opened ? "Open the tab again" : "Open the sign-in page", started.auth_url, { kind: opened ? "" : "btn-fill", target: "_blank", rel: "noopener noreferrer", "data-first": true }),
					copyAddress, button("Cancel", cancel, { kind: "btn-text is-quiet last" })),
				asksFor(started.auth_url, v)),
			form.node));
	}

	async function cancel() {
		try {
			if ((await api.cancel(name)).status === "no_pending_login") return check();
		} catch (error) {
			if (!gone) stage.prepend(notice("bad", "Not cancelled", error.sentence, { role: "alert" }));
			return;
		}
		finish("cancelled", "Sign-in cancelled. Nothing was saved.");
	}

	function poll() {
		clearInterval(timer);
		timer = setInterval(check, POLL_MS);
	}

	/** Polls the login, because the event stream may be down. */
	async function check() {
		if (!started?.login_id || gone) return;
		try {
			const status = await api.status(name);
			if (status.last_login?.login_id === started.login_id) finish(status.last_login.outcome, status.last_login.reason);
			else if (status.login_id === started.login_id) finish("completed");
			else if (now() > started.expires_at + 60) finish("expired");
		} catch { /* the next poll retries */ }
	}

	async function finish(outcome, reason = null) {
		clearInterval(timer);
		if (gone || !started) return;
		started = null;
		await store.loadAll();
		if (gone) return;
		if (outcome === "completed") return succeeded();
		const question = store.get(name)?.status.confirmation;
		if (outcome === "confirmation_needed" && question) {
			return show(askWhichStays(store.get(name), (status, replaced) => (replaced ? store.loadAll().then(succeeded) : kept(status))));
		}
		const [tone, title, text] = ending(outcome, reason, provider);
		show(notice(tone, title, text, { role: tone === "off" ? "status" : "alert", actions: [
			button("Start again", begin, { kind: tone === "off" ? "" : "btn-fill", "data-first": true }), back()] }));
	}

	function kept(status) {
		show(notice("ok", `${person(status.account)} stays connected`, "The tokens of the other account are discarded.",
			{ role: "status", actions: [back({ kind: "btn-fill", "data-first": true })] }));
	}

	function succeeded() {
		const account = store.get(name);
		const who = whoLine(account?.status.account);
		const next = account?.status.next_refresh_at;
		heading.textContent = `${label} is connected`;
		show(notice("ok", who ? `Connected as ${who}` : "Connected", [`Saved and encrypted at ${clockSeconds(now())}.`, next && ` Next automatic refresh: ${moment(next)}.`],
			{ role: "status", actions: [link("Try it", pathOf(name), { kind: "btn-fill", "data-first": true }), back()] }));
	}

	onTick(stage, () => {
		stage.inert = gateway.isOffline;
		stage.classList.toggle("stale", gateway.isOffline);
	});
	const byClick = provider.auth_methods.length === 1 && clicked?.name === name && performance.now() - clicked.at < 5000;
	clicked = null;
	if (byClick) begin();
	else intro();
	// Resume a pending login, for example after a reload; the gateway returns the same one.
	if (!byClick) api.status(name).then((status) => { if (status.pending && !gone && !started) resume(); }, () => {});
	async function resume() {
		try { started = await api.start(name, options); } catch { return; }
		if (!gone && started.auth_url && isWebAddress(started.auth_url)) wait(false, !started.callback.listening);
	}

	return { node, title, heading, update: (changed) => { if (!changed || changed === name) check(); },
		destroy: () => { gone = true; clearInterval(timer); } };
}

/** Rejects other schemes, which a configured URL may have. */
function isWebAddress(text) {
	try { return ["https:", "http:"].includes(new URL(text).protocol); } catch { return false; }
}

function redirectUri(address) {
	return new URL(new URL(address).searchParams.get("redirect_uri"));
}

function asksFor(address, v) {
	const scopes = new URL(address).searchParams.get("scope")?.split(" ").filter(Boolean) ?? [];
	if (scopes.length === 0) return null;
	const words = { openid: "who you are", offline_access: "automatic refresh", "api.connectors.read": "your connectors" };
	const known = Object.keys(words).filter((scope) => scopes.includes(scope)).map((scope) => words[scope]);
	return h("details.more", null, h("summary", null, `What the gateway requests from ${v}`),
		h("p", null, known.length ? `${known.join(", ")}. `.replace(/^./, (c) => c.toUpperCase()) : "", `Scopes: `, code(scopes.join(" ")), ". It never sees your password."));
}

/** Returns the countdown ring. After its end, `heading` says that the poll decides. */
function ring({ started_at: begun, expires_at: end }, heading) {
	const total = end - begun;
	const arc = svg("circle.left", { cx: 56, cy: 56, r: 53, pathLength: 100, "stroke-dasharray": "100 100" });
	const digits = h("span.digits", null);
	const node = h("div.ring", { role: "timer", "aria-label": "Time left to approve" },
		svg("svg", { viewBox: "0 0 112 112", "aria-hidden": "true" }, svg("circle.bed", { cx: 56, cy: 56, r: 53 }), arc),
		h("b", null, digits, h("span.label", null, `left of ${minutes(total)}`)));
	return onTick(node, (t) => {
		const rest = Math.max(0, end - t);
		digits.textContent = minutes(rest);
		arc.setAttribute("stroke-dashoffset", String(Math.round((100 - (rest / total) * 100) * 10) / 10));
		if (rest <= 0) heading.textContent = "Checking the outcome";
	});
}
