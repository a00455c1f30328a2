// Hears of changes as they happen, and knows whether the gateway answers at all.
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
	/** Down for so long that people should know. */
	get isOffline() { return line.isSilent && now() - line.downSince >= OFFLINE_AFTER; },
};

connectApi({
	answered: () => {
		line.lastAnswer = now();
		line.downSince = null;
	},
	silent: (since) => { line.downSince ??= since; },
});

/** Hears `ready` (ask everything anew), or `change` with a provider's name. */
export const onLive = (listener) => listeners.add(listener);

const tell = (kind, provider = null) => {
	for (const listener of listeners) listener(kind, provider);
};

/** Listens until `hangUp`; comes back by itself, more slowly each time. */
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
		// Where only the stream is broken (a proxy that holds it back), asking now and then still tells the truth.
		if (mine === run && failures > 0) tell("ready");
	}
}

export function hangUp() {
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
			if (event === "ready") tell("ready");
			if (event === "change") tell("change", parse(data));
			lived = true;
		}
	} catch (error) {
		// An abort is either ours (hung up) or the silence of a gateway that hangs.
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
