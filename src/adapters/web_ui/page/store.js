// Caches the state of every account, so that all screens agree and only changed parts are redrawn.
import { api } from "./api.js";
import { now } from "./time.js";

const accounts = new Map();
const listeners = new Set();
let order = null;
let problem = null;
let loading = null;
let next = null;
let epoch = 0;
const loads = new Map();
const usageAsked = new Map();
const usageTimers = new Map();

export const store = {
	/** All accounts, ChatGPT first; null before the first response. */
	get all() { return order?.map((name) => accounts.get(name)).filter(Boolean) ?? null; },
	get problem() { return problem; },
	get: (name) => accounts.get(name) ?? null,
	/** Calls `listener` with the changed account's name, or null for the list. Returns the unsubscribe function. */
	subscribe(listener) {
		listeners.add(listener);
		return () => listeners.delete(listener);
	},
	forget() {
		accounts.clear();
		order = null;
		problem = null;
		epoch++;
	},
	loadAll,
	loadOne,
	loadUsage,
};

function notify(name) {
	for (const listener of listeners) listener(name);
}

/** Runs one load at a time. A call during a load returns the next one. */
function loadAll() {
	const again = () => { next = null; return loadAll(); };
	if (loading) return (next ??= loading.then(again, again));
	loading = readAll().finally(() => { loading = null; });
	return loading;
}

async function readAll() {
	const begun = epoch;
	try {
		const { providers } = await api.providers();
		const details = await Promise.all(providers.map((provider) => readOne(provider)));
		if (begun !== epoch) return;
		problem = null;
		const rank = ({ provider_type: type }) => Number(type !== "openai-codex");
		order = providers.sort((a, b) => rank(a) - rank(b)).map(({ name }) => name);
		for (const name of accounts.keys()) if (!order.includes(name)) accounts.delete(name);
		for (const account of details) if (account) accounts.set(account.name, account);
		notify(null);
		for (const name of order) loadUsageSoon(name);
	} catch (error) {
		problem = error;
		notify(null);
	}
}

async function readOne(provider) {
	const load = (loads.get(provider.name) ?? 0) + 1;
	loads.set(provider.name, load);
	const [status, events] = await Promise.all([
		api.status(provider.name),
		api.events(provider.name).then((answer) => answer.events, () => accounts.get(provider.name)?.events ?? []),
	]);
	// A newer load has begun; drop this response.
	if (loads.get(provider.name) !== load) return accounts.get(provider.name) ?? null;
	const before = accounts.get(provider.name);
	const same = before && before.status.login_id === status.login_id;
	return { name: provider.name, provider, status, events, readAt: now(),
		usage: same ? before.usage : null, usageError: same ? before.usageError : null };
}

/** Reloads one account. Reads the list first, because the account may be gone. */
async function loadOne(name) {
	if (!order?.includes(name)) return loadAll();
	const known = accounts.get(name);
	try {
		const { providers } = await api.providers();
		const provider = providers.find((found) => found.name === name);
		if (!provider || !known) return loadAll();
		const account = await readOne(provider);
		if (!account || !accounts.has(name)) return;
		accounts.set(name, account);
		notify(name);
		loadUsageSoon(name);
	} catch (error) {
		// live.js and session.js handle offline and 401.
		if (!error.isOffline && error.status !== 401) loadAll();
	}
}

/** Loads usage at most once in 3 s per account, because a load may itself cause a change event. */
function loadUsageSoon(name) {
	if (usageTimers.has(name)) return;
	const wait = (usageAsked.get(name) ?? 0) + 3 - now();
	usageTimers.set(name, setTimeout(() => {
		usageTimers.delete(name);
		loadUsage(name);
	}, Math.max(0, wait * 1000)));
}

async function loadUsage(name) {
	const account = accounts.get(name);
	if (!account || !reportsUsage(account)) return;
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
	notify(name);
}

/** Only ChatGPT reports usage, and only with a valid token. */
export const reportsUsage = (account) => account.provider.provider_type === "openai-codex" && account.status.authenticated;
