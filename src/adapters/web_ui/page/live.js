// Follows the gateway's event stream and tracks whether the gateway responds.
import { connectApi, events, send } from "./api.js";
import { now } from "./time.js";

const PAUSES_S = [1, 2, 4, 8, 15];
const SILENCE_MS = 40_000; // The gateway sends a comment every 15 s.
const OFFLINE_AFTER_S = 10;

const listeners = new Set();
let run = 0;
let wake = () => {};
let stop = () => {};

/** Whether and when the gateway responded. */
export const gateway = {
	lastResponse: null,
	downSince: null,
	nextTry: null,
	get isDown() { return gateway.downSince !== null; },
	get isOffline() { return gateway.isDown && now() - gateway.downSince >= OFFLINE_AFTER_S; },
};

connectApi({
	responded: () => {
		gateway.lastResponse = now();
		gateway.downSince = null;
	},
	failed: (since) => { gateway.downSince ??= since; },
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
		gateway.nextTry = now() + pause;
		await new Promise((resolve) => {
			const timer = setTimeout(resolve, pause * 1000);
			wake = () => { clearTimeout(timer); resolve(); };
		});
		gateway.nextTry = null;
		// Poll while only the stream fails, for example behind a buffering proxy.
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
		const { res } = await send("GET", "/v1/events", { accept: "text/event-stream", timeout: Infinity, signal: controller.signal });
		for await (const { event } of events(res)) {
			if (!wanted()) break;
			clearTimeout(silence);
			silence = setTimeout(stop, SILENCE_MS);
			gateway.lastResponse = now();
			gateway.downSince = null;
			if (event === "ready" || event === "change") notify();
			worked = true;
		}
	} catch (error) {
		// An abort comes from `stopListening` or from the silence timer.
		if (wanted() && error.code === "aborted") gateway.downSince ??= now();
	} finally {
		clearTimeout(silence);
	}
	return worked;
}
