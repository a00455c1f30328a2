// Loading, offline and not-found screens.
import { button, byId, code, h, mark, notice, pageHead, replace, say } from "./dom.js";
import { gateway, tryNow } from "./live.js";
import { store } from "./store.js";
import { clockSeconds, counter, now, onTick, span } from "./time.js";

/** Shows a skeleton after 150 ms and a message after 5 s; after 10 s the gateway counts as offline. */
export function loading(label) {
	const begun = now();
	const ghost = (...widths) => h("div.ghosts", null, widths.map((width) => h("span", { class: `ghost w${width}` })));
	const words = h("p.small.slow", { role: "status" });
	const node = h("div.loading", { "aria-busy": "true" }, h("h1.vh", { tabindex: -1 }, label),
		h("div.card.late", null, h("div.card-in", null, ghost(2, 3), ghost(1, 2, 3), ghost(3, 2))), words);
	let over = false;
	const soFar = (t) => `, ${Math.floor(t - begun)} s so far. Giving up in ${Math.max(0, 10 - Math.floor(t - begun))} s`;
	onTick(words, (t) => {
		const past = Math.floor(t - begun);
		if (over || past < 5) return;
		if (past >= 10) {
			// From here on the offline banner explains the state.
			node.querySelector(".card").hidden = true;
			say(words, "Nothing can be shown until the gateway responds.");
		}
		else if (!words.hasChildNodes()) replace(words, "The gateway is slow to respond", counter(soFar), ".");
	});
	return { node, stop: () => { over = true; } };
}

/** Keeps the offline banner and the header's gateway status up to date. */
export function watchGateway() {
	const box = byId("offline");
	const gate = byId("gate");
	let shown = null;
	onTick(box, () => {
		const broken = !gateway.isOffline && store.problem && !store.problem.isOffline && store.problem.status !== 401 ? store.problem.sentence : null;
		const next = gateway.isOffline ? "offline" : gateway.isDown ? "down" : broken ?? (gateway.lastResponse ? "well" : "new");
		if (next === shown) return;
		shown = next;
		replace(gate, next !== "new" && [gateway.isDown ? mark("off", "is-off") : mark("ok"), h("span", null, gateway.isDown ? "Gateway not responding" : "Gateway ready")]);
		replace(box, gateway.isOffline ? offline() : broken ? notice("bad", "The gateway responds with an error", broken, { role: "alert",
			actions: [button("Try again", () => store.loadAll(), { kind: "btn-fill" })] }) : null);
	});
}

function offline() {
	const count = counter((t) => (gateway.nextTry && gateway.nextTry > t ? ` Trying again in ${span(gateway.nextTry - t + 1)}.` : " Trying now."));
	const ago = counter((t) => (gateway.lastResponse ? `, ${span(t - gateway.lastResponse)} ago` : ""));
	return notice("bad", `Cannot reach the gateway at ${location.origin}`,
		[gateway.lastResponse && ["It last responded at ", clockSeconds(gateway.lastResponse), ago, ". "],
			"Programs can’t reach it either. If it was stopped, start it with ", code("goclaw"), ".", count],
		{ role: "alert", actions: [button("Try now", tryNow, { kind: "btn-fill", f: "retry" })] });
}

export function nothingHere(title, text) {
	const heading = h("h1", { tabindex: -1 }, title);
	return { node: pageHead(heading, h("p", null, text)), title, heading, update: () => {} };
}
