"""opencode with its provider for OpenAI-compatible servers. runner.py copies python/situations.py next to this file."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

from situations import FIRST_WORD, MODEL, PNG, UNKNOWN_MODEL, not_offered, rate_limited, run, situation

MODELS = {name: {"modalities": {"input": ["text", "image"], "output": ["text"]}} for name in (MODEL, UNKNOWN_MODEL)}
PROVIDER = {
    "npm": "@ai-sdk/openai-compatible",
    "options": {"baseURL": os.environ["OPENAI_BASE_URL"], "apiKey": "{env:OPENAI_API_KEY}"},
    "models": MODELS,
}
CONFIGURATION = {"model": f"goclaw/{MODEL}", "provider": {"goclaw": PROVIDER}, "autoupdate": False}
FOLDER = Path.cwd()


def find_executable():
    """Returns the executable for this machine. tests/tools.sh does not run the install script that links it."""
    for path in sorted(Path(shutil.which("opencode")).parent.parent.glob("opencode-*-*/bin/opencode")):
        if subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0:
            return path
    raise FileNotFoundError("no opencode for this machine")


OPENCODE = find_executable()
(FOLDER / "opencode.json").write_text(json.dumps(CONFIGURATION))
(FOLDER / "picture.png").write_bytes(base64.b64decode(PNG))


class OpencodeError(Exception):
    """The session reported an error."""


def opencode(*arguments):
    """Runs one prompt and returns its events."""
    command = [OPENCODE, "run", "--format", "json", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if errors := [event["error"] for event in events if event["type"] == "error"]:
        raise OpencodeError(json.dumps(errors))
    assert done.returncode == 0 and events, done.stdout + done.stderr
    return events


def text_of(events):
    return "".join(event["part"]["text"] for event in events if event["type"] == "text")


@situation
def tools():
    events = opencode("Use todowrite, afterwards glob.")
    assert [event["part"]["tool"] for event in events if event["type"] == "tool_use"] == ["todowrite", "glob"], events
    assert text_of(events).startswith("The tools answered: "), events


@situation
def stream():
    assert text_of(opencode("Hello")).startswith(FIRST_WORD)


@situation
def image():
    assert text_of(opencode("What is this?", "--file", "picture.png"))


@situation
def unknown_model():
    try:
        opencode("--model", f"goclaw/{UNKNOWN_MODEL}", "Hello")
    except OpencodeError as error:
        assert "is not supported" in str(error), error
    else:
        raise AssertionError("no error")


@situation
def rate_limit():
    with rate_limited(OpencodeError):
        assert text_of(opencode("Hello")).startswith(FIRST_WORD)


@situation
def history():
    opencode("Use todowrite, afterwards glob.")
    assert text_of(opencode("--continue", "Hello")).startswith(FIRST_WORD)


not_offered("structured", "previous_response", "output_items", "references")
run()
