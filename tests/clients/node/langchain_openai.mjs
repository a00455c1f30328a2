// LangChain for JavaScript, with the API that the argument names: responses (`ChatOpenAI`) or chat
// (`ChatOpenAICompletions`).

import assert from "node:assert/strict";
import { ChatOpenAI, ChatOpenAICompletions } from "@langchain/openai";
import { HumanMessage, createAgent, tool } from "langchain";
import { z } from "zod";
import {
  FIRST_WORD, MODEL, NOT_OFFERED, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL,
  checkToolsAnswer, rateLimited, run,
} from "./situations.mjs";

const usesResponses = process.argv[2] === "responses";
const Model = usesResponses ? ChatOpenAI : ChatOpenAICompletions;
const model = (options = {}) => new Model({ model: MODEL, ...options });
const schema = z.object({ name: z.string(), count: z.number().int() });
let called = [];

const tools = ["get_weather", "get_time"].map((name) =>
  tool(
    ({ city }) => {
      called.push(name);
      return `result of ${name} for ${city}`;
    },
    { name, description: name, schema: z.object({ city: z.string() }) },
  ),
);

async function loop(options = {}) {
  called = [];
  const agent = createAgent({ model: model({ reasoning: { effort: "high" }, ...options }), tools, systemPrompt: "Be brief." });
  const { messages } = await agent.invoke({ messages: [{ role: "user", content: TOOLS_PROMPT }] });
  checkToolsAnswer(messages.at(-1).text, called);
  return [agent, messages];
}

await run({
  tools: () => loop(),
  async stream() {
    let text = "";
    for await (const chunk of await model().stream("Hello")) text += chunk.text;
    assert(text.startsWith(FIRST_WORD), text);
  },
  async structured() {
    assert.equal(typeof (await model().withStructuredOutput(schema).invoke("Hello")).count, "number");
  },
  async image() {
    const content = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: PICTURE } }];
    assert((await model().invoke([new HumanMessage({ content })])).text);
  },
  async unknown_model() {
    await assert.rejects(model({ model: UNKNOWN_MODEL }).invoke("Hello"), (error) => error.status === 404);
  },
  async rate_limit() {
    await rateLimited(
      (error) => error.status === 429,
      () => model().invoke("Hello"),
    );
  },
  previous_response: usesResponses
    ? async () => {
        const first = await model().invoke("Hello");
        const second = await model().invoke("Again", { previous_response_id: first.response_metadata.id });
        assert(second.text.startsWith(FIRST_WORD), second.text);
      }
    : NOT_OFFERED,
  // With zero data retention, the client sends the output items instead of their ids.
  output_items: usesResponses ? () => loop({ zdrEnabled: true }) : NOT_OFFERED,
  async history() {
    const [agent, messages] = await loop();
    const next = await agent.invoke({ messages: [...messages, new HumanMessage("Use get_time.")] });
    assert(next.messages.at(-1).text.includes("result of get_time"), next.messages.at(-1).text);
  },
  references: NOT_OFFERED,
});
