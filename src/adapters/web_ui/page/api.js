// The gateway's API client. Adds the session token and turns a failed request into a `GatewayError`.
import { now, syncClock } from "./time.js";

/** An error response, or a failure to reach the gateway. */
export class GatewayError extends Error {
	constructor({ status = 0, code = "offline", sentence, title = "", retryAfter = null, resetsAt = null }) {
		super(sentence);
		Object.assign(this, { name: "GatewayError", status, code, sentence, title, retryAfter, resetsAt });
	}
	/** Whether no response arrived. */
	get isOffline() { return this.status === 0 && this.code === "offline"; }
}

export const base = new URL("..", import.meta.url).href.slice(0, -1);

const hooks = { bearer: () => null, refused: () => {}, responded: () => {}, failed: () => {} };

/** Sets hooks, which session.js and live.js implement. */
export const connectApi = (more) => Object.assign(hooks, more);

const GET_TIMEOUT_MS = 10_000;
const ACTION_TIMEOUT_MS = 90_000;

/** Sends a request. A 401 for the session token ends the session. */
export async function send(method, path, { body, bearer, signal, timeout, quiet = false, accept } = {}) {
	const headers = { Accept: accept ?? "application/json" };
	const token = bearer === undefined ? hooks.bearer() : bearer;
	if (token) headers.Authorization = `Bearer ${token}`;
	if (body !== undefined) headers["Content-Type"] = "application/json";
	const wait = timeout ?? (method === "GET" ? GET_TIMEOUT_MS : ACTION_TIMEOUT_MS);
	const controller = new AbortController();
	const timer = wait === Infinity ? 0 : setTimeout(() => controller.abort(), wait);
	const begun = now();
	let res;
	try {
		res = await fetch(base + path, {
			method, headers, body: body === undefined ? undefined : JSON.stringify(body),
			signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
			cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
		});
	} catch {
		clearTimeout(timer);
		if (signal?.aborted) throw new GatewayError({ code: "aborted", sentence: "Stopped." });
		// The gateway counts as down since the start of the request.
		if (!quiet) hooks.failed(begun);
		throw new GatewayError({ sentence: `Cannot reach the gateway at ${base}.` });
	}
	syncClock(res.headers.get("Date"));
	if (!res.ok) {
		const error = await read(res);
		clearTimeout(timer);
		hooks.responded();
		if (res.status === 401 && bearer === undefined) hooks.refused(error);
		throw error;
	}
	hooks.responded();
	return { res, done: () => clearTimeout(timer) };
}

async function json(method, path, options) {
	const { res, done } = await send(method, path, options);
	try {
		return await res.json();
	} catch {
		throw new GatewayError({ code: "broken_off", sentence: "The gateway’s response ended early." });
	} finally {
		done();
	}
}

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

/** Turns an error detail into a sentence: capital letter and full stop. */
const tidy = (text) => text.replace(/^./, (first) => first.toUpperCase()).replace(/[^.]$/, "$&.");

/** Reads an error as problem+json or in OpenAI's form. */
async function read(res) {
	const status = res.status;
	const after = Number(res.headers.get("Retry-After"));
	const known = { status, retryAfter: after > 0 ? after : null };
	let problem = null;
	try { problem = await res.json(); } catch { /* not from the gateway */ }
	if (typeof problem?.code === "string") {
		return new GatewayError({ ...known, code: problem.code, title: problem.title ?? "", sentence: tidy(problem.detail ?? problem.title) });
	}
	if (problem?.error && typeof problem.error === "object") return ofOpenAi(problem.error, known);
	return new GatewayError({ ...known, code: "not_the_gateway",
		sentence: `The response ${status} from ${base} is not the gateway’s. Check for a proxy in between.` });
}

/** Reads OpenAI's error object, also from a stream. */
export function ofOpenAi(error, more = {}) {
	return new GatewayError({ status: 200, ...more, code: error.code ?? error.type ?? "provider_failed",
		sentence: error.message ? tidy(error.message) : "The provider reported an error without a reason.", resetsAt: error.resets_at ?? null });
}

const at = (name, what) => `/v1/auth/${encodeURIComponent(name)}/${what}`;

export const api = {
	providers: () => list("/v1/providers", "providers"),
	update: (name, body) => json("PATCH", `/v1/providers/${encodeURIComponent(name)}`, { body }),
	status: (name) => json("GET", at(name, "status")),
	events: (name) => json("GET", at(name, "events")),
	usage: (name) => json("GET", at(name, "usage"), { timeout: 30_000, quiet: true }),
	start: (name, body) => json("POST", at(name, "start"), { body }),
	callback: (name, url) => json("POST", at(name, "callback"), { body: { redirect_url: url } }),
	confirm: (name, body) => json("POST", at(name, "confirm"), { body }),
	cancel: (name) => json("POST", at(name, "cancel")),
	logout: (name) => json("POST", at(name, "logout")),
	refresh: (name, consent) => json("POST", at(name, "refresh"), { body: consent ?? {} }),
	secret: (name, body) => json("PUT", at(name, "secret"), { body }),
	activity: () => json("GET", "/v1/activity"),
	requests: () => json("GET", "/v1/requests?limit=100"),
	models: () => json("GET", "/v1/models", { timeout: 30_000, quiet: true }),
	/** `credential` is the gateway token or a link token. */
	signIn: (credential) => json("POST", "/v1/session", { bearer: credential, timeout: 10_000 }),
	extendSession: () => json("POST", "/v1/session"),
	signOut: () => json("DELETE", "/v1/session"),
	signOutEverywhere: (tokens) => json("DELETE", `/v1/sessions?tokens=${tokens}`),
};

/** Yields server-sent events as `{event, data}`. `data` is null for a comment (keep-alive). */
export async function* events(res) {
	const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	let event = "message";
	let data = [];
	try {
		for (;;) {
			const { done, value } = await reader.read().catch(({ name }) => {
				throw new GatewayError({ code: name === "AbortError" ? "aborted" : "stream_ended_early", sentence: "Connection lost." });
			});
			if (done) return;
			const lines = (rest + value).split("\n");
			rest = lines.pop();
			for (const raw of lines) {
				const line = raw.replace(/\r$/, "");
				if (line === "") {
					if (data.length > 0) yield { event, data: data.join("\n") };
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
