// Shows what happened to accounts, newest first, in words: what, when, why, and what it meant for programs.
import { code, h, mark } from "./dom.js";
import { clock, moment, when } from "./time.js";
import { story, worthTelling } from "./words.js";

export function historyList(events, provider, limit = 12) {
  const told = worthTelling(events);
  if (told.length === 0) return h("p", { class: "small" }, "Nothing yet. Sign-ins, renewals and failures are listed here.");
  return h("ol", { class: "log" }, told.slice(0, limit).map((event) => entry(event, provider, { heading: "h3" })));
}

/** One event; on the page of all accounts with the account's name, and under its day with the time alone. */
export function entry(event, provider, { heading, href = null }) {
  const { shape, tone, title, text } = story(event, provider);
  return h("li", null, mark(shape, tone), h("div", null,
    h("div", { class: "t" }, h(heading, null, title, href && [" ", h("a", { href }, code(provider.name))]), when(event.at, href ? clock : moment)),
    text && h("p", null, text)));
}
