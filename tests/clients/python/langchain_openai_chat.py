"""LangChain for Python, `ChatOpenAI` with the API that the argument names: responses, its default, or chat."""

import sys

import openai
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from situations import FIRST_WORD, MODEL, PICTURE, TOOLS_PROMPT, UNKNOWN_MODEL
from situations import check_tools_answer, not_offered, raises, rate_limited, run, situation

USES_RESPONSES = sys.argv[1] == "responses"
OPTIONS = {} if USES_RESPONSES else {"use_responses_api": False}
called = []


@tool
def get_weather(city: str) -> str:
    """Returns the weather."""
    called.append("get_weather")
    return f"result of get_weather for {city}"


@tool
def get_time(city: str) -> str:
    """Returns the time."""
    called.append("get_time")
    return f"result of get_time for {city}"


class Answer(BaseModel):
    """The answer."""

    name: str
    count: int


def model(**options):
    return ChatOpenAI(**{"model": MODEL} | OPTIONS | options)


def loop(**options):
    called.clear()
    agent = create_agent(model(reasoning_effort="high", **options), [get_weather, get_time], system_prompt="Be brief.")
    messages = agent.invoke({"messages": [{"role": "user", "content": TOOLS_PROMPT}]})["messages"]
    check_tools_answer(messages[-1].text, called)
    return agent, messages


@situation
def tools():
    loop()


@situation
def stream():
    chunks = list(model().stream("Hello"))
    assert "".join(chunk.text for chunk in chunks).startswith(FIRST_WORD), chunks


@situation
def structured():
    assert isinstance(model().with_structured_output(Answer).invoke("Hello"), Answer)


@situation
def structured_by_tool():
    assert isinstance(model().with_structured_output(Answer, method="function_calling").invoke("Hello"), Answer)


@situation
def image():
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    assert model().invoke([HumanMessage(parts)]).text


if USES_RESPONSES:

    @situation
    def earlier_images():
        """Later turns name an image by its id, without its data."""
        conversation = [HumanMessage("Draw a fox with image_generation.")]
        drawn = model().bind_tools([{"type": "image_generation"}]).invoke(conversation)
        assert "image" in [block["type"] for block in drawn.content_blocks], drawn
        conversation.append(drawn)
        assert model().invoke([*conversation, HumanMessage("Make it blue")]).text


@situation
def unknown_model():
    raises(openai.NotFoundError, lambda: model(model=UNKNOWN_MODEL).invoke("Hello"))


@situation
def rate_limit():
    with rate_limited(openai.RateLimitError):
        assert model().invoke("Hello").text


@situation
def history():
    agent, messages = loop()
    answer = agent.invoke({"messages": [*messages, HumanMessage("Use get_time.")]})["messages"][-1]
    assert "result of get_time" in answer.text, answer


if USES_RESPONSES:

    @situation
    def previous_response():
        loop(use_previous_response_id=True)

    @situation
    def output_items():
        _, messages = loop(store=False, include=["reasoning.encrypted_content"])
        assert any(block["type"] == "reasoning" for block in messages[1].content_blocks), messages[1]

else:
    not_offered("previous_response", "output_items")
not_offered("references")
run()
