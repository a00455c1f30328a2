"""`llm` with its built-in OpenAI models. runner.py copies python/situations.py next to this file."""

import base64
import json
import subprocess
from pathlib import Path

from situations import FIRST_WORD, MODEL, PNG, STRUCTURED_ANSWER, TOOLS_PROMPT
from situations import not_offered, rate_limited, run, situation

FOLDER = Path.cwd()
FUNCTIONS = '''
def get_weather(city: str) -> str:
    """Returns the weather."""
    return f"result of get_weather for {city}"

def get_time(city: str) -> str:
    """Returns the time."""
    return f"result of get_time for {city}"
'''
(FOLDER / "picture.png").write_bytes(base64.b64decode(PNG))


class LlmError(Exception):
    """The program failed."""


def llm(*arguments):
    done = subprocess.run(["llm", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LlmError(done.stderr)
    return done.stdout


def ask(*arguments):
    return llm("prompt", "--model", MODEL, *arguments)


@situation
def tools():
    text = ask("--functions", FUNCTIONS, TOOLS_PROMPT)
    assert "result of get_time" in text and "result of get_weather" not in text, text


@situation
def stream():
    assert ask("Hello").startswith(FIRST_WORD)
    assert ask("--no-stream", "Hello").startswith(FIRST_WORD)


@situation
def structured():
    text = ask("--schema", "name, count int", "Hello")
    assert json.loads(text) == STRUCTURED_ANSWER, text


@situation
def image():
    assert ask("--attachment", "picture.png", "What is this?")


@situation
def rate_limit():
    with rate_limited(LlmError):
        assert ask("Hello").startswith(FIRST_WORD)


@situation
def history():
    ask("--functions", FUNCTIONS, TOOLS_PROMPT)
    assert llm("prompt", "--continue", "Hello").startswith(FIRST_WORD)


@situation
def unknown_model():
    # llm only accepts its built-in models. The account does not have this one.
    try:
        llm("prompt", "--model", "o3", "Hello")
    except LlmError as error:
        assert "is not supported" in str(error), error
    else:
        raise AssertionError("no error")


not_offered("previous_response", "output_items", "references")
run()
