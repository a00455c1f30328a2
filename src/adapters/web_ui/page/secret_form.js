// Connects with a pasted API key or session token, which the gateway checks before it saves it.
import { notices } from "./actions.js";
import { api } from "./api.js";
import { pathOf } from "./cards.js";
import { button, code, h, link, mark, notice, pageHead, replace, say, uid } from "./dom.js";
import { store } from "./store.js";
import { clockSeconds, moment, now } from "./time.js";
import { secretName, typeName, vendor, whoLine } from "./words.js";

const FIELD_CODES = ["invalid_secret", "expired_secret", "secret_refused", "invalid_body"];

/** A password field with a show button; `take` clears it. */
export function secretField(label, hint, { name, required = true, autocomplete = "off", maxlength = 16384 }) {
	const ids = { field: uid(name), hint: uid("hint"), error: uid("error") };
	const input = h("input", { class: "in mono", id: ids.field, name, type: "password", autocomplete, autocapitalize: "off", spellcheck: "false", maxlength,
		required, "aria-describedby": `${ids.hint} ${ids.error}` });
	const show = button("Show", () => hide(input.type !== "password"), { "aria-pressed": "false", "aria-label": `Show ${label.toLowerCase()}` });
	const hide = (hidden) => {
		input.type = hidden ? "password" : "text";
		say(show, hidden ? "Show" : "Hide");
		show.setAttribute("aria-pressed", String(!hidden));
	};
	const error = h("p", { class: "err", id: ids.error, role: "alert" });
	return {
		input, show,
		node: h("div", { class: "field" }, h("label", { for: ids.field }, label, !required && h("span", { class: "label" }, " optional")),
			h("div", { class: "in-row" }, input, show), h("p", { class: "hint", id: ids.hint }, hint), error),
		/** Returns the secret and clears the field. */
		take() {
			const value = input.value.trim();
			input.value = "";
			hide(true);
			replace(error);
			input.removeAttribute("aria-invalid");
			return value;
		},
		refuse(...words) {
			replace(error, mark("bad"), h("span", null, words));
			input.setAttribute("aria-invalid", "true");
			input.focus();
		},
	};
}

export function secretView(name, provider, draft) {
	const label = provider.display_name ?? typeName(provider.provider_type);
	const isSession = provider.auth_methods.includes("session_token");
	const what = secretName(provider);
	const heading = h("h1", { tabindex: -1 }, `Connect ${label}`);
	const secret = isSession
		? secretField("Session token", ["Sign in at suno.com, open the browser’s developer tools, and copy the value of the cookie ", code("__session"), ". With the client cookie it may stay empty."], { name: "session_token", required: false })
		: secretField("API key", "From the provider’s console. It begins with sk- and is shown only once.", { name: "api_key" });
	const cookie = isSession && secretField("Client cookie", ["The cookie ", code("__client"), " of auth.suno.com: its value, or all cookies as your browser copies them. With it the gateway refreshes the token automatically; without it you paste a new token when this one expires."],
		{ name: "client_cookie", required: false, maxlength: 32768 });
	const message = h("div", { role: "status" });
	const go = h("button", { class: "btn btn-fill" }, "Check and save");
	const form = h("form", { class: "stack", novalidate: true, onsubmit: submit }, secret.node, cookie && cookie.node,
		h("div", { class: "row" }, go, link("Cancel", "#/providers", { kind: "btn-text is-quiet" })), message);
	let gone = false;

	async function submit(event) {
		event.preventDefault();
		const value = secret.take();
		const second = cookie ? cookie.take() : "";
		if (value === "" && second === "") return secret.refuse(`The field is empty. Paste the ${what} alone.`);
		if (/\s/.test(value)) return secret.refuse(`It contains white space. Paste the ${what} alone.`);
		const body = { ...(value && { [isSession ? "session_token" : "api_key"]: value }), ...(second && { client_cookie: second }),
			...(draft && { provider_type: draft.type }), ...(draft?.display && { display_name: draft.display }) };
		go.disabled = true;
		replace(message, h("p", { class: "small" }, `Checking the ${what} with ${vendor(provider)}.`));
		try {
			await api.secret(name, body);
			await store.loadAll();
			if (gone) return;
			succeeded();
		} catch (error) {
			if (gone) return;
			replace(message);
			if (FIELD_CODES.includes(error.code)) (value ? secret : cookie).refuse(error.sentence, " Nothing was saved.");
			else replace(message, notice("bad", error.title || "Not saved", `${error.sentence} Nothing was saved. Paste it again to retry.`, { role: "alert" }));
		} finally {
			go.disabled = false;
		}
	}

	function succeeded() {
		const account = store.get(name);
		const who = whoLine(account?.status.account);
		const next = account?.status.next_refresh_at;
		notices.show(notice("ok", who ? `Connected ${name} as ${who}` : `Connected ${name}`,
			[`Checked, encrypted and saved at ${clockSeconds(now())}. It is never shown again.`, next && ` Next automatic refresh: ${moment(next)}.`]));
		location.hash = pathOf(name);
	}

	const node = h("div", null,
		pageHead(heading, h("p", null, "As ", code(name), `. The ${what} is checked with ${vendor(provider)}, encrypted and never shown again.`)),
		h("section", { class: "panel narrow-panel", "aria-label": `Connect ${label}` }, form));
	return { node, title: `Connect ${label}`, heading, update: () => {}, destroy: () => { gone = true; secret.take(); if (cookie) cookie.take(); } };
}
