// The only place that talks to the gateway: it adds the session's bearer and turns every failure into one type of error.
import { follow, now } from "./time.js";

/** What the gateway, or the way to it, had to say against a request. */
export class GatewayError extends Error {
	constructor({ status = 0, code = "offline", sentence, title = "", retryAfter = null, resetsAt = null }) {
		super(sentence);
		Object.assign(this, { name: "GatewayError", status, code, sentence, title, retryAfter, resetsAt });
	}
	/** Whether no answer came at all. */
	get isOffline() { return this.status === 0 && this.code === "offline"; }
}

const hooks = { bearer: () => null, refused: () => {}, answered: () => {}, silent: () => {} };

/** Session and connection state live elsewhere and are told what happens here. */
export const connectApi = (more) => Object.assign(hooks, more);

const GET_LIMIT = 10_000;
const ACTION_LIMIT = 45_000;

/** Sends a request. 401 with a bearer ends the session; it is told once, here. */
export async function send(method, path, { body, bearer, signal, limit, quiet = false, accept } = {}) {
	const headers = { Accept: accept ?? "application/json" };
	const token = bearer === undefined ? hooks.bearer() : bearer;
	if (token) headers.Authorization = `Bearer ${token}`;
	if (body !== undefined) headers["Content-Type"] = "application/json";
	const wait = limit ?? (method === "GET" ? GET_LIMIT : ACTION_LIMIT);
	const timer = new AbortController();
	const clock = wait === Infinity ? 0 : setTimeout(() => timer.abort(), wait);
	const begun = now();
	let answer;
	try {
		answer = await fetch(path, {
			method, headers, body: body === undefined ? undefined : JSON.stringify(body),
			signal: signal ? AbortSignal.any([signal, timer.signal]) : timer.signal,
			cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
		});
	} catch {
		clearTimeout(clock);
		if (signal?.aborted) throw new GatewayError({ code: "aborted", sentence: "Stopped." });
		// Silence counts from the question on, not from when it was given up.
		if (!quiet) hooks.silent(begun);
		throw new GatewayError({ sentence: `Cannot reach the gateway at ${location.origin}.` });
	}
	follow(answer.headers.get("Date"));
	if (!answer.ok) {
		const error = await read(answer);
		clearTimeout(clock);
		hooks.answered();
		if (answer.status === 401 && bearer === undefined) hooks.refused(error);
		throw error;
	}
	hooks.answered();
	return { answer, done: () => clearTimeout(clock) };
}

async function json(method, path, options) {
	const { answer, done } = await send(method, path, options);
	try {
		return await answer.json();
	} catch {
		throw new GatewayError({ code: "broken_off", sentence: "The gateway’s answer broke off half way." });
	} finally {
		done();
	}
}

/** Reads a list page by page. */
async function list(path, member) {
	const items = [];
	let page = {};
	do {
		const query = new URLSearchParams({ limit: 500, ...(page.next_cursor && { cursor: page.next_cursor }) });
		page = await json("GET", `${path}?${query}`);
		items.push(...page[member]);
	} while (page.next_cursor);
	return { [member]: items };
}

/** The gateway's sentences are written to stand in a line of a log. */
const tidy = (text) => text.replace(/^./, (first) => first.toUpperCase()).replace(/[^.]$/, "$&.");

/** Reads problem+json and OpenAI's form alike. */
async function read(answer) {
	const status = answer.status;
	const after = Number(answer.headers.get("Retry-After"));
	const known = { status, retryAfter: after > 0 ? after : null };
	let told = null;
	try { told = await answer.json(); } catch { /* something else than the gateway answered */ }
	if (typeof told?.code === "string") {
		return new GatewayError({ ...known, code: told.code, title: told.title ?? "", sentence: tidy(told.detail ?? told.title) });
	}
	if (told?.error && typeof told.error === "object") return ofOpenAi(told.error, known);
	return new GatewayError({ ...known, code: "not_the_gateway",
		sentence: `Something at ${location.origin} answered ${status}, and not in the gateway’s form. Look for a proxy in between.` });
}

/** The error object that OpenAI's clients know; also inside a stream. */
export function ofOpenAi(error, more = {}) {
	return new GatewayError({ status: 200, ...more, code: error.code ?? error.type ?? "provider_failed",
		sentence: error.message ? tidy(error.message) : "The provider ended the answer with an error and gave no reason.", resetsAt: error.resets_at ?? null });
}

const at = (name, what) => `/v1/auth/${encodeURIComponent(name)}/${what}`;

export const api = {
	providers: () => list("/v1/providers", "providers"),
	update: (name, body) => json("PATCH", `/v1/providers/${encodeURIComponent(name)}`, { body }),
	status: (name) => json("GET", at(name, "status")),
	events: (name) => json("GET", at(name, "events")),
	usage: (name) => json("GET", at(name, "usage"), { limit: 30_000, quiet: true }),
	start: (name, body) => json("POST", at(name, "start"), { body }),
	callback: (name, url) => json("POST", at(name, "callback"), { body: { redirect_url: url } }),
	cancel: (name) => json("POST", at(name, "cancel")),
	logout: (name) => json("POST", at(name, "logout")),
	refresh: (name, consent) => json("POST", at(name, "refresh"), { body: consent ?? {} }),
	secret: (name, body) => json("PUT", at(name, "secret"), { body }),
	activity: () => json("GET", "/v1/activity"),
	models: () => json("GET", "/v1/models", { limit: 30_000, quiet: true }),
	/** `credential` is the gateway's token or a link's: both travel like every other. */
	signIn: (credential) => json("POST", "/v1/session", { bearer: credential, limit: 10_000 }),
	refresh: () => json("POST", "/v1/session"),
	signOut: () => json("DELETE", "/v1/session"),
};

/** Yields the events of a stream: `{event, data}`; with `data: null` for a comment, which proves that the line is alive. */
export async function* events(answer) {
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	let event = "message";
	let data = [];
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return;
			const lines = (rest + value).split("\n");
			rest = lines.pop();
			for (const raw of lines) {
				const line = raw.replace(/\r$/, "");
				if (line === "") {
					if (data.length > 0) yield { event, data: data.join("\n") };
					else if (event !== "message") yield { event, data: "" };
					event = "message";
					data = [];
				} else if (line.startsWith(":")) yield { event: "comment", data: null };
				else if (line.startsWith("event:")) event = line.slice(6).trim();
				else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
			}
		}
	} finally {
		reader.cancel().catch(() => {});
	}
}
