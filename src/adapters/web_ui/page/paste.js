// The form for a pasted redirect URL. It clears the field on submit, because the URL contains a one-time code.
import { api } from "./api.js";
import { code, fieldError, h, panel, small } from "./dom.js";

/** `address` is the redirect URI; `byHand` is true if the callback port is taken. */
export function paste({ name, address, login, byHand, onDone }) {
	const begins = `${address}?code=`;
	const field = h("input.in.mono", { id: "paste", name: "redirect_url", autocomplete: "off", autocapitalize: "off", spellcheck: "false", inputmode: "url",
		placeholder: `${begins}…`, "aria-describedby": "safe", maxlength: 8192 });
	const error = fieldError(field);
	const go = h("button.btn", null, "Finish");
	const form = h("form.in-row", { novalidate: true, onsubmit: submit }, field, go);

	async function submit(event) {
		event.preventDefault();
		const pasted = field.value.trim();
		const wrong = mistake(pasted, begins);
		if (wrong) return refuse(...wrong);
		field.value = "";
		go.disabled = true;
		error.clear();
		try {
			await api.callback(name, pasted);
			onDone("completed");
		} catch (problem) {
			// The status shows whether this login failed or the address belongs to another one.
			const isOpen = await api.status(name).then(({ pending }) => pending?.login_id === login, () => true);
			if (isOpen) refuse(problem.sentence);
			else onDone(problem.code, problem.sentence);
		} finally {
			go.disabled = false;
		}
	}

	const refuse = (...words) => error.say(words, " This sign-in is still open.");

	const node = panel(byHand ? "Paste the address by hand" : "Is the gateway on another machine?",
		small(byHand ? "The" : "Then the", " last step fails in your browser. That is expected; the gateway only needs the address that fails."),
		h("ol.steps", null,
			h("li", null, "Approve as usual. Your browser then can’t open a page whose address begins with:",
				h("code.addr", null, h("b", null, begins), "ac_…&state=…")),
			h("li", null, "Copy that whole address from the address bar."),
			h("li", null, h("div.field", null, h("label", { for: "paste" }, "Manual callback: paste it here"), form, error.node))),
		h("p.safety", { id: "safe" }, h("strong", null, "Never paste an address somebody else sent you, and never share yours."),
			" It contains a one-time code that completes a sign-in. This page accepts only the address of its own sign-in."));
	return { node };
}

/** Returns an error for an obvious mistake, or null. The gateway parses almost any other text. */
function mistake(text, begins) {
	const needed = ["The address begins with ", code(begins), "."];
	if (text === "") return ["The field is empty. ", ...needed];
	if (/[?&]client_id=/.test(text)) return ["That is the address of the sign-in page. ", ...needed];
	return null;
}
