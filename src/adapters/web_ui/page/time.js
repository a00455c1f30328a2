// Formats times and updates all countdowns from one timer.
const DAY = 86400;
let offset = 0;

/** Returns Unix seconds by the gateway's clock. */
export const now = () => Date.now() / 1000 + offset;

/** Adjusts to the gateway's clock by its Date header. Ignores up to 5 s, for rounding and delays. */
export function syncClock(header) {
	const theirs = Date.parse(header ?? "") / 1000;
	if (!Number.isFinite(theirs)) return;
	const apart = theirs - Date.now() / 1000;
	offset = Math.abs(apart) > 5 ? apart : 0;
}

const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const MINUTE = format({ timeStyle: "short" });
const SECOND = format({ timeStyle: "medium" });
const DATE = format({ day: "numeric", month: "short" });
const YEAR = format({ day: "numeric", month: "short", year: "numeric" });
const WEEKDAY = format({ weekday: "short" });
const FULL = format({ weekday: "long", day: "numeric", month: "long" });

const date = (at) => new Date(at * 1000);
export const clock = (at) => MINUTE.format(date(at));
export const clockSeconds = (at) => SECOND.format(date(at));

/** Returns the days from today: -1 for yesterday. Counts from noon to noon, because of daylight saving time. */
function daysAway(at) {
	const noon = (when) => new Date(when.getFullYear(), when.getMonth(), when.getDate(), 12).getTime();
	return Math.round((noon(date(at)) - noon(date(now()))) / (DAY * 1000));
}

export function day(at) {
	const away = daysAway(at);
	if (Math.abs(away) > 300) return YEAR.format(date(at));
	return DATE.format(date(at));
}

/** `14:36`, `yesterday, 14:36`, `Fri 27 Nov, 09:00`, `30 Dec, 14:36`. */
export function moment(at) {
	const away = daysAway(at);
	if (away === 0) return clock(at);
	if (away === -1) return `yesterday, ${clock(at)}`;
	if (away === 1) return `tomorrow, ${clock(at)}`;
	const week = away > 1 && away < 7 ? `${WEEKDAY.format(date(at))} ` : "";
	return `${week}${day(at)}, ${clock(at)}`;
}

/** A moment within a sentence: `at 14:36`, `tomorrow at 00:00`, `on Fri 27 Nov at 09:00`. */
export function atMoment(at) {
	const away = daysAway(at);
	if (away === 0) return `at ${clock(at)}`;
	const said = moment(at).replace(/, (\d\d:\d\d)$/, " at $1");
	return Math.abs(away) === 1 ? said : `on ${said}`;
}

/** `16:40 today` for today; otherwise as `moment`. */
export const until = (at) => (daysAway(at) === 0 ? `${clock(at)} today` : moment(at));

export function dayName(at) {
	const away = daysAway(at);
	if (away === 0) return "Today";
	if (away === -1) return "Yesterday";
	return FULL.format(date(at));
}

/** `6 d 4 h`, `3 h 4 min`, `18 min`, `48 s`: two units at most, rounded down. */
export function span(seconds) {
	const s = Math.max(0, Math.floor(seconds));
	if (s < 60) return `${s} s`;
	const minutes = Math.floor(s / 60);
	if (minutes < 60) return `${minutes} min`;
	const hours = Math.floor(minutes / 60);
	if (hours < 24) return pair(hours, "h", minutes % 60, "min");
	return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

const pair = (a, unitA, b, unitB) => (b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`);

/** The name of a usage window: `5 hours`, `7 days`. */
export function length(seconds) {
	const count = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
	if (seconds % DAY === 0) return count(seconds / DAY, "day");
	if (seconds % 3600 === 0) return count(seconds / 3600, "hour");
	return count(Math.round(seconds / 60), "minute");
}

export const minutes = (seconds) => {
	const s = Math.max(0, Math.ceil(seconds));
	return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
};

const ticking = new Map();

/** Calls `update` each second while `node` is on the page. Drops a node that is not attached within 10 s. */
export function onTick(node, update) {
	update(now());
	ticking.set(node, { update, seen: false, age: 0 });
	return node;
}

setInterval(() => {
	const at = now();
	for (const [node, entry] of ticking) {
		if (node.isConnected) {
			entry.seen = true;
			entry.update(at);
		} else if (entry.seen || ++entry.age > 10) ticking.delete(node);
	}
}, 1000);

/** Sets the text of `node` to `words(now)` each second. */
const ticker = (node, words) => onTick(node, (t) => {
	const text = words(t);
	if (node.textContent !== text) node.textContent = text;
});

/** Returns a text that changes each second. It is hidden from screen readers, which would read each change. */
export function counter(words) {
	const node = document.createElement("span");
	node.ariaHidden = "true";
	return ticker(node, words);
}

/** Returns a countdown to a time; shows `over` at the end. */
export const left = (at, over = "a moment") => ticker(when(at, () => ""), (t) => (at - t >= 1 ? span(at - t) : over));

export function when(at, words = moment) {
	const node = document.createElement("time");
	node.className = "nb";
	node.dateTime = date(at).toISOString();
	node.textContent = words(at);
	return node;
}

export function zone() {
	const off = -new Date().getTimezoneOffset();
	const two = (n) => String(n).padStart(2, "0");
	const sign = off < 0 ? "−" : "+";
	return `Local time, UTC${sign}${two(Math.floor(Math.abs(off) / 60))}:${two(Math.abs(off) % 60)}`;
}
