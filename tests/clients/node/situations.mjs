// What the Node programs share: each situation runs once and prints its result as one JSON line.
//
// The runner sets OPENAI_BASE_URL, OPENAI_API_KEY, CLIENT_MODEL and SIMULATOR_CONTROL_URL, and nothing else that a client reads.

import assert from "node:assert/strict";

export const MODEL = process.env.CLIENT_MODEL;
export const UNKNOWN_MODEL = `${MODEL}-that-does-not-exist`;
// Two tool calls, one after the other's output, and an answer: three turns.
export const TOOLS_PROMPT = "Use get_weather, afterwards get_time.";
// 1 pixel.
export const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
// Seconds; longer than what clients wait by themselves before their first retry.
const RETRY_AFTER = 2;

// Standard output is for the results.
const print = console.log;
console.log = console.error;

/** Runs the situations, in order. A function fails by an exception; `null` means that the client has nothing for it. */
export async function run(situations) {
  let failed = false;
  for (const [situation, play] of Object.entries(situations)) {
    let result = { situation, result: play ? "works" : "not offered" };
    try {
      await play?.();
    } catch (error) {
      console.error(error);
      failed = true;
      result = { situation, result: "fails", reason: `${error.name}: ${error.message}`.slice(0, 500) };
    }
    print(JSON.stringify(result));
  }
  process.exit(failed ? 1 : 0);
}

/** Posts an order to the simulator: `/faults`, `/scripts` or `/settings`. */
export async function order(path, body) {
  const headers = { "content-type": "application/json" };
  const url = process.env.SIMULATOR_CONTROL_URL + path;
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  assert(response.ok, await response.text());
}

/** The next response is a 429 of the provider with Retry-After. The client waits that long, or reports the limit. */
export async function rateLimited(isReported, call) {
  const error = { message: "Rate limit reached.", type: "requests", param: null, code: "rate_limit_exceeded" };
  const fault = { kind: "status", status: 429, body: JSON.stringify({ error }), retry_after: String(RETRY_AFTER) };
  await order("/faults", { endpoint: "responses", fault, times: { next: 1 } });
  const begun = performance.now();
  try {
    await call();
  } catch (error) {
    assert(isReported(error), error);
    return;
  }
  const waited = (performance.now() - begun) / 1000;
  assert(waited >= RETRY_AFTER, `retried after ${waited} s, not after the ${RETRY_AFTER} s of Retry-After`);
}

/** Checks the end of the loop that `TOOLS_PROMPT` begins. */
export function checkToolsAnswer(text, called) {
  assert.deepEqual(called, ["get_weather", "get_time"]);
  // The second call came after the output of the first one.
  assert(text.includes("result of get_time") && !text.includes("result of get_weather"), text);
}
