// The requests screen: recent requests to the gateway, as in `goclaw requests list`.
import { api } from "./api.js";
import { h, mark, notice, replace } from "./dom.js";
import { gateway } from "./live.js";
import { clockSeconds, moment, now, onTick, when } from "./time.js";

const PAUSE_S = 5;
const COLUMNS = ["Time", "Status", "Program", "Request", "Model", "Tokens", "First byte", "Total"];

export function requestsView() {
	const heading = h("h1", { tabindex: -1 }, "Requests");
	const summary = h("p", { role: "status" });
	const failed = h("input", { type: "checkbox", onchange: () => requests && draw() });
	const rows = h("tbody");
	const table = h("div.panel.table", { tabindex: 0, role: "region", "aria-label": "Requests" },
		h("table", null, h("thead", null, h("tr", null, COLUMNS.map((name) => h("th", { scope: "col" }, name)))), rows));
	const list = h("div");
	const node = h("div", null, h("div.page-head", null, h("div", null, heading, summary), h("label.row", null, failed, "Failed only")), list);
	let requests = null;
	let askedAt = 0;
	let shown = null;

	async function update() {
		askedAt = now();
		try {
			({ requests } = await api.requests());
			draw();
		} catch (error) {
			if (!requests && !error.isOffline) replace(list, notice("bad", "Requests are not available", error.sentence));
		}
	}

	function draw() {
		const wanted = requests.filter((request) => !failed.checked || isFailed(request));
		const next = JSON.stringify([requests.length, wanted]);
		if (next === shown) return;
		shown = next;
		replace(summary, requests.length === 0 ? "Nothing yet. Requests are listed here, without any part of a prompt."
			: wanted.length === 0 ? `None of the last ${requests.length} failed.` : "Newest first, without any part of a prompt.");
		replace(rows, wanted.map(row));
		if (!table.isConnected) replace(list, table);
		table.hidden = wanted.length === 0;
	}

	onTick(node, (t) => { if (t - askedAt >= PAUSE_S && !document.hidden && !gateway.isOffline) update(); });
	return { node, title: "Requests", heading, update };
}

const isFailed = ({ status, end }) => status >= 400 || end === "broken";
const seconds = (ms) => (ms === undefined ? "" : `${(ms / 1000).toFixed(2)} s`);

function row(request) {
	const { at, program, method, route, provider, model, status, end, input_tokens: input, output_tokens: output } = request;
	return h("tr", null, [
		when(at, now() - at < 43200 ? clockSeconds : moment), [isFailed(request) && mark("bad", "is-bad"), `${status}${end === "complete" ? "" : ` ${end.replace("_", " ")}`}`],
		program, `${method} ${route || "(unknown path)"}`, [provider, model].filter(Boolean).join("/"),
		input !== undefined && `${input} + ${output}`, seconds(request.first_byte_ms), seconds(request.total_ms),
	].map((cell) => h("td", null, cell)));
}
