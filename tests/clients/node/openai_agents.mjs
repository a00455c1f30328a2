// OpenAI's Agents SDK for JavaScript, with the API that the argument names: responses or chat.

import assert from "node:assert/strict";
import { Agent, MemorySession, Runner, setOpenAIAPI, tool } from "@openai/agents";
import { z } from "zod";
import {
  MODEL, NOT_OFFERED, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL,
  checkToolsAnswer, rateLimited, run,
} from "./situations.mjs";

const isChat = process.argv[2] === "chat";
if (isChat) setOpenAIAPI("chat_completions");
// Traces would go to OpenAI with the gateway's token.
const runner = new Runner({ tracingDisabled: true });
let called = [];

const tools = ["get_weather", "get_time"].map((name) =>
  tool({
    name,
    description: name,
    parameters: z.object({ city: z.string() }),
    async execute({ city }) {
      called.push(name);
      return `result of ${name} for ${city}`;
    },
  }),
);

const agent = (options = {}) =>
  new Agent({
    name: "agent",
    instructions: "Be brief.",
    model: MODEL,
    modelSettings: { reasoning: { effort: "high" } },
    tools,
    ...options,
  });

async function loop(options) {
  called = [];
  const result = await runner.run(agent(), TOOLS_PROMPT, options);
  checkToolsAnswer(result.finalOutput, called);
  return result;
}

await run({
  tools: () => loop(),
  async stream() {
    const result = await runner.run(agent(), TOOLS_PROMPT, { stream: true });
    let text = "";
    for await (const piece of result.toTextStream()) text += piece;
    await result.completed;
    assert(text.includes("result of get_time"), text);
  },
  async structured() {
    const structuredAgent = agent({ outputType: z.object({ name: z.string(), count: z.number().int() }) });
    assert.equal(typeof (await runner.run(structuredAgent, "Hello")).finalOutput.count, "number");
  },
  async image() {
    const content = [{ type: "input_text", text: "What is this?" }, { type: "input_image", image: PICTURE }];
    assert((await runner.run(agent(), [{ role: "user", content }])).finalOutput);
  },
  async unknown_model() {
    await assert.rejects(runner.run(agent({ model: UNKNOWN_MODEL }), "Hello"), (error) => error.status === 404);
  },
  async rate_limit() {
    await rateLimited(
      (error) => error.status === 429,
      () => runner.run(agent(), "Hello"),
    );
  },
  previous_response: isChat
    ? NOT_OFFERED
    : async () => {
        const { lastResponseId } = await loop();
        const next = await runner.run(agent(), "Use get_time.", { previousResponseId: lastResponseId });
        assert(next.finalOutput.includes("result of get_time"), next.finalOutput);
      },
  async output_items() {
    const { history } = await loop();
    const next = await runner.run(agent(), [...history, { role: "user", content: "Use get_time." }]);
    assert(next.finalOutput.includes("result of get_time"), next.finalOutput);
  },
  async history() {
    const session = new MemorySession();
    await loop({ session });
    const next = await runner.run(agent(), "Use get_weather.", { session });
    assert(next.finalOutput.includes("result of get_weather"), next.finalOutput);
  },
  references: NOT_OFFERED,
});
