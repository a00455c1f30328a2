// The AI SDK with its provider for OpenAI-compatible servers: Chat Completions.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { situations } from "./ai_sdk.mjs";
import { MODEL, UNKNOWN_MODEL, run } from "./situations.mjs";

const options = { name: "goclaw", baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY };
const provider = createOpenAICompatible(options);
const configured = createOpenAICompatible({ ...options, supportsStructuredOutputs: true });

await run({
  ...situations(provider(MODEL), provider(UNKNOWN_MODEL)),
  configured_structured: situations(configured(MODEL)).structured,
  previous_response: null,
  output_items: null,
  references: null,
});
