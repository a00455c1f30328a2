"""OpenAI's SDK for Python, Chat Completions API."""

import json

import openai
from openai import OpenAI
from pydantic import BaseModel
from situations import FIRST_WORD, MODEL, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, not_offered, raises, rate_limited, run, send_command, situation

client = OpenAI()
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in ("get_weather", "get_time")
]


class Answer(BaseModel):
    name: str
    count: int


def create(**parameters):
    return client.chat.completions.create(model=MODEL, **parameters)


def outputs_of(message):
    return [{"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"} for call in message.tool_calls]


@situation
def tools():
    conversation, called = [{"role": "user", "content": TOOLS_PROMPT}], []
    choice = create(messages=conversation, tools=TOOLS, reasoning_effort="high").choices[0]
    while choice.finish_reason == "tool_calls":
        assert choice.message.reasoning_content, choice
        assert all("city" in json.loads(call.function.arguments) for call in choice.message.tool_calls)
        called += [call.function.name for call in choice.message.tool_calls]
        conversation += [choice.message, *outputs_of(choice.message)]
        choice = create(messages=conversation, tools=TOOLS, reasoning_effort="high").choices[0]
    check_tools_answer(choice.message.content, called)


@situation
def stream():
    whole = create(messages=HELLO)
    assert whole.choices[0].finish_reason == "stop" and whole.model == MODEL, whole
    chunks = list(create(messages=HELLO, stream=True, stream_options={"include_usage": True}))
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == whole.choices[0].message.content and streamed.startswith(FIRST_WORD), streamed
    assert chunks[-1].usage.total_tokens > 0 and not chunks[-1].choices


@situation
def streamed_tools():
    conversation, calls = [{"role": "user", "content": "Use get_weather and get_time."}], {}
    for chunk in create(messages=conversation, tools=TOOLS, stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            known = calls.setdefault(call.index, {"name": "", "arguments": ""})
            known["name"] += call.function.name or ""
            known["arguments"] += call.function.arguments or ""
    assert [calls[index]["name"] for index in sorted(calls)] == ["get_weather", "get_time"], calls
    assert all("city" in json.loads(call["arguments"]) for call in calls.values())


@situation
def structured():
    parsed = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Answer).choices[0].message.parsed
    assert isinstance(parsed, Answer), parsed


@situation
def image():
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    assert create(messages=[{"role": "user", "content": parts}]).choices[0].message.content


@situation
def unknown_model():
    error = raises(openai.NotFoundError, lambda: client.chat.completions.create(model=UNKNOWN_MODEL, messages=HELLO))
    assert error.code == "model_not_found", error


@situation
def rate_limit():
    with rate_limited(openai.RateLimitError):
        assert create(messages=HELLO).choices[0].message.content


@situation
def history():
    conversation = [{"role": "user", "content": "Use get_weather and get_time."}]
    message = create(messages=conversation, tools=TOOLS).choices[0].message
    assert len(message.tool_calls) == 2, message
    conversation += [message.model_dump(), *outputs_of(message)]
    answer = create(messages=conversation, tools=TOOLS).choices[0].message
    assert "result of get_weather" in answer.content and "result of get_time" in answer.content, answer
    conversation += [answer, {"role": "user", "content": "Thanks"}]
    assert create(messages=conversation, tools=TOOLS).choices[0].message.content


@situation
def models():
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).owned_by == "openai-codex"
    assert raises(openai.NotFoundError, lambda: client.models.retrieve("no-such")).code == "model_not_found"


@situation
def images():
    """Clients of DALL-E send its sizes and qualities, which the provider's tool does not have."""
    drawn = client.images.generate(model="dall-e-3", prompt="A fox", size="1792x1024", quality="hd")
    assert drawn.data[0].b64_json and (drawn.size, drawn.quality) == ("1536x1024", "high"), drawn
    assert raises(openai.BadRequestError, lambda: client.images.generate(prompt="A fox", size="9x9")).param == "size"


@situation
def provider_failures():
    send_command("/scripts", {"script": "failed:server_error"})
    without_retries = client.with_options(max_retries=0).chat.completions
    error = raises(openai.InternalServerError, lambda: without_retries.create(model=MODEL, messages=HELLO, stream=True))
    assert error.code == "server_error", error
    send_command("/scripts", {"script": "failed:server_error"})
    assert list(create(messages=HELLO, stream=True))
    send_command("/scripts", {"script": "eof"})
    assert raises(openai.APIError, lambda: list(create(messages=HELLO, stream=True))).code == "stream_ended_early"
    send_command("/settings", {"used_percent": 100})
    error = raises(openai.RateLimitError, lambda: create(messages=HELLO))
    send_command("/settings", {"used_percent": 1})
    assert error.code == "usage_limit_reached", error


not_offered("previous_response", "output_items", "references")
run()
