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
	const [call, input, isText, text] = chat
		? ["chat.completions", `messages=[{"role": "user", "content": ${quoted(prompt)}}]`, "event.choices", 'event.choices[0].delta.content or ""']
		: ["responses", `input=${quoted(prompt)}`, 'event.type == "response.output_text.delta"', "event.delta"];
	return `${head}stream = client.${call}.create(
    model=${quoted(model)},
    ${input},
    stream=True,
)
for event in stream:
    if ${isText}:
        print(${text}, end="", flush=True)`;
}

function node(base, { chat, model, prompt }) {
	const head = `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${quoted(base)},
  apiKey: process.env.GOCLAW_API_TOKEN,
});

`;
	const [call, input, text] = chat
		? ["chat.completions", `messages: [{ role: "user", content: ${quoted(prompt)} }]`, "event.choices[0]?.delta?.content"]
		: ["responses", `input: ${quoted(prompt)}`, 'event.type === "response.output_text.delta" && event.delta'];
	return `${head}const stream = await client.${call}.create({
  model: ${quoted(model)},
  ${input},
  stream: true,
});
for await (const event of stream)
  process.stdout.write((${text}) || "");`;
}

const proxy = (base, name) => `curl ${base}/proxy/${name}/feed/v2 \\
  -H "Authorization: Bearer $GOCLAW_API_TOKEN"`;

const LANGUAGES = [["curl", curl], ["Python", python], ["Node", node]];

/** Returns the examples as tabs: radio buttons, which support arrow keys. `update` changes the call. */
export function snippets(call, name = null) {
	const base = `${root}/v1`;
	const group = uid("lang");
	const languages = call ? LANGUAGES : [["curl", () => proxy(base, name)]];
	let [, write] = languages[0];
	let current = call;
	const pre = h("pre", { tabindex: 0, role: "region", "aria-label": "The same call as code" });
	const draw = () => say(pre, write(base, current));
	const copier = button("Copy", () => copy(copier, pre.textContent), { kind: "btn-text" });
	const tab = ([label, writer], index) => h("label", null, h("input.vh", { type: "radio", name: group, checked: index === 0,
		onchange: () => { write = writer; draw(); } }), label);
	const node = h("div.snip", null,
		h("div.snip-top", null, h("div.tabs", { role: "radiogroup", "aria-label": "The same call as" }, languages.map(tab)), copier), pre,
		h("p.small.gap", null, "Make an API token: ", code(`export GOCLAW_API_TOKEN=$(goclaw tokens create app${call ? "" : ` --scope proxy:${name}`})`)));
	draw();
	return { node, update: (next) => { current = next; draw(); } };
}
