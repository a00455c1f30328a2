// The manual path: takes the address that the browser failed on, and forgets it at once, because it holds a one-time code.
import { api } from "./api.js";
import { code, h, mark, replace } from "./dom.js";

/** `address` is where the browser is sent after the approval, `byHand` that it cannot come back there. */
export function paste({ name, address, login, byHand, onDone }) {
	const begins = `${address}?code=`;
	const error = h("p", { class: "err", id: "paste-e", role: "alert" });
	const field = h("input", { class: "in mono", id: "paste", name: "redirect_url", autocomplete: "off", autocapitalize: "off", spellcheck: "false", inputmode: "url",
		placeholder: `${begins}…`, "aria-describedby": "safe paste-e", maxlength: 8192 });
	const go = h("button", { class: "btn" }, "Finish");
	const form = h("form", { class: "in-row", novalidate: true, onsubmit: submit }, field, go);

	async function submit(event) {
		event.preventDefault();
		// Browsers hide what an address begins with; some copy it like that.
		const pasted = field.value.trim().replace(/^(?=(localhost|127\.))/, "http://");
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
			// Whether it was this sign-in that has ended, or another one's address was pasted, the gateway knows.
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
		h("h2", { id: "hand-h" }, byHand ? "Bring the address back by hand" : "Is the gateway on another machine?"),
		h("p", { class: "small" }, byHand ? "The" : "Then the", " last step fails in your browser. That is expected, and the address it fails on is all the gateway needs."),
		h("ol", { class: "steps" },
			h("li", null, h("div", null, "Approve as usual. Your browser then says it cannot open a page whose address begins like this:",
				h("code", { class: "addr" }, h("b", null, begins), "ac_…&state=…"))),
			h("li", null, h("div", null, "Copy that whole address from the address bar.")),
			h("li", null, h("div", { class: "field" }, h("label", { for: "paste" }, "Manual callback: paste it here"), form, error))),
		h("p", { class: "safety", id: "safe" }, h("strong", null, "Never paste an address somebody else sent you, and give yours to nobody."),
			" It holds a one-time code: whoever started that sign-in gets in with it. This page takes only the address of the sign-in it started itself."));
	return { node };
}

/** What was pasted instead, as far as it can be told without asking the gateway. */
function misread(text, begins) {
	const needed = ["The one needed begins with ", code(begins), "."];
	if (text === "") return ["Nothing was pasted. ", ...needed];
	let url;
	try { url = new URL(text); } catch { return ["That is not a whole web address. ", ...needed]; }
	const query = url.searchParams;
	if (url.protocol !== "http:" && url.protocol !== "https:") return ["That is not a web address. ", ...needed];
	if (/\/oauth\/authorize$/.test(url.pathname) || query.has("client_id")) return ["That is the address of the sign-in page. ", ...needed];
	if (!query.has("state")) return ["That address lacks its end: everything after the ", code("?"), " belongs to it. ", ...needed];
	return null;
}
