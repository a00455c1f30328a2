// The manual path: takes the address that the browser failed on, and forgets it at once, because it holds a one-time code.
import { api } from "./api.js";
import { code, h, mark, replace } from "./dom.js";

/** After these the same sign-in is still waiting; everything else has ended it. */
const STILL_OPEN = ["bad_redirect_url", "bad_body", "invalid_state", "wrong_redirect_address", "no_code", "not_your_login", "login_in_progress",
  "store_unavailable", "busy", "offline", "unauthorized"];

/** `address` is where the browser is sent after the approval. */
export function paste({ name, address, onDone }) {
  const begins = `${address}?code=`;
  const error = h("p", { class: "err", id: "paste-e", role: "alert" });
  const field = h("input", { class: "in mono", id: "paste", name: "redirect_url", autocomplete: "off", autocapitalize: "off", spellcheck: "false", inputmode: "url",
    placeholder: `${begins}…`, "aria-describedby": "safe paste-e", maxlength: 8192 });
  const go = h("button", { class: "btn" }, "Finish");
  const form = h("form", { class: "in-row", novalidate: true, onsubmit: submit }, field, go);

  async function submit(event) {
    event.preventDefault();
    const pasted = field.value.trim();
    field.value = "";
    const wrong = misread(pasted, begins);
    if (wrong) return refuse(wrong);
    go.disabled = true;
    replace(error);
    field.removeAttribute("aria-invalid");
    try {
      await api.callback(name, pasted);
      onDone("completed");
    } catch (problem) {
      if (STILL_OPEN.includes(problem.code)) refuse([problem.sentence]);
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
    h("h2", { id: "hand-h" }, "Is the gateway on another machine?"),
    h("p", { class: "small" }, "Then the last step fails in your browser. That is expected, and the address it fails on is all the gateway needs."),
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
