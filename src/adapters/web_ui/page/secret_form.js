// Connects with a pasted API key or session token, which the gateway checks before it saves it.
import { notices } from "./actions.js";
import { api } from "./api.js";
import { button, code, fieldError, h, link, notice, pageHead, replace, say, small, uid } from "./dom.js";
import { store } from "./store.js";
import { clockSeconds, moment, now } from "./time.js";
import { pathOf, secretName, typeName, vendor, whoLine } from "./words.js";

const FIELD_CODES = ["invalid_secret", "expired_secret", "secret_refused", "invalid_body"];

/** A password field with a show button. `take` returns the secret and clears the field. */
export function secretField(label, hint, { name, required = true, autocomplete = "off" }) {
	const ids = { field: uid(name), hint: uid("hint") };
	const input = h("input.in.mono", { id: ids.field, name, type: "password", autocomplete, autocapitalize: "off", spellcheck: "false", maxlength: 32768,
		required, "aria-describedby": ids.hint });
	const show = button("Show", () => hide(input.type !== "password"), { "aria-pressed": "false", "aria-label": `Show ${label.toLowerCase()}` });
	const hide = (hidden) => {
		input.type = hidden ? "password" : "text";
		say(show, hidden ? "Show" : "Hide");
		show.ariaPressed = !hidden;
	};
	const error = fieldError(input);
	return {
		input, show,
		node: h("div.field", null, h("label", { for: ids.field }, label, !required && h("span.label", null, " optional")),
			h("div.in-row", null, input, show), h("p.hint", { id: ids.hint }, hint), error.node),
		take() {
			const value = input.value.trim();
			input.value = "";
			hide(true);
			error.clear();
			return value;
		},
		refuse: error.say,
	};
}

export function secretView(name, provider, draft) {
	const label = provider.display_name ?? typeName(provider.provider_type);
	const isSession = provider.auth_methods.includes("session_token");
	const what = secretName(provider);
	const heading = h("h1", { tabindex: -1 }, `Connect ${label}`);
	const secret = isSession
		? secretField("Session token", ["Sign in at suno.com, open the developer tools, and copy the value of the cookie ", code("__session"), ". Not needed with the client cookie."], { name: "session_token", required: false })
		: secretField("API key", "From the provider’s console. It begins with sk- and is shown only once.", { name: "api_key" });
	const cookie = isSession && secretField("Client cookie", ["The cookie ", code("__client"), " of auth.suno.com: its value, or all cookies as the browser copies them. With it the gateway gets and refreshes the token; without it you paste a new one when this one expires."],
		{ name: "client_cookie", required: false });
	const message = h("div", { role: "status" });
	const go = h("button.btn.btn-fill", null, "Check and save");
	const form = h("form.stack", { novalidate: true, onsubmit: submit }, secret.node, cookie && cookie.node,
		h("div.row", null, go, link("Cancel", "#/providers", { kind: "btn-text is-quiet" })), message);
	let gone = false;

	async function submit(event) {
		event.preventDefault();
		const value = secret.take();
		const cookieText = cookie ? cookie.take() : "";
		if (/\s/.test(value) || value + cookieText === "") return secret.refuse(`Paste the ${what}, without white space.`);
		const body = { [secret.input.name]: value || undefined, client_cookie: cookieText || undefined,
			...(draft && { provider_type: draft.type }), ...(draft?.display && { display_name: draft.display }) };
		go.disabled = true;
		replace(message, small(`Checking the ${what} with ${vendor(provider)}.`));
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
		h("section.panel.narrow-panel", { "aria-label": `Connect ${label}` }, form));
	return { node, title: `Connect ${label}`, heading, update: () => {}, destroy: () => { gone = true; secret.take(); if (cookie) cookie.take(); } };
}
