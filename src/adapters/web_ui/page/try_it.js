// Sends a prompt as a program does, streams the answer, and shows the same call as code.
import { GatewayError, api, events, ofOpenAi, send } from "./api.js";
import { button, h, notice, panel, put, replace, small, uid } from "./dom.js";
import { snippets } from "./snippets.js";
import { store } from "./store.js";
import { atMoment, length, left, now, onTick, when } from "./time.js";
import { vendor } from "./words.js";

const EXAMPLE = "Why do refresh tokens rotate? One sentence.";
const DEFAULTS = { "openai-codex": "gpt-5.5", dashscope: "qwen-plus" };

export function tryIt(account) {
	const { name, provider } = account;
	const chat = provider.provider_type === "dashscope";
	const ids = { prompt: uid("prompt"), model: uid("model") };
	const prompt = h("textarea.in", { id: ids.prompt, rows: 2, oninput: redraw, onkeydown: (event) => {
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
	} }, EXAMPLE);
	const model = h("select.in.mono.fit", { id: ids.model, onchange: redraw });
	const option = (id) => h("option", null, id);
	model.append(option(`${name}/${DEFAULTS[provider.provider_type] ?? "gpt-5.5"}`));
	const go = button("Send", () => (running ? stop() : ask()), { kind: "", f: `${name}:send` });
	const text = h("p.said", null);
	const caret = h("span.caret", { "aria-hidden": "true" });
	const measured = h("p.label", null);
	const answer = h("div.answer", { "aria-live": "polite", role: "region", "aria-label": "Answer", hidden: true }, text);
	const message = h("div");
	const call = () => ({ chat, model: model.value, prompt: prompt.value });
	const shown = snippets(call());
	let running = null;

	function redraw() { shown.update(call()); }

	api.models().then(({ data }) => {
		const found = data.map(({ id }) => id).filter((id) => id.startsWith(`${name}/`));
		if (found.length === 0) return;
		replace(model, found.map(option));
		redraw();
	}, () => { /* keep the default model; a wrong one fails on send */ });

	const stop = () => running?.abort();

	async function ask() {
		if (running) return;
		if (prompt.value.trim() === "") {
			replace(message, h("p.err", { role: "alert" }, "Write a prompt first."));
			return prompt.focus();
		}
		running = new AbortController();
		go.firstChild.data = "Stop";
		replace(message);
		replace(text, caret);
		answer.hidden = false;
		measured.hidden = false;
		answer.ariaBusy = true;
		const run = { begun: performance.now(), first: null, tokens: null, over: false, stopped: false };
		onTick(measured, () => { if (!run.over) measure(run); });
		const { input, url } = request();
		try {
			const { res: stream } = await send("POST", url, { body: input, signal: running.signal, timeout: Infinity, accept: "text/event-stream", quiet: true });
			await read(stream, run);
			if (!text.firstChild?.data) put(replace(text), "The model returned no text.");
		} catch (error) {
			run.stopped = running.signal.aborted;
			if (!run.stopped) replace(message, failed(error));
		}
		run.over = true;
		caret.remove();
		answer.hidden = !text.hasChildNodes();
		answer.ariaBusy = null;
		measure(run);
		store.loadUsage(name);
		running = null;
		go.firstChild.data = "Send";
	}

	const request = () => chat
		? { url: "/v1/chat/completions", input: { model: model.value, messages: [{ role: "user", content: prompt.value }], stream: true } }
		: { url: "/v1/responses", input: { model: model.value, input: prompt.value, stream: true } };

	function write(delta, run) {
		run.first ??= performance.now();
		if (text.firstChild === caret) text.prepend(document.createTextNode(""));
		text.firstChild.appendData(delta);
	}

	async function read(stream, run) {
		let finished = false;
		for await (const { data } of events(stream)) {
			if (!data) continue;
			if (data === "[DONE]") return;
			let event;
			try { event = JSON.parse(data); } catch { continue; }
			if (event.error && (chat || event.type === "error")) throw ofOpenAi(event.error);
			if (event.type === "error") throw ofOpenAi(event);
			if (event.type === "response.failed") throw ofOpenAi(event.response?.error ?? {});
			if (event.type === "response.output_text.delta") write(event.delta ?? "", run);
			if (event.choices?.[0]?.delta?.content) write(event.choices[0].delta.content, run);
			finished ||= event.type === "response.completed" || event.type === "response.incomplete" || Boolean(event.choices?.[0]?.finish_reason);
			const usage = event.response?.usage ?? event.usage;
			if (usage) run.tokens = usage.output_tokens ?? usage.completion_tokens ?? run.tokens;
			if (finished && !chat) return;
		}
		if (!finished) throw new GatewayError({ status: 200, code: "stream_ended_early", sentence: "The provider’s stream ended early. The partial answer is above." });
	}

	function measure(run) {
		const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
		const parts = [run.first && `first word after ${seconds(run.first - run.begun)}`,
			run.stopped ? "stopped by you" : `${seconds(performance.now() - run.begun)}${run.over ? " in all" : " so far"}`, run.tokens !== null && `${run.tokens} tokens`];
		measured.textContent = parts.filter(Boolean).join(" · ");
	}

	/** Returns the notice for an error. Usage limits show their reset time. */
	function failed(error) {
		if (error.code === "usage_limit_reached" || error.code === "insufficient_quota") return limit(error);
		const v = vendor(provider);
		const title = { needs_reauth: "This account needs a new sign-in", not_connected: "This account is not connected", account_unreadable: "This account can’t be read", model_not_found: `Model ${model.value} not found`,
			offline: "The gateway didn’t respond", stream_ended_early: "The answer ended early" }[error.code] ?? (error.status >= 500 || error.status === 200 ? `${v} didn’t respond` : `${v} refused this request`);
		return notice("warn", title, [error.sentence, error.status >= 400 && [" ", same(error), "."]], { role: "alert", level: "h3" });
	}

	const same = ({ status, code }) => [`Programs get the same error (${status}, `, h("code", null, code), ")"];

	function limit(error) {
		const used = store.get(name)?.usage?.windows.find((window) => window.used_percent >= 100);
		const resets = error.resetsAt ?? used?.resets_at ?? (error.retryAfter ? now() + error.retryAfter : null);
		const title = used?.window_seconds ? `The ${length(used.window_seconds).replace(/s$/, "").replace(" ", "-")} limit of this account is used up` : "The limit of this account is used up";
		return notice("warn", title, [resets && ["It resets ", when(resets, atMoment), ", in ", left(resets), ". "],
			same(error), " until then."], { role: "alert", level: "h3" });
	}

	const node = panel("Try it",
		h("div.field", null, h("label", { for: ids.prompt }, "Prompt"), prompt),
		h("div.row.gap", null, go, h("label.vh", { for: ids.model }, "Model"), model),
		h("div.answers", null, answer, measured, message), shown.node);
	measured.hidden = true;
	return { node, destroy: stop, isBusy: () => running !== null };
}

/** Shows how programs call the API of a provider without models. */
export function proxyPanel({ name, provider }) {
	return { destroy: () => {}, isBusy: () => false, node: panel("Use it",
		small(`${vendor(provider)} has no language models. Programs call its own API through the gateway, which adds the token:`), snippets(null, name).node) };
}
