"""OpenAI's own Python SDK against a gateway: what a program in the field does, and what it makes of errors.

OPENAI_BASE_URL and OPENAI_API_KEY say where the gateway is, SIMULATOR_CONTROL_URL where the provider is told what to do.
"""

import base64
import json
import os
import urllib.request

import openai
from openai import OpenAI
from pydantic import BaseModel

MODEL = "openai-codex/gpt-5.5"
client = OpenAI()


def tell(path, body):
    request = urllib.request.Request(os.environ["SIMULATOR_CONTROL_URL"] + path, json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    urllib.request.urlopen(request).read()


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# Responses, whole and streamed.
response = client.responses.create(model=MODEL, input="Hello")
assert response.output_text.startswith("word1 "), response
assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens

streamed = ""
with client.responses.stream(model=MODEL, input="Hello") as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            streamed += event.delta
    assert stream.get_final_response().output_text == streamed == response.output_text

# Chat completions, whole and streamed.
hello = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
completion = client.chat.completions.create(model=MODEL, messages=hello)
assert completion.choices[0].message.content == response.output_text, completion
assert completion.choices[0].finish_reason == "stop" and completion.model == MODEL

chunks = list(client.chat.completions.create(model=MODEL, messages=hello, stream=True, stream_options={"include_usage": True}))
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == response.output_text
assert chunks[-1].usage.total_tokens > 0 and not chunks[-1].choices

# Tools: two at once, in order, answered.
tools = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in ("get_weather", "get_time")
]
talk = [{"role": "user", "content": "Use get_weather and get_time."}]
asked = client.chat.completions.create(model=MODEL, messages=talk, tools=tools).choices[0]
assert asked.finish_reason == "tool_calls"
assert [call.function.name for call in asked.message.tool_calls] == ["get_weather", "get_time"]
assert all("city" in json.loads(call.function.arguments) for call in asked.message.tool_calls)
talk.append(asked.message.model_dump(exclude_none=True))
talk += [{"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"} for call in asked.message.tool_calls]
answered = client.chat.completions.create(model=MODEL, messages=talk, tools=tools).choices[0].message.content
assert "result of get_weather" in answered and "result of get_time" in answered, answered

calls = {}
for chunk in client.chat.completions.create(model=MODEL, messages=talk[:1], tools=tools, stream=True):
    for call in chunk.choices[0].delta.tool_calls or []:
        known = calls.setdefault(call.index, {"name": "", "arguments": ""})
        known["name"] += call.function.name or ""
        known["arguments"] += call.function.arguments or ""
assert [calls[index]["name"] for index in sorted(calls)] == ["get_weather", "get_time"], calls
assert all(json.loads(call["arguments"]) for call in calls.values())


# Conversations that the gateway remembers: by the previous response, and by references to its items.
flat = [{"type": "function", **tool["function"]} for tool in tools]
question = {"role": "user", "content": "Use get_weather and get_time."}
first = client.responses.create(model=MODEL, input=[question], tools=flat)
results = [
    {"type": "function_call_output", "call_id": item.call_id, "output": f"result of {item.name}"}
    for item in first.output
    if item.type == "function_call"
]
assert len(results) == 2, first.output
second = client.responses.create(model=MODEL, input=results, tools=flat, previous_response_id=first.id)
references = [{"type": "item_reference", "id": item.id} for item in first.output]
by_reference = client.responses.create(model=MODEL, input=[question, *references, *results], tools=flat)
for answer in (second, by_reference):
    assert "result of get_weather" in answer.output_text and "result of get_time" in answer.output_text, answer
with client.responses.stream(model=MODEL, input="Thanks", previous_response_id=second.id) as thanks:
    assert thanks.get_final_response().previous_response_id == second.id
assert client.responses.retrieve(second.id).output_text == second.output_text
listed = list(client.responses.input_items.list(second.id, order="asc", limit=1))
assert [item.output for item in listed] == [result["output"] for result in results], listed
client.responses.delete(second.id)
refused(openai.NotFoundError, lambda: client.responses.retrieve(second.id))


# Structured output, both ways of asking.
class Answer(BaseModel):
    name: str
    count: int


parsed = client.chat.completions.parse(model=MODEL, messages=hello, response_format=Answer).choices[0].message.parsed
assert isinstance(parsed, Answer)
assert isinstance(client.responses.parse(model=MODEL, input="Hello", text_format=Answer).output_parsed, Answer)

# Pictures.
picture = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture}}]
seen = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
assert seen.choices[0].message.content

# Models, and what was not passed on.
assert MODEL in [model.id for model in client.models.list()]
assert client.models.retrieve(MODEL).owned_by == "openai-codex"
assert refused(openai.NotFoundError, lambda: client.models.retrieve("no-such")).code == "model_not_found"
raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=hello, temperature=0.1)
assert raw.headers["goclaw-ignored-parameters"] == "temperature"

# Errors, as the SDK tells them apart.
error = refused(openai.BadRequestError, lambda: client.responses.create(model=MODEL, input="x", previous_response_id="resp_1"))
assert error.code == "previous_response_not_found" and error.param == "previous_response_id"
error = refused(openai.BadRequestError, lambda: client.responses.create(model="suno/v5", input="x"))
assert error.code == "no_models"
stranger = OpenAI(api_key="not-a-token")
error = refused(openai.AuthenticationError, lambda: stranger.responses.create(model=MODEL, input="x"))
assert error.code == "unauthorized"

tell("/scripts", {"script": "failed:server_error"})
impatient = client.with_options(max_retries=0)
error = refused(openai.InternalServerError, lambda: impatient.chat.completions.create(model=MODEL, messages=hello, stream=True))
assert error.code == "server_error", error
# A failure before the first output is a status, so the SDK's retry helps.
tell("/scripts", {"script": "failed:server_error"})
assert list(client.chat.completions.create(model=MODEL, messages=hello, stream=True))

tell("/settings", {"used_percent": 100})
error = refused(openai.RateLimitError, lambda: client.chat.completions.create(model=MODEL, messages=hello))
assert error.code == "usage_limit_reached"
tell("/settings", {"used_percent": 1})
print("ok")
