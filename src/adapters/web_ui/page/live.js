// Follows the gateway's event stream and tracks whether the gateway responds.
import { connectApi, events, send } from "./api.js";
import { now } from "./time.js";

const PAUSES_S = [1, 2, 4, 8, 15];
const SILENCE_MS = 40_000;
const OFFLINE_AFTER_S = 10;

const listeners = new Set();
let run = 0;
let wake = () => {};
let stop = () => {};

/** The connection to the gateway. */
export const line = {
	lastAnswer: null,
	downSince: null,
	nextTry: null,
	get isSilent() { return line.downSince !== null; },
	/** Whether the gateway has been down for `OFFLINE_AFTER_S` or longer. */
	get isOffline() { return line.isSilent && now() - line.downSince >= OFFLINE_AFTER_S; },
};

connectApi({
	answered: () => {
		line.lastAnswer = now();
		line.downSince = null;
	},
	silent: (since) => { line.downSince ??= since; },
});

/** Calls `listener` when an account may have changed. */
export const onLive = (listener) => listeners.add(listener);

const notify = () => {
	for (const listener of listeners) listener();
};

/** Listens until `stopListening`. Reconnects with increasing pauses. */
export async function listen() {
	const mine = ++run;
	let failures = 0;
	while (mine === run) {
		const worked = await follow(() => mine === run);
		if (mine !== run) return;
		failures = worked ? 0 : failures + 1;
		const pause = PAUSES_S[Math.min(failures, PAUSES_S.length - 1)];
		line.nextTry = now() + pause;
		await new Promise((resolve) => {
			const timer = setTimeout(resolve, pause * 1000);
			wake = () => { clearTimeout(timer); resolve(); };
		});
		line.nextTry = null;
		// If only the stream fails, such as behind a buffering proxy, fall back to polling.
		if (mine === run && failures > 0) notify();
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
	let worked = false;
	try {
		const { res } = await send("GET", "/v1/events", { accept: "text/event-stream", limit: Infinity, signal: controller.signal });
		for await (const { event } of events(res)) {
			if (!wanted()) break;
			clearTimeout(silence);
			silence = setTimeout(stop, SILENCE_MS);
			line.lastAnswer = now();
			line.downSince = null;
			if (event === "ready" || event === "change") notify();
			worked = true;
		}
	} catch (error) {
		// An abort comes from `stopListening` or from the silence timer.
		if (wanted() && error.code === "aborted") line.downSince ??= now();
	} finally {
		clearTimeout(silence);
	}
	return worked;
}
