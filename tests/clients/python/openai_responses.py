"""OpenAI's SDK for Python, Responses API."""

import openai
from openai import OpenAI
from pydantic import BaseModel
from situations import FIRST_WORD, MODEL, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, raises, rate_limited, run, send_command, situation

client = OpenAI()
TOOLS = [
    {
        "type": "function",
        "name": name,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    for name in ("get_weather", "get_time")
]
QUESTION = {"role": "user", "content": TOOLS_PROMPT}


class Answer(BaseModel):
    name: str
    count: int


def output_of(call):
    return {"type": "function_call_output", "call_id": call.call_id, "output": f"result of {call.name}"}


def loop(follow_up):
    """Runs the tool loop; `follow_up` sends the next request, given a response and its tool outputs."""
    called = []
    reasoning = {"effort": "high", "summary": "auto"}
    response = client.responses.create(model=MODEL, input=[QUESTION], tools=TOOLS, reasoning=reasoning)
    assert response.output[0].type == "reasoning" and response.output[0].summary, response
    while calls := [item for item in response.output if item.type == "function_call"]:
        called += [call.name for call in calls]
        response = follow_up(response, [output_of(call) for call in calls])
    check_tools_answer(response.output_text, called)
    return response


@situation
def tools():
    conversation = [QUESTION]

    def follow_up(response, outputs):
        conversation.extend(response.output + outputs)
        return client.responses.create(model=MODEL, input=conversation, tools=TOOLS, reasoning={"effort": "high"})

    loop(follow_up)


@situation
def stream():
    whole = client.responses.create(model=MODEL, input="Hello")
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    streamed = ""
    with client.responses.stream(model=MODEL, input="Hello") as events:
        for event in events:
            if event.type == "response.output_text.delta":
                streamed += event.delta
        assert events.get_final_response().output_text == streamed == whole.output_text, streamed
    assert streamed.startswith(FIRST_WORD)


@situation
def structured():
    assert isinstance(client.responses.parse(model=MODEL, input="Hello", text_format=Answer).output_parsed, Answer)


@situation
def image():
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PICTURE}]
    assert client.responses.create(model=MODEL, input=[{"role": "user", "content": parts}]).output_text


@situation
def unknown_model():
    error = raises(openai.NotFoundError, lambda: client.responses.create(model=UNKNOWN_MODEL, input="Hello"))
    assert error.code == "model_not_found", error


@situation
def rate_limit():
    with rate_limited(openai.RateLimitError):
        assert client.responses.create(model=MODEL, input="Hello").output_text


@situation
def previous_response():
    def follow_up(response, outputs):
        return client.responses.create(model=MODEL, input=outputs, tools=TOOLS, previous_response_id=response.id)

    last = loop(follow_up)
    with client.responses.stream(model=MODEL, input="Thanks", previous_response_id=last.id) as thanks:
        assert thanks.get_final_response().previous_response_id == last.id


@situation
def output_items():
    conversation = [QUESTION]

    def follow_up(response, outputs):
        conversation.extend([item.model_dump() for item in response.output] + outputs)
        return client.responses.create(model=MODEL, input=conversation, tools=TOOLS)

    loop(follow_up)


@situation
def parsed_items():
    """`parse` adds members to the output items, which come back as input."""
    parameters = TOOLS[1]["parameters"] | {"additionalProperties": False}
    strict = [TOOLS[1] | {"parameters": parameters, "strict": True}]
    conversation = [{"role": "user", "content": "Hello"}]
    conversation += client.responses.parse(model=MODEL, input=conversation, text_format=Answer).output
    conversation.append({"role": "user", "content": "Use get_time."})
    output = client.responses.parse(model=MODEL, input=conversation, text_format=Answer, tools=strict).output
    conversation += output + [output_of(item) for item in output if item.type == "function_call"]
    assert "result of get_time" in client.responses.create(model=MODEL, input=conversation).output_text


@situation
def history():
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": "Again"},
    ]
    assert client.responses.create(model=MODEL, input=conversation).output_text


@situation
def references():
    conversation = [QUESTION]

    def follow_up(response, outputs):
        conversation.extend([{"type": "item_reference", "id": item.id} for item in response.output] + outputs)
        return client.responses.create(model=MODEL, input=conversation, tools=TOOLS)

    loop(follow_up)


@situation
def image_by_id():
    # The provider refuses a `tool_choice` that names its own tool.
    drawn = client.responses.create(model=MODEL, input="Draw a fox with image_generation.", tools=[{"type": "image_generation"}])
    (drawing,) = [item for item in drawn.output if item.type == "image_generation_call"]
    question = {"role": "user", "content": "Make it blue"}
    named = [{"type": "image_generation_call", "id": drawing.id}, question]
    assert client.responses.create(model=MODEL, input=named).output_text
    unknown = [{"type": "image_generation_call", "id": "ig_unknown"}, question]
    error = raises(openai.NotFoundError, lambda: client.responses.create(model=MODEL, input=unknown))
    assert error.code == "item_not_found", error


@situation
def stored_responses():
    first = client.responses.create(model=MODEL, input=[{"role": "user", "content": str(number)} for number in range(5)])
    assert client.responses.retrieve(first.id).output_text == first.output_text
    items = list(client.responses.input_items.list(first.id, order="asc", limit=2))
    assert [item.content[0].text for item in items] == ["0", "1", "2", "3", "4"], items
    # The gateway stores no events. An error is better than a stream without any.
    error = raises(openai.BadRequestError, lambda: client.responses.retrieve(first.id, stream=True))
    assert error.param == "stream", error
    client.responses.delete(first.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(first.id))


@situation
def compaction():
    conversation = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]
    compacted = client.responses.compact(model=MODEL, input=conversation)
    assert compacted.object == "response.compaction" and compacted.output[-1].type == "compaction", compacted
    conversation = [*compacted.output, {"role": "user", "content": "Again"}]
    assert client.responses.create(model=MODEL, input=conversation).output_text


@situation
def refusals():
    def refusal(kind, caller=client, **parameters):
        return raises(kind, lambda: caller.responses.create(**{"model": MODEL, "input": "x"} | parameters))

    unknown = refusal(openai.BadRequestError, previous_response_id="resp_1")
    assert (unknown.code, unknown.param) == ("previous_response_not_found", "previous_response_id"), unknown
    assert refusal(openai.BadRequestError, model="suno/v5").code == "no_models"
    assert refusal(openai.BadRequestError, background=True).code == "unsupported_parameter"
    assert refusal(openai.AuthenticationError, caller=OpenAI(api_key="not-a-token")).code == "unauthorized"


@situation
def provider_failures():
    send_command("/scripts", {"script": "failed:server_error"})
    without_retries = client.with_options(max_retries=0).responses
    error = raises(openai.InternalServerError, lambda: without_retries.create(model=MODEL, input="x", stream=True))
    assert error.code == "server_error", error
    # A failure before the first output becomes an HTTP status, which the SDK retries.
    send_command("/scripts", {"script": "failed:server_error"})
    assert list(client.responses.create(model=MODEL, input="x", stream=True))
    send_command("/settings", {"used_percent": 100})
    error = raises(openai.RateLimitError, lambda: client.responses.create(model=MODEL, input="x"))
    send_command("/settings", {"used_percent": 1})
    assert error.code == "usage_limit_reached", error


run()
