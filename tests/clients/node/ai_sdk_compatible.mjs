// The AI SDK with its provider for OpenAI-compatible servers: Chat Completions.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { situations } from "./ai_sdk.mjs";
import { MODEL, NOT_OFFERED, UNKNOWN_MODEL, run } from "./situations.mjs";

const options = { name: "goclaw", baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY };
const provider = createOpenAICompatible(options);
const providerWithSchemas = createOpenAICompatible({ ...options, supportsStructuredOutputs: true });

await run({
  ...situations(provider(MODEL), provider(UNKNOWN_MODEL)),
  structured_with_schema: situations(providerWithSchemas(MODEL)).structured,
  previous_response: NOT_OFFERED,
  output_items: NOT_OFFERED,
  references: NOT_OFFERED,
});
