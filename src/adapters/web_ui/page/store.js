// Remembers what the gateway last said about every account, so that each screen shows the same and an update touches only what changed.
import { api } from "./api.js";
import { now } from "./time.js";

const accounts = new Map();
const listeners = new Set();
let order = null;
let problem = null;
let loading = null;
let again = false;
const turns = new Map();
const usageAsked = new Map();
const waitingUsage = new Map();

export const store = {
	/** All accounts in the gateway's order; null before the first answer. */
	get all() { return order?.map((name) => accounts.get(name)).filter(Boolean) ?? null; },
	get problem() { return problem; },
	get: (name) => accounts.get(name) ?? null,
	/** Hears of the name that changed, or of null when the list did. Answers how to stop. */
	subscribe(listener) {
		listeners.add(listener);
		return () => listeners.delete(listener);
	},
	forget() {
		accounts.clear();
		order = null;
		problem = null;
	},
	loadAll,
	loadOne,
	loadUsage,
};

function tell(name) {
	for (const listener of listeners) listener(name);
}

/** One load at a time; a wish that comes meanwhile is met by one more. */
function loadAll() {
	if (loading) {
		again = true;
		return loading;
	}
	loading = readAll().finally(() => {
		loading = null;
		if (again) {
			again = false;
			loadAll();
		}
	});
	return loading;
}

async function readAll() {
	try {
		const { providers } = await api.providers();
		const details = await Promise.all(providers.map((provider) => readOne(provider)));
		problem = null;
		// What most people come for stands first.
		const later = ({ provider_type: type }) => Number(type !== "openai-codex");
		order = providers.sort((a, b) => later(a) - later(b)).map(({ name }) => name);
		for (const name of accounts.keys()) if (!order.includes(name)) accounts.delete(name);
		for (const account of details) if (account) accounts.set(account.name, account);
		tell(null);
		for (const name of order) loadUsageSoon(name);
	} catch (error) {
		problem = error;
		tell(null);
	}
}

async function readOne(provider) {
	const turn = (turns.get(provider.name) ?? 0) + 1;
	turns.set(provider.name, turn);
	const [status, events] = await Promise.all([
		api.status(provider.name),
		api.events(provider.name).then((answer) => answer.events, () => accounts.get(provider.name)?.events ?? []),
	]);
	// A later question has overtaken this one: its answer is the newer.
	if (turns.get(provider.name) !== turn) return accounts.get(provider.name) ?? null;
	const before = accounts.get(provider.name);
	const same = before && before.status.login_id === status.login_id;
	return { name: provider.name, provider, status, events, readAt: now(),
		usage: same ? before.usage : null, usageError: same ? before.usageError : null };
}

/** One account anew; whether it still exists only the list knows. */
async function loadOne(name) {
	if (!order?.includes(name)) return loadAll();
	const known = accounts.get(name);
	try {
		const { providers } = await api.providers();
		const provider = providers.find((found) => found.name === name);
		if (!provider || !known) return loadAll();
		const account = await readOne(provider);
		if (account) accounts.set(name, account);
		tell(name);
		loadUsageSoon(name);
	} catch (error) {
		// Signed out, or no answer: both are told where they are noticed.
		if (!error.isOffline && error.status !== 401) loadAll();
	}
}

/** Asking may itself be news to all listeners, so one account is asked once in three seconds; the last wish is kept. */
function loadUsageSoon(name) {
	if (waitingUsage.has(name)) return;
	const wait = (usageAsked.get(name) ?? 0) + 3 - now();
	waitingUsage.set(name, setTimeout(() => {
		waitingUsage.delete(name);
		loadUsage(name);
	}, Math.max(0, wait * 1000)));
}

async function loadUsage(name) {
	const account = accounts.get(name);
	if (!account || !tellsUsage(account)) return;
	usageAsked.set(name, now());
	let { usage, usageError } = account;
	try {
		usage = await api.usage(name);
		usageError = null;
	} catch (error) {
		if (error.isOffline) return;
		usageError = error;
		if (error.code === "no_usage") usage = null;
	}
	const current = accounts.get(name);
	if (!current || current.status.login_id !== account.status.login_id) return;
	accounts.set(name, { ...current, usage, usageError, usageAt: now() });
	tell(name);
}

/** Only ChatGPT tells how much of a plan is used, and only to a token that serves. */
export const tellsUsage = (account) => account.provider.provider_type === "openai-codex" && account.status.authenticated;
