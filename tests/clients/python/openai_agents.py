"""OpenAI's Agents SDK for Python, with the API that the argument names: responses or chat."""

import sys

import openai
from agents import Agent, ModelSettings, OpenAIResponsesCompactionSession, Runner, SQLiteSession
from agents import function_tool, set_default_openai_api
from openai.types.shared import Reasoning
from pydantic import BaseModel
from situations import MODEL, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, not_offered, raises, rate_limited, run, situation

IS_CHAT = sys.argv[1] == "chat"
if IS_CHAT:
    set_default_openai_api("chat_completions")
called = []


@function_tool
def get_weather(city: str) -> str:
    called.append("get_weather")
    return f"result of get_weather for {city}"


@function_tool
def get_time(city: str) -> str:
    called.append("get_time")
    return f"result of get_time for {city}"


class Answer(BaseModel):
    name: str
    count: int


def agent(**options):
    settings = ModelSettings(reasoning=Reasoning(effort="high"))
    defaults = {"name": "agent", "instructions": "Be brief.", "model": MODEL, "tools": [get_weather, get_time], "model_settings": settings}
    return Agent(**defaults | options)


def loop(**options):
    called.clear()
    result = Runner.run_sync(agent(), TOOLS_PROMPT, **options)
    check_tools_answer(result.final_output, called)
    return result


@situation
def tools():
    loop()


@situation
async def stream():
    result = Runner.run_streamed(agent(), TOOLS_PROMPT)
    streamed = ""
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            streamed += event.data.delta
    assert result.final_output == streamed and "result of get_time" in streamed, streamed


@situation
def structured():
    assert isinstance(Runner.run_sync(agent(output_type=Answer), "Hello").final_output, Answer)


@situation
def image():
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PICTURE, "detail": "auto"}]
    assert Runner.run_sync(agent(), [{"role": "user", "content": parts}]).final_output


@situation
def unknown_model():
    raises(openai.NotFoundError, lambda: Runner.run_sync(agent(model=UNKNOWN_MODEL), "Hello"))


@situation
def rate_limit():
    with rate_limited(openai.RateLimitError):
        assert Runner.run_sync(agent(), "Hello").final_output


if IS_CHAT:
    not_offered("previous_response")
else:

    @situation
    def previous_response():
        first = loop(auto_previous_response_id=True)
        second = Runner.run_sync(agent(), "Use get_time.", previous_response_id=first.last_response_id)
        assert "result of get_time" in second.final_output, second

    @situation
    async def compaction():
        session = OpenAIResponsesCompactionSession(
            "compacted", SQLiteSession("compacted"), model=MODEL, should_trigger_compaction=lambda _context: True
        )
        await Runner.run(agent(), "Use get_time.", session=session)
        kinds = [item.get("type") for item in await session.get_items()]
        assert kinds[-1] == "compaction" and "function_call" not in kinds, kinds
        assert "result of get_time" in (await Runner.run(agent(), "Use get_time.", session=session)).final_output


@situation
def output_items():
    items = loop().to_input_list() + [{"role": "user", "content": "Use get_time."}]
    assert "result of get_time" in Runner.run_sync(agent(), items).final_output


@situation
def history():
    session = SQLiteSession("conversation")
    loop(session=session)
    assert "result of get_weather" in Runner.run_sync(agent(), "Use get_weather.", session=session).final_output


not_offered("references")
run()
