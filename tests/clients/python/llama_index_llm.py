"""LlamaIndex, with the API that the argument names: chat or responses."""

import os
import sys

import openai
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.memory import Memory
from llama_index.llms.openai import OpenAI, OpenAIResponses
from pydantic import BaseModel
from situations import FIRST_WORD, MODEL, PNG, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, not_offered, raises, rate_limited, run, situation

IS_CHAT = sys.argv[1] == "chat"
called = []


class Answer(BaseModel):
    """The answer."""

    name: str
    count: int


def get_weather(city: str) -> str:
    """Returns the weather."""
    called.append("get_weather")
    return f"result of get_weather for {city}"


def get_time(city: str) -> str:
    """Returns the time."""
    called.append("get_time")
    return f"result of get_time for {city}"


def model(name=MODEL, **options):
    return (OpenAI if IS_CHAT else OpenAIResponses)(model=name, api_base=os.environ["OPENAI_BASE_URL"], **options)


def agent(**options):
    return FunctionAgent(tools=[get_weather, get_time], llm=model(**options), system_prompt="Be brief.")


@situation
async def tools():
    called.clear()
    check_tools_answer(str(await agent().run(TOOLS_PROMPT)), called)


@situation
def stream():
    text = "".join(chunk.delta or "" for chunk in model().stream_chat([ChatMessage("Hello")]))
    assert text.startswith(FIRST_WORD), text


@situation
def structured():
    assert isinstance(model().as_structured_llm(Answer).chat([ChatMessage("Hello")]).raw, Answer)


@situation
def image():
    blocks = [TextBlock(text="What is this?"), ImageBlock(image=PNG.encode(), image_mimetype="image/png")]
    assert model().chat([ChatMessage(role="user", blocks=blocks)]).message.content


@situation
def unknown_model():
    raises((openai.NotFoundError, ValueError), lambda: model(UNKNOWN_MODEL).chat([ChatMessage("Hello")]))


@situation
def rate_limit():
    with rate_limited(openai.RateLimitError):
        assert model().chat([ChatMessage("Hello")]).message.content


@situation
async def history():
    memory = Memory.from_defaults()
    await agent().run(TOOLS_PROMPT, memory=memory)
    assert "result of get_time" in str(await agent().run("Use get_time.", memory=memory))


if IS_CHAT:
    not_offered("previous_response", "output_items")
else:

    @situation
    def previous_response():
        llm = model(track_previous_responses=True)
        assert llm.chat([ChatMessage("Hello")]).message.content
        assert llm.chat([ChatMessage("Again")]).message.content

    @situation
    async def output_items():
        called.clear()
        include = {"include": ["reasoning.encrypted_content"], "store": False}
        text = await agent(reasoning_options={"effort": "high"}, **include).run(TOOLS_PROMPT)
        check_tools_answer(str(text), called)


not_offered("references")
run()
