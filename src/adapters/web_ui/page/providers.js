// The start screen: a status headline and one card per account.
import { addAccount } from "./add_account.js";
import { card, hint } from "./cards.js";
import { startFromClick } from "./connect.js";
import { code, h, link, replace, small } from "./dom.js";
import { gateway } from "./live.js";
import { loading } from "./states.js";
import { store } from "./store.js";
import { now, onTick } from "./time.js";
import { concern, headline } from "./verdict.js";
import { pathOf, signsIn, typeName } from "./words.js";

export function providersView() {
	const title = h("h1", { tabindex: -1 }, h("span.vh", null, "Providers: "), h("span"));
	const about = h("p", { role: "status" });
	const add = addAccount();
	const list = h("ul.cards", null);
	const first = h("div");
	const wait = loading("Loading the accounts");
	const head = h("div.page-head", null, h("div", null, title, about), add.node);
	const node = h("div", null, wait.node);
	const cards = new Map();
	let waiting = true;
	let shown = "";

	function update(name = null) {
		if (!store.all) return;
		if (waiting) {
			waiting = false;
			wait.stop();
			replace(node, head, first, list);
		}
		if (name) cards.get(name)?.update();
		else reconcile();
		drawHeadline();
	}

	function reconcile() {
		const names = store.all.map((account) => account.name);
		for (const [name, { node: gone }] of cards) {
			if (names.includes(name)) continue;
			gone.remove();
			cards.delete(name);
		}
		names.forEach((name, index) => {
			if (!cards.has(name)) cards.set(name, card(name));
			else cards.get(name).update();
			const { node: item } = cards.get(name);
			if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
		});
	}

	function drawHeadline() {
		const at = now();
		const result = headline(store.all, at);
		const concerns = result.about.map((account) => [account.name, concern(account, at)]);
		const next = JSON.stringify([result.title, concerns, gateway.isOffline, result.first && store.all.map(({ name, status }) => [name, status.pending?.login_id])]);
		if (next === shown) return;
		shown = next;
		title.lastChild.textContent = gateway.isOffline ? "The gateway isn’t responding" : result.title;
		replace(about, gateway.isOffline ? "The last known state is below."
			: result.first ? "The gateway signs in for you, stores the tokens encrypted on this machine, and refreshes them."
				: concerns.length ? concerns.map(([name, words], index) => [index > 0 && " ", h("a", { href: pathOf(name) }, code(name)), ` ${words}.`]) : null);
		list.hidden = Boolean(result.first);
		add.node.hidden = gateway.isOffline;
		replace(first, result.first && choices());
	}

	function choices() {
		return h("ul.choices.panel", null, store.all.map(({ name, provider, status }, index) => h("li", null,
			h("h2", null, provider.display_name, signsIn(provider) && " OAuth"),
			small(hint(provider, "absent")),
			link(status.pending ? "Continue sign-in" : `Connect ${typeName(provider.provider_type)}`, pathOf(name, "/connect"), { kind: index === 0 ? "btn-fill" : "", f: `${name}:first`,
				onclick: () => signsIn(provider) && startFromClick(name) }))));
	}

	onTick(node, () => { if (store.all) { for (const { update: each } of cards.values()) each(); drawHeadline(); } });
	update();
	return { node, title: "Providers", heading: title, update };
}
