// The situations that ai_sdk_openai.mjs and ai_sdk_compatible.mjs share.

import assert from "node:assert/strict";
import { APICallError, Output, RetryError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { FIRST_WORD, PICTURE, TOOLS_PROMPT, checkToolsAnswer, rateLimited } from "./situations.mjs";

/** Returns the situations for a model; `unknown` is a model that does not exist. */
export function situations(model, unknown) {
  // The tool loop takes three steps. By default, the SDK stops after one.
  const stopWhen = stepCountIs(5);
  const toolSet = (called) =>
    Object.fromEntries(
      ["get_weather", "get_time"].map((name) => {
        const execute = async ({ city }) => {
          called.push(name);
          return `result of ${name} for ${city}`;
        };
        return [name, tool({ description: name, inputSchema: z.object({ city: z.string() }), execute })];
      }),
    );

  return {
    async tools() {
      const called = [];
      const { text } = await generateText({ model, tools: toolSet(called), stopWhen, prompt: TOOLS_PROMPT });
      checkToolsAnswer(text, called);
    },
    async streamed_tools() {
      const called = [];
      const result = streamText({ model, tools: toolSet(called), stopWhen, prompt: TOOLS_PROMPT });
      checkToolsAnswer(await result.text, called);
    },
    async stream() {
      const result = streamText({ model, system: "Be brief.", prompt: "Hello" });
      let text = "";
      for await (const piece of result.textStream) text += piece;
      assert(text.startsWith(FIRST_WORD), text);
    },
    async structured() {
      const schema = z.object({ name: z.string(), count: z.number().int() });
      const { output } = await generateText({ model, prompt: "Hello", output: Output.object({ schema }) });
      assert.equal(typeof output.count, "number");
    },
    async image() {
      const content = [{ type: "text", text: "What is this?" }, { type: "file", mediaType: "image/png", data: PICTURE }];
      assert((await generateText({ model, messages: [{ role: "user", content }] })).text);
    },
    async unknown_model() {
      const isUnknown = (error) => APICallError.isInstance(error) && error.statusCode === 404 && !error.isRetryable;
      await assert.rejects(generateText({ model: unknown, prompt: "Hello" }), isUnknown);
    },
    async rate_limit() {
      const isReported = (error) => RetryError.isInstance(error);
      await rateLimited(isReported, async () => assert((await generateText({ model, prompt: "Hello" })).text));
    },
    async history() {
      const called = [];
      const messages = [{ role: "user", content: TOOLS_PROMPT }];
      const tools = toolSet(called);
      const first = await generateText({ model, tools, stopWhen, messages });
      messages.push(...first.response.messages, { role: "user", content: "Use get_time." });
      const second = await generateText({ model, tools, stopWhen, messages });
      assert(second.text.includes("result of get_time"), second.text);
      assert.equal(called.length, 3);
    },
  };
}
