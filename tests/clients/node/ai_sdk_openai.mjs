// The AI SDK with its OpenAI provider. By default, it calls the Responses API and refers to earlier items by id.

import assert from "node:assert/strict";
import { openai } from "@ai-sdk/openai";
import { generateText } from "ai";
import { situations } from "./ai_sdk.mjs";
import { MODEL, UNKNOWN_MODEL, run } from "./situations.mjs";

const model = openai(MODEL);
const { history, ...others } = situations(model, openai(UNKNOWN_MODEL));

await run({
  ...others,
  async previous_response() {
    const first = await generateText({ model, prompt: "Hello" });
    const previousResponseId = first.providerMetadata.openai.responseId;
    const second = await generateText({ model, prompt: "Again", providerOptions: { openai: { previousResponseId } } });
    assert(second.text);
  },
  async output_items() {
    const withoutStore = { providerOptions: { openai: { store: false } } };
    const messages = [{ role: "user", content: "Hello" }];
    const first = await generateText({ model, messages, ...withoutStore });
    messages.push(...first.response.messages, { role: "user", content: "Again" });
    assert((await generateText({ model, messages, ...withoutStore })).text);
  },
  history,
  references: history,
});
