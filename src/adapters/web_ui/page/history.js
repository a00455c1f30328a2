// Shows what happened to accounts, newest first, in words: what, when, why, and what it meant for programs.
import { h, mark } from "./dom.js";
import { clock, moment, when } from "./time.js";
import { story, worthTelling } from "./words.js";

export const NOTHING = "Nothing yet. Sign-ins, refreshes and failures are listed here.";

export function historyList(events, provider, limit = 12) {
	const told = worthTelling(events);
	if (told.length === 0) return h("p", { class: "small" }, NOTHING);
	return h("ol", { class: "log" }, told.slice(0, limit).map((event) => entry(event, provider)));
}

/** One event; among those of all accounts with `named`: what its account is called, perhaps as a link; then under its day with the time alone. */
export function entry(event, provider, named = null) {
	const { shape, tone, title, text } = story(event, provider);
	return h("li", null, mark(shape, tone), h("div", null,
		h("div", { class: "t" }, h("h3", null, title, named && [" ", named]), when(event.at, named ? clock : moment)),
		text && h("p", null, text)));
}
