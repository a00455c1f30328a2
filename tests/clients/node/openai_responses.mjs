// OpenAI's SDK for Node, Responses API.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import {
  FIRST_WORD, MODEL, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL,
  checkToolsAnswer, rateLimited, run,
} from "./situations.mjs";

const client = new OpenAI();
const model = MODEL;
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = ["get_weather", "get_time"].map((name) => ({ type: "function", name, parameters }));
const question = { role: "user", content: TOOLS_PROMPT };
const reasoning = { effort: "high", summary: "auto" };

const format = zodTextFormat(z.object({ name: z.string(), count: z.number().int() }), "answer");

/** Runs the tool loop; `followUp` builds the next request from a response and its tool outputs. */
async function loop(followUp) {
  const called = [];
  let response = await client.responses.create({ model, input: [question], tools, reasoning });
  assert(response.output[0].type === "reasoning" && response.output[0].summary.length > 0);
  for (;;) {
    const calls = response.output.filter(({ type }) => type === "function_call");
    if (calls.length === 0) break;
    called.push(...calls.map(({ name }) => name));
    const outputs = calls.map(({ call_id, name }) => ({ type: "function_call_output", call_id, output: `result of ${name}` }));
    response = await client.responses.create({ model, tools, reasoning, ...followUp(response, outputs) });
  }
  checkToolsAnswer(response.output_text, called);
}

/** Returns a `followUp` that resends the whole conversation. `itemsOf` converts a response to input items. */
function resendAll(itemsOf) {
  const input = [question];
  return (response, outputs) => {
    input.push(...itemsOf(response), ...outputs);
    return { input };
  };
}

await run({
  tools: () => loop(resendAll(({ output }) => output)),
  async stream() {
    let streamed = "";
    let last;
    for await (const event of await client.responses.create({ model, input: "Hello", stream: true })) {
      if (event.type === "response.output_text.delta") streamed += event.delta;
      last = event;
    }
    assert(streamed.startsWith(FIRST_WORD), streamed);
    assert.equal(last.type, "response.completed");
    const final = await client.responses.stream({ model, input: "Hello" }).finalResponse();
    assert.equal(final.output_text, streamed);
  },
  async structured() {
    const response = await client.responses.parse({ model, input: "Hello", text: { format } });
    assert.equal(typeof response.output_parsed.count, "number");
  },
  async image() {
    const content = [{ type: "input_text", text: "What is this?" }, { type: "input_image", image_url: PICTURE, detail: "auto" }];
    assert((await client.responses.create({ model, input: [{ role: "user", content }] })).output_text);
  },
  async unknown_model() {
    await assert.rejects(client.responses.create({ model: UNKNOWN_MODEL, input: "Hello" }), (error) => {
      return error instanceof OpenAI.NotFoundError && error.code === "model_not_found";
    });
  },
  async rate_limit() {
    const isReported = (error) => error instanceof OpenAI.RateLimitError;
    await rateLimited(isReported, () => client.responses.create({ model, input: "Hello" }));
  },
  previous_response: () => loop(({ id }, outputs) => ({ input: outputs, previous_response_id: id })),
  output_items: () => loop(resendAll(({ output }) => JSON.parse(JSON.stringify(output)))),
  // `parse` adds members to the output items, which come back as input.
  async parsed_items() {
    const strict = [zodResponsesFunction({ name: "get_time", parameters: z.object({ city: z.string() }) })];
    const input = [{ role: "user", content: "Hello" }];
    input.push(...(await client.responses.parse({ model, input, text: { format } })).output);
    input.push({ role: "user", content: "Use get_time." });
    const { output } = await client.responses.parse({ model, input, tools: strict });
    const { call_id } = output.find(({ type }) => type === "function_call");
    input.push(...output, { type: "function_call_output", call_id, output: "12:00" });
    assert((await client.responses.create({ model, input })).output_text.includes("12:00"));
  },
  async history() {
    const input = [{ role: "user", content: "Hello" }, { role: "assistant", content: "Hi!" }, { role: "user", content: "Again" }];
    assert((await client.responses.create({ model, input })).output_text);
  },
  references: () => loop(resendAll(({ output }) => output.map(({ id }) => ({ type: "item_reference", id })))),
  async refusals() {
    await assert.rejects(client.responses.create({ model, input: "x", background: true }), (error) => {
      return error instanceof OpenAI.BadRequestError && error.code === "unsupported_parameter";
    });
    const unauthorized = new OpenAI({ apiKey: "not-a-token" });
    await assert.rejects(unauthorized.models.list(), (error) => error instanceof OpenAI.AuthenticationError);
  },
});
