// Runs each situation once and prints its result as one JSON line. All Node programs import it.
//
// The runner sets OPENAI_BASE_URL, OPENAI_API_KEY, CLIENT_MODEL and SIMULATOR_CONTROL_URL.

import assert from "node:assert/strict";

export const MODEL = process.env.CLIENT_MODEL;
export const UNKNOWN_MODEL = `${MODEL}-that-does-not-exist`;
// Takes three turns: a tool call, a second one after the first output, and an answer.
export const TOOLS_PROMPT = "Use get_weather, afterwards get_time.";
// A PNG of one pixel.
export const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
// The first word of the simulator's answer to a prompt without tools.
export const FIRST_WORD = "word1 ";
export const NOT_OFFERED = null;
// Seconds; longer than the clients' default delay before their first retry.
const RETRY_AFTER = 2;

// Clients may log; standard output carries only the results.
const print = console.log;
console.log = console.error;

/** Runs the situations in order. One fails if its function throws. */
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

/** Sends a command to the simulator: `/faults`, `/scripts` or `/settings`. */
export async function sendCommand(path, body) {
  const headers = { "content-type": "application/json" };
  const url = process.env.SIMULATOR_CONTROL_URL + path;
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  assert(response.ok, await response.text());
}

/** Makes the provider's next response a 429 with Retry-After. The call must wait that long or report the limit. */
export async function rateLimited(isReported, call) {
  const error = { message: "Rate limit reached.", type: "requests", param: null, code: "rate_limit_exceeded" };
  const fault = { kind: "status", status: 429, body: JSON.stringify({ error }), retry_after: String(RETRY_AFTER) };
  await sendCommand("/faults", { endpoint: "responses", fault, times: { next: 1 } });
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

/** Checks the calls and the final text of the tool loop that `TOOLS_PROMPT` starts. */
export function checkToolsAnswer(text, called) {
  assert.deepEqual(called, ["get_weather", "get_time"]);
  // The text quotes the outputs of the last turn. With both calls in one turn, it would quote both.
  assert(text.includes("result of get_time") && !text.includes("result of get_weather"), text);
}
