// Draws a token's lifetime as a line and usage as bars.
import { h, small, svg } from "./dom.js";
import { reportsUsage } from "./store.js";
import { clock, day, left, length, moment, onTick, span, when } from "./time.js";
import { begunAt } from "./verdict.js";

const DAY = 86400;

/** Returns the lifeline, or null if issue time or expiry is unknown. */
export function lifeline(account, { kind, colour }, at, large = false) {
	const { status } = account;
	const from = begunAt(account);
	const to = status.expires_at;
	if (!from || !to || to <= from) return null;
	const refreshes = status.next_refresh_at > 0 && !["needs", "doubt", "off"].includes(kind);
	const due = refreshes ? Math.min(to, Math.max(from, status.next_refresh_at)) : null;
	const percent = (time) => `${Math.round(Math.min(1, Math.max(0, (time - from) / (to - from))) * 1e4) / 100}%`;
	const y = large ? 34 : 10;
	const across = (name, x, y1, y2) => svg("line", { class: name, x1: x, x2: x, y1, y2 });
	const along = (name, a, b) => svg("line", { class: name, x1: a, x2: b, y1: y, y2: y });
	const shown = to - from < 2 * DAY ? moment : day;
	const began = status.last_refresh_at ? "refreshed" : "issued";
	const label = `Token lifetime: ${began} ${moment(from)}${due ? `, refresh due ${moment(due)}` : ", no refresh due"}, expires ${moment(to)}`;
	const gone = along("gone", "0", percent(at));
	const leftLine = along("left", percent(at), due ? percent(due) : "100%");
	const nowTick = across("now", percent(at), large ? 26 : 2, large ? 37 : 18);
	const nowText = large && svg("text.on", { x: percent(at), y: 18, "text-anchor": "middle" }, "now");
	// Hide "now" where it would overlap other labels.
	const nowFits = (t) => { const p = (t - from) / (to - from); return p > 0.03 && p < (due ? (due - from) / (to - from) - 0.24 : 0.96); };
	const late = due && (due - from) / (to - from) > 0.5;
	const drawing = svg("svg", { height: large ? 58 : 20, role: "img", "aria-label": label },
		ticks(from, to).map(({ time, name }) => [
			across("tick", percent(time), large ? 37 : 13, large ? 50 : 17),
			large && (time - from) / (to - from) < 0.97 && svg("text", { x: percent(time), dx: 4, y: 51, class: name.roomy ? "roomy" : null }, name.text),
		]),
		gone, leftLine,
		due && along("spare", percent(due), "100%"),
		due && svg("svg", { x: percent(due), y, overflow: "visible" }, svg("path.due", { d: "M0-5L5 0 0 5-5 0z" })),
		across("end", "0", y - 5, y + 7), across("end", "100%", y - 5, y + 7), nowTick, nowText,
		large && due && to - due > 0 && (due - from) / (to - from) < 0.88 && svg("text.roomy", { x: "100%", y: 18, "text-anchor": "end" }, `${span(to - due)} spare`),
		large && due && svg("text", { x: percent(due), y: 18, "text-anchor": late ? "end" : "start", transform: `translate(${late ? 5 : -5})` }, `refresh due ${moment(due)}`));
	const life = h("div", { class: `life ${colour}` }, drawing,
		h("p.ends", null,
			h("span", null, `${began} `, when(from, large ? moment : shown)),
			h("span", null, to > at ? "expires " : "expired ", when(to, moment))));
	return onTick(life, (t) => {
		const x = percent(t);
		gone.setAttribute("x2", x);
		leftLine.setAttribute("x1", due && t > due ? percent(due) : x);
		nowTick.setAttribute("x1", x);
		nowTick.setAttribute("x2", x);
		if (nowText) {
			nowText.setAttribute("x", x);
			nowText.setAttribute("visibility", nowFits(t) ? "visible" : "hidden");
		}
	});
}

/** Returns at most 14 ticks: midnights for a long lifetime, even steps for a short one. */
function ticks(from, to) {
	const life = to - from;
	if (life < 2 * DAY) {
		const step = [60, 300, 600, 1800, 3600, 10800, 21600].find((seconds) => life / seconds <= 9) ?? 43200;
		const steps = [];
		for (let t = Math.ceil((from + 1) / step) * step; t < to; t += step) steps.push({ time: t, name: { text: clock(t), roomy: true } });
		return steps;
	}
	const every = Math.ceil(life / DAY / 14);
	const steps = [];
	const start = new Date(from * 1000);
	for (let n = 1; ; n += every) {
		const midnight = new Date(start.getFullYear(), start.getMonth(), start.getDate() + n);
		if (midnight.getTime() / 1000 >= to) return steps;
		steps.push({ time: midnight.getTime() / 1000, name: { text: String(midnight.getDate()), roomy: life / DAY / every > 11 } });
	}
}

/** Returns a plan's usage windows as bars; placeholders of the same size while loading; nothing without usage. */
export function usageBars(account) {
	const { usage, usageError } = account;
	if (!usage && !reportsUsage(account)) return [];
	if (usage) {
		const bars = usage.windows.map(bar);
		if (bars.length === 0) return [small("The provider reports no limits for this plan.")];
		if (usageError) bars.push(h("p.label", null, `Usage as of ${moment(usage.as_of)}`));
		return bars;
	}
	if (usageError) {
		return usageError.code === "no_usage" ? [] : [small(`Usage unavailable: ${usageError.sentence}`)];
	}
	return [1, 2].map(() => h("div.use", { "aria-hidden": "true" },
		h("div.use-top", null, h("span.ghost.w1", null)),
		svg("svg", null, svg("rect.bed", { width: "100%", height: 4, rx: 2 })),
		h("p", null, "\u00a0")));
}

function bar(window) {
	const used = Math.round(window.used_percent);
	const name = window.window_seconds ? length(window.window_seconds) : window.name === "primary" ? "Short window" : "Long window";
	const full = `${Math.min(100, Math.max(0, window.used_percent))}%`;
	return h("div", { class: `use ${used >= 90 ? "is-warn" : ""}` },
		h("div.use-top", null, h("span", null, name), h("span", null, h("b", null, `${used} %`), " used")),
		svg("svg", { role: "meter", "aria-label": `${name} window, ${used} percent used`, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.min(100, used) },
			svg("rect.bed", { width: "100%", height: 4, rx: 2 }), svg("rect.fill", { width: full, height: 4, rx: 2 })),
		h("p", null, window.resets_at ? ["resets ", when(window.resets_at), ", in ", left(window.resets_at)] : "\u00a0"));
}
