// The form that adds an account under a name. Programs select it by that name.
import { startFromClick } from "./connect.js";
import { button, fieldError, h, say, uid } from "./dom.js";
import { store } from "./store.js";
import { pathOf } from "./words.js";

const TYPES = [
	["openai-codex", "ChatGPT", "signs in at OpenAI", "/gpt-5.5"],
	["suno", "Suno", "session token", ""],
	["dashscope", "DashScope", "API key", "/qwen-plus"],
];
const NAME = /^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/;

export function addAccount() {
	let type = "openai-codex";
	let typed = false;
	const ids = { name: uid("name"), hint: uid("hint"), display: uid("display") };
	const name = h("input.in.mono", { id: ids.name, autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 50, required: true,
		"aria-describedby": ids.hint, oninput: () => { typed = true; preview(); } });
	const display = h("input.in", { id: ids.display, autocomplete: "off", maxlength: 255 });
	const address = h("code.addr", null);
	const error = fieldError(name);
	const form = h("form", { onsubmit: submit, novalidate: true },
		h("fieldset.pick", null, h("legend", null, "Provider"), TYPES.map(([value, label, how]) => h("label", null,
			h("input", { type: "radio", name: "kind", value, checked: value === type, onchange: () => { type = value; suggest(); } }),
			h("span", null, label, " ", h("span.label", null, how))))),
		h("div.field", null, h("label", { for: ids.name }, "Name"), name,
			h("p.hint", { id: ids.hint }, "Programs select this account by its name:"), address, error.node),
		h("div.field", null, h("label", { for: ids.display }, "Display name ", h("span.label", null, "optional")), display),
		h("div.row", null, h("button.btn.btn-fill", null, "Continue"), button("Cancel", () => close(), { kind: "btn-text is-quiet" })));
	const node = h("details.add", { onkeydown: (event) => { if (event.key === "Escape") close(); }, ontoggle: () => { if (node.open) suggest(); } },
		h("summary.btn", null, "Add account"), form);

	function close() {
		node.open = false;
		node.querySelector("summary").focus();
	}

	function suggest() {
		if (!typed) {
			let n = 2;
			while (store.get(`${type}-${n}`)) n += 1;
			name.value = store.get(type)?.status.state === "absent" ? type : `${type}-${n}`;
		}
		preview();
	}

	function preview() {
		error.clear();
		const [, , , example] = TYPES.find(([value]) => value === type);
		say(address, type === "suno" ? `/v1/proxy/${name.value}/…` : `${name.value}${example}`);
	}

	function submit(event) {
		event.preventDefault();
		const wanted = name.value.trim();
		const wrong = wanted === "openai" ? "openai is an alias of openai-codex. Choose another name." : !NAME.test(wanted) ? "Use 1 to 50 lower-case letters, digits and inner hyphens."
			: store.get(wanted) && store.get(wanted).status.state !== "absent" ? "An account with this name is already connected. Choose another name."
				: store.get(wanted) && store.get(wanted).provider.provider_type !== type ? "An account of another provider has this name. Choose another name." : null;
		if (wrong) return error.say(wrong);
		if (type === "openai-codex") startFromClick(wanted);
		node.open = false;
		location.hash = pathOf(wanted, `/connect/${type}/${encodeURIComponent(display.value.trim())}`);
	}

	return { node };
}
