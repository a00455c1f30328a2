// Renders account events, newest first.
import { colourOf, h, mark, small } from "./dom.js";
import { clock, moment, when } from "./time.js";
import { describe, withoutFinishedStarts } from "./words.js";

export const NOTHING = "Nothing yet. Sign-ins, refreshes and failures are listed here.";

export function historyList(events, provider, limit = 12) {
	const shown = withoutFinishedStarts(events);
	if (shown.length === 0) return small(NOTHING);
	return h("ol.log", null, shown.slice(0, limit).map((event) => entry(event, provider)));
}

/** Renders one event. The list of all accounts passes `named`, the account's name or link, and omits the date. */
export function entry(event, provider, named = null) {
	const { shape, colour = colourOf(shape), title, text } = describe(event, provider);
	return h("li", null, mark(shape, colour), h("div", null,
		h("div.t", null, h("h3", null, title, named && [" ", named]), when(event.at, named ? clock : moment)),
		text && h("p", null, text)));
}
