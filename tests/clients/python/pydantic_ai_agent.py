"""Pydantic AI, with the API that the argument names: chat or responses."""

import base64
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput
from situations import FIRST_WORD, MODEL, PNG, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, not_offered, raises, rate_limited, run, situation

API = sys.argv[1]
called = []


class Answer(BaseModel):
    name: str
    count: int


def agent(model=MODEL, **options):
    new_agent = Agent(f"openai-{API}:{model}", **{"instructions": "Be brief."} | options)

    @new_agent.tool_plain
    def get_weather(city: str) -> str:
        called.append("get_weather")
        return f"result of get_weather for {city}"

    @new_agent.tool_plain
    def get_time(city: str) -> str:
        called.append("get_time")
        return f"result of get_time for {city}"

    return new_agent


def loop(**settings):
    called.clear()
    result = agent().run_sync(TOOLS_PROMPT, model_settings={"openai_reasoning_effort": "high"} | settings)
    check_tools_answer(result.output, called)
    return result


@situation
def tools():
    loop()


@situation
async def stream():
    async with agent().run_stream("Hello") as result:
        text = "".join([piece async for piece in result.stream_text(delta=True)])
        assert text.startswith(FIRST_WORD), text
    assert result.usage.total_tokens > 0, result.usage


@situation
def structured():
    """Uses a tool call, the client's default for structured output."""
    prompt = "Use get_time, afterwards final_result."
    assert isinstance(agent(output_type=Answer).run_sync(prompt).output, Answer)


@situation
def structured_by_schema():
    assert isinstance(agent(output_type=NativeOutput(Answer)).run_sync("Hello").output, Answer)


@situation
def image():
    picture = BinaryContent(base64.b64decode(PNG), media_type="image/png")
    assert agent().run_sync(["What is this?", picture]).output


@situation
def unknown_model():
    error = raises(ModelHTTPError, lambda: agent(UNKNOWN_MODEL).run_sync("Hello"))
    assert error.status_code == 404, error


@situation
def rate_limit():
    with rate_limited(ModelHTTPError):
        assert agent().run_sync("Hello").output


@situation
def history():
    before = loop().all_messages()
    assert "result of get_time" in agent().run_sync("Use get_time.", message_history=before).output


if API == "responses":

    @situation
    def previous_response():
        settings = {"openai_previous_response_id": "auto"}
        before = loop(**settings).all_messages()
        result = agent().run_sync("Use get_time.", message_history=before, model_settings=settings)
        assert "result of get_time" in result.output, result

    @situation
    def output_items():
        """The message history keeps the items' ids and encrypted reasoning."""
        before = loop(openai_send_reasoning_ids=True).all_messages()
        assert agent().run_sync("Hello", message_history=before, model_settings={"openai_send_reasoning_ids": True}).output

else:
    not_offered("previous_response", "output_items")
not_offered("references")
run()
