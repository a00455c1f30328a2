// OpenAI's own Node SDK against a gateway: what a program in the field does, and what it makes of errors.
//
// OPENAI_BASE_URL and OPENAI_API_KEY say where the gateway is, SIMULATOR_CONTROL_URL where the provider is told what to do,
// OPENAI_SDK is the folder of the package.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const OpenAI = createRequire(`${process.env.OPENAI_SDK}/`)("openai");
const model = "openai-codex/gpt-5.5";
const client = new OpenAI();

const tell = (path, body) =>
  fetch(process.env.SIMULATOR_CONTROL_URL + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

// Responses, whole and streamed.
const response = await client.responses.create({ model, input: "Hello" });
assert(response.output_text.startsWith("word1 "));
let streamed = "";
let completed = false;
for await (const event of await client.responses.create({ model, input: "Hello", stream: true })) {
  if (event.type === "response.output_text.delta") streamed += event.delta;
  if (event.type === "response.completed") completed = true;
}
assert.equal(streamed, response.output_text);
assert(completed);

// Chat completions, whole and streamed.
const messages = [{ role: "user", content: "Hello" }];
const completion = await client.chat.completions.create({ model, messages });
assert.equal(completion.choices[0].message.content, response.output_text);
let chatted = "";
let usage;
const options = { model, messages, stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create(options)) {
  chatted += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(chatted, response.output_text);
assert(usage.total_tokens > 0);

// Tools, run by the SDK itself: it calls them, sends the results, and asks again.
const called = [];
const tool = (name) => ({
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
const runner = client.chat.completions.runTools({
  model,
  messages: [{ role: "user", content: "Use get_weather and get_time." }],
  tools: [tool("get_weather"), tool("get_time")],
});
const text = await runner.finalContent();
assert.deepEqual(called, ["get_weather", "get_time"]);
assert(text.includes("result of get_weather") && text.includes("result of get_time"), text);

// A conversation that the gateway remembers.
const first = await client.responses.create({ model, input: "Hello" });
const second = await client.responses.create({ model, input: "Again", previous_response_id: first.id });
assert.equal((await client.responses.retrieve(second.id)).previous_response_id, first.id);

// Structured output.
const schema = {
  type: "object",
  properties: { name: { type: "string" }, count: { type: "integer" } },
  required: ["name", "count"],
  additionalProperties: false,
};
const formatted = await client.chat.completions.create({
  model,
  messages,
  response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } },
});
assert.equal(typeof JSON.parse(formatted.choices[0].message.content).count, "number");

// Models.
const models = await client.models.list();
assert(models.data.some(({ id }) => id === model));
assert.equal((await client.models.retrieve(model)).id, model);

// Errors, as the SDK tells them apart.
await assert.rejects(client.responses.create({ model, input: "x", background: true }), (error) => {
  return error instanceof OpenAI.BadRequestError && error.code === "unsupported_parameter";
});
const stranger = new OpenAI({ apiKey: "not-a-token" });
await assert.rejects(stranger.models.list(), (error) => error instanceof OpenAI.AuthenticationError);
await tell("/scripts", { script: "eof" });
await assert.rejects(
  async () => {
    for await (const _chunk of await client.chat.completions.create({ model, messages, stream: true }));
  },
  (error) => error instanceof OpenAI.APIError && error.code === "stream_ended_early",
);
await tell("/settings", { used_percent: 100 });
await assert.rejects(client.chat.completions.create({ model, messages }), (error) => {
  return error instanceof OpenAI.RateLimitError && error.code === "usage_limit_reached";
});
await tell("/settings", { used_percent: 1 });
console.log("ok");
