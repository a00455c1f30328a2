// Code examples for curl and OpenAI's SDKs. A variable stands for the API token.
import { base as root } from "./api.js";
import { button, code, copy, h, say, uid } from "./dom.js";

const quoted = (text) => JSON.stringify(text);
/** Escapes a text inside the shell's single quotes. */
const shell = (text) => text.replaceAll("'", "'\\''");

function curl(base, { chat, model, prompt }) {
	const input = chat ? `"messages": [{"role": "user", "content": ${quoted(prompt)}}]` : `"input": ${quoted(prompt)}`;
	return `curl -N ${base}/${chat ? "chat/completions" : "responses"} \\
  -H "Authorization: Bearer $GOCLAW_API_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": ${shell(quoted(model))},
    ${shell(input)},
    "stream": true
  }'`;
}

function python(base, { chat, model, prompt }) {
	const head = `import os
from openai import OpenAI

client = OpenAI(base_url=${quoted(base)},
                api_key=os.environ["GOCLAW_API_TOKEN"])

`;
	if (chat) {
		return `${head}stream = client.chat.completions.create(
    model=${quoted(model)},
    messages=[{"role": "user", "content": ${quoted(prompt)}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)`;
	}
	return `${head}stream = client.responses.create(
    model=${quoted(model)},
    input=${quoted(prompt)},
    stream=True,
)
for event in stream:
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)`;
}

function node(base, { chat, model, prompt }) {
	const head = `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${quoted(base)},
  apiKey: process.env.GOCLAW_API_TOKEN,
});

`;
	if (chat) {
		return `${head}const stream = await client.chat.completions.create({
  model: ${quoted(model)},
  messages: [{ role: "user", content: ${quoted(prompt)} }],
  stream: true,
});
for await (const chunk of stream)
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");`;
	}
	return `${head}const stream = await client.responses.create({
  model: ${quoted(model)},
  input: ${quoted(prompt)},
  stream: true,
});
for await (const event of stream)
  if (event.type === "response.output_text.delta")
    process.stdout.write(event.delta);`;
}

const proxy = (base, name) => `curl ${base}/proxy/${name}/feed/v2 \\
  -H "Authorization: Bearer $GOCLAW_API_TOKEN"`;

const LANGUAGES = [["curl", curl], ["Python", python], ["Node", node]];

/** Returns the examples as tabs: radio buttons, which support arrow keys. `update` changes the call. */
export function snippets(call, name = null) {
	const base = `${root}/v1`;
	const group = uid("lang");
	const languages = call ? LANGUAGES : [["curl", () => proxy(base, name)]];
	let [language, write] = languages[0];
	let current = call;
	const pre = h("pre", { tabindex: 0, role: "region", "aria-label": "The same call as code" });
	const draw = () => say(pre, write(base, current));
	const copier = button("Copy", () => copy(copier, pre.textContent), { kind: "btn-text" });
	const tab = ([label, writer], index) => h("label", null, h("input", { class: "vh", type: "radio", name: group, checked: index === 0,
		onchange: () => { language = label; write = writer; draw(); } }), label);
	const node = h("div", { class: "snip" },
		h("div", { class: "snip-top" }, h("div", { class: "tabs", role: "radiogroup", "aria-label": "The same call as" }, languages.map(tab)), copier), pre,
		h("p", { class: "small gap" }, "Make an API token: ", code(`export GOCLAW_API_TOKEN=$(goclaw tokens create app${call ? "" : ` --scope proxy:${name}`})`)));
	draw();
	return { node, update: (next) => { current = next; draw(); } };
}
