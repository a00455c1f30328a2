"""LiteLLM as a library, with the API that the argument names: chat or responses."""

import json
import sys

import litellm
from pydantic import BaseModel
from situations import FIRST_WORD, MODEL, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, not_offered, raises, rate_limited, run, situation

IS_CHAT = sys.argv[1] == "chat"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTIONS = [{"name": name, "description": name, "parameters": PARAMETERS} for name in ("get_weather", "get_time")]
HELLO = [{"role": "user", "content": "Hello"}]


class Answer(BaseModel):
    name: str
    count: int


def chat(messages, model=MODEL, **options):
    return litellm.completion(model=f"openai/{model}", messages=messages, **options)


def respond(conversation, model=MODEL, **options):
    return litellm.responses(model=f"openai/{model}", input=conversation, **options)


def chat_loop():
    conversation, called = [{"role": "user", "content": TOOLS_PROMPT}], []
    functions = [{"type": "function", "function": function} for function in FUNCTIONS]
    tool_options = {"tools": functions, "reasoning_effort": "high"}
    message = chat(conversation, **tool_options).choices[0].message
    while message.tool_calls:
        called += [call.function.name for call in message.tool_calls]
        conversation.append(message)
        for call in message.tool_calls:
            conversation.append({"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"})
        message = chat(conversation, **tool_options).choices[0].message
    check_tools_answer(message.content, called)
    return [*conversation, message]


def responses_loop(follow_up):
    called = []
    functions = [{"type": "function", **function} for function in FUNCTIONS]
    tool_options = {"tools": functions, "reasoning": {"effort": "high"}}
    response = respond([{"role": "user", "content": TOOLS_PROMPT}], **tool_options)
    while calls := [item for item in response.output if item.type == "function_call"]:
        called += [call.name for call in calls]
        outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": f"result of {call.name}"} for call in calls]
        conversation, options = follow_up(response, outputs)
        response = respond(conversation, **tool_options, **options)
    check_tools_answer(text_of(response), called)


def text_of(response):
    return "".join(part.text for item in response.output if item.type == "message" for part in item.content)


def resend_all():
    """Returns a `follow_up` that resends the whole conversation."""
    conversation = [{"role": "user", "content": TOOLS_PROMPT}]

    def follow_up(response, outputs):
        conversation.extend([item.model_dump() for item in response.output] + outputs)
        return conversation, {}

    return follow_up


def by_id(response, outputs):
    return outputs, {"previous_response_id": response.id}


def ask(model=MODEL):
    return chat(HELLO, model).choices[0].message.content if IS_CHAT else text_of(respond("Hello", model))


@situation
def tools():
    chat_loop() if IS_CHAT else responses_loop(resend_all())


@situation
def stream():
    if IS_CHAT:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chat(HELLO, stream=True))
    else:
        text = "".join(event.delta for event in respond("Hello", stream=True) if event.type == "response.output_text.delta")
    assert text.startswith(FIRST_WORD), text


@situation
def structured():
    if IS_CHAT:
        text = chat(HELLO, response_format=Answer).choices[0].message.content
    else:
        text = text_of(respond("Hello", text_format=Answer))
    Answer.model_validate(json.loads(text))


@situation
def image():
    if IS_CHAT:
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
        assert chat([{"role": "user", "content": parts}]).choices[0].message.content
    else:
        parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PICTURE}]
        assert text_of(respond([{"role": "user", "content": parts}]))


@situation
def unknown_model():
    raises(litellm.NotFoundError, lambda: ask(UNKNOWN_MODEL))


@situation
def rate_limit():
    with rate_limited(litellm.RateLimitError):
        assert ask()


@situation
def history():
    if IS_CHAT:
        assert chat([*chat_loop(), {"role": "user", "content": "Thanks"}]).choices[0].message.content
    else:
        assert text_of(respond([*HELLO, {"role": "assistant", "content": "Hi!"}, *HELLO]))


if IS_CHAT:
    not_offered("previous_response", "output_items")
else:

    @situation
    def previous_response():
        responses_loop(by_id)

    @situation
    def output_items():
        responses_loop(resend_all())


not_offered("references")
run()
