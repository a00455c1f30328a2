// The screen of one account: token lifetime, prompt, usage, history and settings.
import { askWhichStays, setEnabled } from "./actions.js";
import { api } from "./api.js";
import { controls, signature, statement } from "./cards.js";
import { button, code, h, mark, pageHead, panel, replace, small, swap, uid } from "./dom.js";
import { historyList } from "./history.js";
import { lifeline, usageBars } from "./lifeline.js";
import { gateway } from "./live.js";
import { store } from "./store.js";
import { now, onTick } from "./time.js";
import { verdict } from "./verdict.js";
import { hasModels, labels, methodName, vendor } from "./words.js";
import { proxyPanel, tryIt } from "./try_it.js";

export function providerView(name) {
	const heading = h("h1", { tabindex: -1 });
	const slot = h("div.below.full", { role: "status" });
	const stack = h("div.stack", null);
	let head = h("div");
	let life = h("div");
	let usage = h("div");
	let log = h("div");
	let shown = null;
	let listed = null;
	let trial = null;
	const settings = settingsPanel(name, slot);
	const node = h("div", null, head, h("div.detail", null, life, slot, stack, h("div.stack", null, usage, log, settings.node)));

	function update(changed = null) {
		const account = store.get(name);
		if (!account && store.all) location.replace("#/providers");
		if (!account || (changed && changed !== name)) return;
		const next = signature(account);
		if (next === shown) return;
		shown = next;
		const display = verdict(account, now());
		head = swap(head, headOf(account, display));
		life = swap(life, lifeOf(account, display));
		usage = swap(usage, usageOf(account, display));
		const events = JSON.stringify(account.events.map(({ id }) => id));
		if (events !== listed) {
			listed = events;
			log = swap(log, panel("History", historyList(account.events, account.provider)));
		}
		settings.update(account);
		const usable = account.status.authenticated;
		// Keep a running prompt on screen when the state changes.
		if (!usable && trial && !trial.isBusy()) trial = null;
		if (!trial && usable) {
			trial = hasModels(account.provider) ? tryIt(account) : proxyPanel(account);
			replace(stack, trial.node);
		} else if (!trial) replace(stack, panel("Try it", small(display.kind === "absent" ? "Connect the account to send a prompt from here." : "You can send a prompt from here while the account is active.")));
	}

	function headOf(account, display) {
		const { provider, status } = account;
		replace(heading, provider.display_name, " ", h("small", null, methodName(provider)));
		return pageHead(heading, h("p.dots", null, [code(name), ...labels(status)].map((part) => h("span", null, part))),
			h("div.row", null, controls(account, display, slot, { detail: true })));
	}

	onTick(node, () => update());
	update();
	return { node, title: () => store.get(name)?.provider.display_name ?? name, heading, update, destroy: () => trial?.destroy() };
}

function lifeOf(account, display) {
	const id = uid("life");
	return h("section", { class: `panel full lead ${display.shape === "bad" && !gateway.isOffline ? "is-bad" : ""} ${gateway.isOffline ? "stale" : ""}`, "aria-labelledby": id },
		statement(account, display, "h2", id), display.why && h("p.why", null, display.why),
		display.aside && h("p.why", null, display.aside), display.quote && h("p.label.why", null, `${vendor(account.provider)} reported `, code(display.quote)),
		account.status.confirmation && !gateway.isOffline && askWhichStays(account), lifeline(account, display, now(), true));
}

function usageOf(account, display) {
	const bars = usageBars(account);
	if (bars.length === 0) {
		return panel("Usage", small(display.kind === "absent" ? "Not connected." : account.provider.provider_type === "openai-codex"
			? "Usage is shown while the account is active." : `${vendor(account.provider)} doesn’t report usage.`));
	}
	return panel("Usage", h("div.side.bare", null, bars));
}

/** Display name and on/off switch; hidden while not connected, because nothing is stored then. */
function settingsPanel(name, slot) {
	const id = uid("display");
	const field = h("input.in", { id, maxlength: 255, autocomplete: "off" });
	const message = h("div", { role: "status" });
	const off = button("Switch off", () => setEnabled(store.get(name), false, slot), { kind: "btn-text is-quiet", f: `${name}:off` });
	const form = h("form.field", { onsubmit: rename, novalidate: true }, h("label", { for: id }, "Display name"),
		h("div.in-row", null, field, h("button.btn", null, "Save")), message);
	const node = panel("Settings", form,
		h("div.row.gap", null, off, h("span.label", null, "Programs then get an error; nothing is deleted.")));
	node.hidden = true;
	let known = null;

	async function rename(event) {
		event.preventDefault();
		try {
			await api.update(name, { display_name: field.value.trim() });
			replace(message, small("Saved."));
			store.loadOne(name);
		} catch (error) {
			replace(message, h("p.err", { role: "alert" }, mark("bad"), h("span", null, error.sentence)));
		}
	}

	return { node, update({ provider, status }) {
		node.hidden = status.state === "absent";
		off.parentNode.hidden = status.state === "disabled" || gateway.isOffline;
		if (provider.display_name !== known && document.activeElement !== field) field.value = known = provider.display_name;
	} };
}
