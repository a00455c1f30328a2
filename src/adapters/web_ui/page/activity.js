// The activity screen: a summary of the last 24 hours and the events of all accounts by day.
import { api } from "./api.js";
import { code, h, notice, panel, put, replace, uid } from "./dom.js";
import { NOTHING, entry } from "./history.js";
import { loading } from "./states.js";
import { store } from "./store.js";
import { clock, dayName, moment, now } from "./time.js";
import { pathOf, withoutFinishedStarts } from "./words.js";

const DAY = 86400;

export function activityView() {
	const heading = h("h1", { tabindex: -1 }, "Activity");
	const summary = h("p", { role: "status" });
	const list = h("div.days", null);
	const id = uid("which");
	const which = h("select.in.fit", { id, onchange: draw }, h("option", { value: "" }, "All accounts"));
	const wait = loading("Loading the activity");
	const head = h("div.page-head", null, h("div", null, heading, summary), h("div.row", null, h("label.vh", { for: id }, "Account"), which));
	const node = h("div", null, wait.node);
	let waiting = true;
	let shown = null;
	let all = null;
	let problem = null;

	async function update() {
		try {
			all = (await api.activity()).events;
			problem = null;
		} catch (error) {
			problem = error;
		}
		if (!store.all || !(all || problem)) return;
		if (waiting) {
			waiting = false;
			wait.stop();
			replace(node, head, list);
			if (document.activeElement === document.body) heading.focus({ preventScroll: true });
		}
		const known = [...new Set([...store.all.map(({ name }) => name), ...(all ?? []).map(({ provider }) => provider)])];
		const listed = [...which.options].map(({ value }) => value);
		put(which, known.filter((name) => !listed.includes(name)).map((name) => h("option", null, name)));
		draw();
	}

	function draw() {
		if (problem && !all) return void replace(list, notice("bad", "Activity is not available", problem.sentence));
		const events = withoutFinishedStarts(all.filter(({ provider }) => ["", provider].includes(which.value)));
		const next = JSON.stringify([which.value, events, dayName(now())]);
		if (next === shown) return;
		shown = next;
		replace(summary, summarize(events));
		replace(list, events.length === 0 && h("p.panel.small", null, NOTHING), days(events));
	}

	update();
	return { node, title: "Activity", heading, update };
}

function days(events) {
	const groups = [];
	for (const item of events) {
		const name = dayName(item.at);
		if (groups.at(-1)?.name !== name) groups.push({ name, items: [] });
		groups.at(-1).items.push(item);
	}
	return groups.map(({ name, items }) => panel(name, h("ol.log", null, items.map((event) => {
		const account = store.get(event.provider);
		const who = code(event.provider);
		// Of a deleted account, only the name is left.
		const provider = account?.provider ?? { name: event.provider, display_name: "The provider", auth_methods: [] };
		return entry(event, provider, account ? h("a", { href: pathOf(event.provider) }, who) : who);
	}))));
}

/** Summarizes the refreshes and failures of the last 24 hours. */
function summarize(events) {
	const since = now() - DAY;
	const recent = events.filter(({ at: time }) => time >= since);
	const refreshed = recent.filter(({ event }) => event === "refreshed");
	const failed = recent.filter(({ event, outcome }) => ["needs_reauth", "in_doubt", "refresh_postponed"].includes(event)
		|| (outcome && !["cancelled", "expired", "denied"].includes(outcome)));
	const words = h("span");
	if (refreshed.length === 0 && failed.length === 0) {
		const before = events.find(({ event }) => event === "refreshed");
		return put(words, "In the last 24 hours no refresh was due and nothing failed.", before && ` The last refresh was ${before.provider}’s, ${at(before.at)}.`);
	}
	const count = (list, one, many) => `${list.length === 1 ? `one ${one},` : `${list.length} ${many}, the last`} ${list[0].provider} at ${clock(list[0].at)}`;
	return put(words, "In the last 24 hours: ", refreshed.length ? count(refreshed, "refresh", "refreshes") : "no refresh", "; ",
		failed.length ? count(failed, "failure", "failures") : "nothing failed", ".");
}

const at = (time) => moment(time).replace(/^(\d\d:\d\d)$/, "today at $1");
