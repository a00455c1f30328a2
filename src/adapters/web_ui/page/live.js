// Follows the gateway's event stream and tracks whether the gateway responds.
import { connectApi, events, send } from "./api.js";
import { now } from "./time.js";

const PAUSES = [1, 2, 4, 8, 15];
const SILENCE = 40_000;
const OFFLINE_AFTER = 10;

const listeners = new Set();
let run = 0;
let wake = () => {};
let stop = () => {};

export const line = {
	lastAnswer: null,
	downSince: null,
	nextTry: null,
	get isSilent() { return line.downSince !== null; },
	/** Whether the gateway has been down for at least `OFFLINE_AFTER` seconds. */
	get isOffline() { return line.isSilent && now() - line.downSince >= OFFLINE_AFTER; },
};

connectApi({
	answered: () => {
		line.lastAnswer = now();
		line.downSince = null;
	},
	silent: (since) => { line.downSince ??= since; },
});

/** Calls `listener` with `ready` (reload everything) or `change` and an account's name. */
export const onLive = (listener) => listeners.add(listener);

const notify = (kind, provider = null) => {
	for (const listener of listeners) listener(kind, provider);
};

/** Listens until `stopListening`. Reconnects with increasing pauses. */
export async function listen() {
	const mine = ++run;
	let failures = 0;
	while (mine === run) {
		const lived = await follow(() => mine === run);
		if (mine !== run) return;
		failures = lived ? 0 : failures + 1;
		const pause = PAUSES[Math.min(failures, PAUSES.length - 1)];
		line.nextTry = now() + pause;
		await new Promise((resolve) => {
			const timer = setTimeout(resolve, pause * 1000);
			wake = () => { clearTimeout(timer); resolve(); };
		});
		line.nextTry = null;
		// If only the stream fails, such as behind a buffering proxy, fall back to polling.
		if (mine === run && failures > 0) notify("ready");
	}
}

export function stopListening() {
	run += 1;
	stop();
	wake();
}

export const tryNow = () => wake();

async function follow(wanted) {
	const controller = new AbortController();
	stop = () => controller.abort();
	let silence = setTimeout(stop, 10_000);
	let lived = false;
	try {
		const { answer } = await send("GET", "/v1/events", { accept: "text/event-stream", limit: Infinity, signal: controller.signal });
		for await (const { event, data } of events(answer)) {
			if (!wanted()) break;
			clearTimeout(silence);
			silence = setTimeout(stop, SILENCE);
			line.lastAnswer = now();
			line.downSince = null;
			if (event === "ready") notify("ready");
			if (event === "change") notify("change", parse(data));
			lived = true;
		}
	} catch (error) {
		// An abort comes from `stopListening` or from the silence timer.
		if (wanted() && error.code === "aborted") line.downSince ??= now();
	} finally {
		clearTimeout(silence);
	}
	return lived;
}

function parse(data) {
	try {
		return JSON.parse(data).provider ?? null;
	} catch {
		return null;
	}
}
