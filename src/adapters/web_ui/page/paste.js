// The form for a pasted redirect URL. It clears the field on submit, because the URL contains a one-time code.
import { api } from "./api.js";
import { code, h, mark, replace } from "./dom.js";

/** `address` is the redirect URI; `byHand` is true if the callback port is taken. */
export function paste({ name, address, login, byHand, onDone }) {
	const begins = `${address}?code=`;
	const error = h("p", { class: "err", id: "paste-e", role: "alert" });
	const field = h("input", { class: "in mono", id: "paste", name: "redirect_url", autocomplete: "off", autocapitalize: "off", spellcheck: "false", inputmode: "url",
		placeholder: `${begins}…`, "aria-describedby": "safe paste-e", maxlength: 8192 });
	const go = h("button", { class: "btn" }, "Finish");
	const form = h("form", { class: "in-row", novalidate: true, onsubmit: submit }, field, go);

	async function submit(event) {
		event.preventDefault();
		const pasted = field.value.trim();
		const wrong = misread(pasted, begins);
		if (wrong) return refuse(wrong);
		field.value = "";
		go.disabled = true;
		replace(error);
		field.removeAttribute("aria-invalid");
		try {
			await api.callback(name, pasted);
			onDone("completed");
		} catch (problem) {
			// The status shows whether this login failed or the address belongs to another one.
			const isOpen = await api.status(name).then(({ pending }) => pending?.login_id === login, () => true);
			if (isOpen) refuse([problem.sentence]);
			else onDone(problem.code, problem.sentence);
		} finally {
			go.disabled = false;
		}
	}

	function refuse(words) {
		replace(error, mark("bad"), h("span", null, words, " This sign-in is still open."));
		field.setAttribute("aria-invalid", "true");
		field.focus();
	}

	const node = h("section", { class: "panel", "aria-labelledby": "hand-h" },
		h("h2", { id: "hand-h" }, byHand ? "Paste the address by hand" : "Is the gateway on another machine?"),
		h("p", { class: "small" }, byHand ? "The" : "Then the", " last step fails in your browser. That is expected; the gateway only needs the address that fails."),
		h("ol", { class: "steps" },
			h("li", null, h("div", null, "Approve as usual. Your browser then can’t open a page whose address begins with:",
				h("code", { class: "addr" }, h("b", null, begins), "ac_…&state=…"))),
			h("li", null, h("div", null, "Copy that whole address from the address bar.")),
			h("li", null, h("div", { class: "field" }, h("label", { for: "paste" }, "Manual callback: paste it here"), form, error))),
		h("p", { class: "safety", id: "safe" }, h("strong", null, "Never paste an address somebody else sent you, and never share yours."),
			" It contains a one-time code that completes a sign-in. This page accepts only the address of its own sign-in."));
	return { node };
}

/** Returns why a pasted text cannot be the redirect URL, or null: the gateway finds the response in almost any text. */
function misread(text, begins) {
	const needed = ["The address begins with ", code(begins), "."];
	if (text === "") return ["The field is empty. ", ...needed];
	if (/[?&]client_id=/.test(text)) return ["That is the address of the sign-in page. ", ...needed];
	return null;
}
