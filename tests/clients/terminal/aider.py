"""aider, run once for each message. runner.py copies python/situations.py next to this file."""

import json
import os
import subprocess
from pathlib import Path

from situations import FIRST_WORD, MODEL, UNKNOWN_MODEL, not_offered, rate_limited, run, send_command, situation

FOLDER = Path.cwd()
os.environ["OPENAI_API_BASE"] = os.environ["OPENAI_BASE_URL"]
FLAGS = ["--yes-always", "--no-check-update", "--no-show-release-notes", "--no-git", "--no-show-model-warnings", "--map-tokens", "0"]
EDIT = "greeting.txt\n```\n<<<<<<< SEARCH\nHello\n=======\nGood morning\n>>>>>>> REPLACE\n```\n"


class ReportedLimit(Exception):
    """aider printed that the provider limits the rate, and no answer."""


def aider(message, *arguments, model=MODEL):
    """Runs one message and returns what aider printed."""
    command = ["aider", "--model", f"openai/{model}", *FLAGS, "--message", message, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def answer_with(text):
    """Makes the model's next response this text."""
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    part = {"type": "output_text", "text": text, "annotations": []}
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item | {"content": [part]}}
    send_command("/scripts", {"script": f"events:{json.dumps([added, delta, done])}"})


@situation
def stream():
    assert FIRST_WORD in aider("Hello")


@situation
def edit():
    path = FOLDER / "greeting.txt"
    path.write_text("Hello\n")
    answer_with(EDIT)
    output = aider("Greet better.", "--edit-format", "diff", str(path))
    assert path.read_text() == "Good morning\n", output


@situation
def unknown_model():
    output = aider("Hello", model=UNKNOWN_MODEL)
    assert "is not supported" in output, output


@situation
def rate_limit():
    with rate_limited(ReportedLimit):
        output = aider("Hello")
        if FIRST_WORD not in output:
            assert "rate limit" in output.lower(), output
            raise ReportedLimit(output)


@situation
def history():
    assert FIRST_WORD in aider("Again", "--restore-chat-history")


not_offered("tools", "structured", "image", "previous_response", "output_items", "references")
run()
