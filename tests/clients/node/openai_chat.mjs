// OpenAI's SDK for Node, Chat Completions API.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import {
  FIRST_WORD, MODEL, NOT_OFFERED, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL,
  checkToolsAnswer, rateLimited, run, sendCommand,
} from "./situations.mjs";

const client = new OpenAI();
const model = MODEL;
const messages = [{ role: "user", content: "Hello" }];

/** Returns a tool whose function the SDK calls. */
const tool = (name, called) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    parse: JSON.parse,
    function: ({ city }) => {
      called.push(name);
      return `result of ${name} for ${city}`;
    },
  },
});

async function runTools(content) {
  const called = [];
  const tools = [tool("get_weather", called), tool("get_time", called)];
  const runner = client.chat.completions.runTools({ model, reasoning_effort: "high", messages: [{ role: "user", content }], tools });
  return [await runner.finalContent(), called, runner.messages];
}

await run({
  async tools() {
    const [text, called, conversation] = await runTools(TOOLS_PROMPT);
    checkToolsAnswer(text, called);
    assert(conversation[1].reasoning_content, JSON.stringify(conversation[1]));
  },
  async stream() {
    let streamed = "";
    let usage;
    const options = { model, messages, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(options)) {
      streamed += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    const whole = await client.chat.completions.create({ model, messages });
    assert.equal(streamed, whole.choices[0].message.content);
    assert(streamed.startsWith(FIRST_WORD) && usage.total_tokens > 0, streamed);
  },
  async structured() {
    const response_format = zodResponseFormat(z.object({ name: z.string(), count: z.number().int() }), "answer");
    const completion = await client.chat.completions.parse({ model, messages, response_format });
    assert.equal(typeof completion.choices[0].message.parsed.count, "number");
  },
  async image() {
    const content = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: PICTURE } }];
    const completion = await client.chat.completions.create({ model, messages: [{ role: "user", content }] });
    assert(completion.choices[0].message.content);
  },
  async unknown_model() {
    await assert.rejects(client.chat.completions.create({ model: UNKNOWN_MODEL, messages }), (error) => {
      return error instanceof OpenAI.NotFoundError && error.code === "model_not_found";
    });
  },
  async rate_limit() {
    const isReported = (error) => error instanceof OpenAI.RateLimitError;
    await rateLimited(isReported, () => client.chat.completions.create({ model, messages }));
  },
  previous_response: NOT_OFFERED,
  output_items: NOT_OFFERED,
  async history() {
    const [text, called, conversation] = await runTools("Use get_weather and get_time.");
    assert.deepEqual(called, ["get_weather", "get_time"]);
    assert(text.includes("result of get_weather") && text.includes("result of get_time"), text);
    const next = [...conversation, { role: "user", content: "Thanks" }];
    assert((await client.chat.completions.create({ model, messages: next })).choices[0].message.content);
  },
  references: NOT_OFFERED,
  async models() {
    const models = await client.models.list();
    assert(models.data.some(({ id }) => id === model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },
  async provider_failures() {
    await sendCommand("/scripts", { script: "eof" });
    const read = async () => {
      for await (const _chunk of await client.chat.completions.create({ model, messages, stream: true }));
    };
    await assert.rejects(read, (error) => error instanceof OpenAI.APIError && error.code === "stream_ended_early");
    await sendCommand("/settings", { used_percent: 100 });
    await assert.rejects(client.chat.completions.create({ model, messages }), (error) => {
      return error instanceof OpenAI.RateLimitError && error.code === "usage_limit_reached";
    });
    await sendCommand("/settings", { used_percent: 1 });
  },
});
