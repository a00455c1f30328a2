// Calls the gateway with openapi-fetch and the types that openapi-typescript generates, and prints the number of calls.
// Stops at the first response that is not the expected one.

import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { env: Record<string, string> };

const [baseUrl, token] = [process.env.GOCLAW_URL!, process.env.GOCLAW_TOKEN!];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const account = { params: { path: { provider: "openai-codex" } } };
let calls = 0;

/** Counts a response and returns its data. An error response throws. */
function count<Data>(name: string, { data, error }: { data?: Data; error?: unknown }): Data {
  if (data === undefined) throw new Error(`${name}: ${JSON.stringify(error)}`);
  calls += 1;
  return data;
}

function check(name: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${name} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}

const absent = count("status", await client.GET("/v1/auth/{provider}/status", account));
check("state", absent.state, "absent");

const started = count("start without a body", await client.POST("/v1/auth/{provider}/start", account));
check("status", started.status, "pending");
// The types forbid null. Callers without types send it.
const nothing = null as never;
const again = count("start with null", await client.POST("/v1/auth/{provider}/start", { ...account, body: nothing }));
check("login_id", again.login_id, started.login_id);
// The simulated provider approves without asking, as its user person1@example.com.
const approval = await fetch(started.auth_url!, { redirect: "manual" });
const redirect = { redirect_url: approval.headers.get("location")! };
const completed = await client.POST("/v1/auth/{provider}/callback", { ...account, body: redirect });
check("provider_name", count("complete the login", completed).provider_name, "openai-codex");

const active = count("status", await client.GET("/v1/auth/{provider}/status", account));
check("authenticated", active.authenticated, true);
check("email", active.account?.email, "person1@example.com");

const created = count("create a token", await client.POST("/v1/tokens", { body: { name: "generated client" } }));
const { tokens } = count("list tokens", await client.GET("/v1/tokens"));
check("id", tokens[0]?.id, created.id);

const program = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${created.token}` } });
const question = {
  model: "openai-codex/gpt-5.5",
  input: [{ role: "user", content: "Call look_up." }],
  instructions: "Answer in one word.",
  tools: [{ type: "function", name: "look_up", parameters: { type: "object" } }],
};
const response = count("responses", await program.POST("/v1/responses", { body: question }));
if (typeof response === "string") throw new Error("the response is a stream");
check("status", response.status, "completed");
const output = response.output as { type: string; name: string }[];
check("name", output.find(({ type }) => type === "function_call")?.name, "look_up");

const id = { params: { path: { id: created.id } } };
const revoked = count("revoke a token", await client.DELETE("/v1/tokens/{id}", id));
check("status", revoked.status, "revoked");

const unknown = await client.DELETE("/v1/tokens/{id}", id);
check("code", unknown.error?.code, "unknown_token");
calls += 1;

console.log(calls);
