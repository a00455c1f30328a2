"""The Codex CLI with the configuration of docs/models.md. runner.py copies python/situations.py next to this file."""

import base64
import json
import os
import subprocess
import urllib.request
from pathlib import Path

from situations import FIRST_WORD, MODEL, PNG, STRUCTURED_ANSWER, UNKNOWN_MODEL
from situations import not_offered, rate_limited, run, send_command, situation

BASE_URL = os.environ["OPENAI_BASE_URL"]
CONFIGURATION = f"""
model = "{MODEL}"
model_provider = "goclaw"

[model_providers.goclaw]
name = "goclaw"
base_url = "{BASE_URL}"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
supports_websockets = false
"""
# Two other configurations, with which the CLI takes the token from `auth.json`.
WITH_OPENAI_AUTH = f"""
model = "gpt-5.5"
model_provider = "goclaw"

[model_providers.goclaw]
name = "OpenAI"
base_url = "{BASE_URL}"
wire_api = "responses"
requires_openai_auth = true
"""
BUILT_IN_PROVIDER = f"""
model = "gpt-5.5"
openai_base_url = "{BASE_URL}"
"""
# A model whose tools are in the input. The simulator refuses such tools without this header.
LITE_MODEL = "gpt-5.4"
LITE_HEADER = "x-openai-internal-codex-responses-lite"
FOLDER = Path.cwd()
SESSIONS = Path.home() / ".codex/sessions"
# Commands of the model run without the CLI's own sandbox, which needs privileges that containers lack.
EXEC = ["codex", "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]


def configure(configuration):
    """Writes `config.toml`, and the token to `auth.json`."""
    home = Path.home() / ".codex"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(configuration)
    (home / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": os.environ["OPENAI_API_KEY"]}))


class CodexError(Exception):
    """The turn failed."""


def codex(*arguments):
    """Runs one turn and returns its items."""
    command = [*EXEC, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or events[-1]["type"] != "turn.completed":
        raise CodexError(done.stdout + done.stderr)
    return [event["item"] for event in events if event["type"] == "item.completed"]


def answer(*arguments):
    """Runs one turn and returns the text of its last message."""
    last = codex(*arguments)[-1]
    assert last["type"] == "agent_message", last
    return last["text"]


def write_file(name, content):
    path = FOLDER / name
    path.write_bytes(content)
    return str(path)


def fetch(url):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"})
    return urllib.request.urlopen(request, timeout=10).read()


@situation
def tools():
    # The model runs a command that does not exist. Its last message quotes only the output of the second tool.
    items = codex("Use exec_command, afterwards get_goal.")
    (command,) = [item for item in items if item["type"] == "command_execution"]
    assert items[-1]["text"].startswith("The tools answered: "), items
    assert "not found" in command["aggregated_output"] and "not found" not in items[-1]["text"], items


@situation
def patch():
    # The script calls the CLI's patch tool, which adds a.txt.
    send_command("/scripts", {"script": "custom_tool"})
    answer("Write a file.")
    assert (FOLDER / "a.txt").read_text() == '"a"\n'


@situation
def stream():
    assert answer("Hello").startswith(FIRST_WORD)


@situation
def structured():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["name", "count"],
        "additionalProperties": False,
    }
    text = answer("--output-schema", write_file("schema.json", json.dumps(schema).encode()), "Hello")
    assert json.loads(text) == STRUCTURED_ANSWER, text


@situation
def image():
    assert answer("What is this?", "--image", write_file("picture.png", base64.b64decode(PNG)))


@situation
def unknown_model():
    try:
        answer("--model", UNKNOWN_MODEL, "Hello")
    except CodexError as error:
        assert "is not supported" in str(error), error
    else:
        raise AssertionError("no error")


@situation
def rate_limit():
    with rate_limited(CodexError):
        assert answer("Hello").startswith(FIRST_WORD)


@situation
def output_items():
    """A resumed session sends the items of its earlier turns, including reasoning."""
    codex("Use exec_command, afterwards get_goal.")
    assert answer("resume", "--last", "Hello").startswith(FIRST_WORD)


@situation
def other_configurations():
    for configuration in (WITH_OPENAI_AUTH, BUILT_IN_PROVIDER):
        configure(configuration)
        # An error, such as one about WebSockets, would be another item.
        message, *others = codex("Hello")
        assert not others, [message, *others]
        assert message["text"].startswith(FIRST_WORD), message


@situation
def lite_model():
    # With a custom provider, the CLI reads the catalogue from a file.
    configure(CONFIGURATION)
    catalogue = write_file("catalogue.json", fetch(f"{BASE_URL}/models?client_version=0.171.0"))
    *others, message = codex("--model", LITE_MODEL, "-c", f'model_catalog_json="{catalogue}"', "Hello")
    assert message["text"].startswith(FIRST_WORD), message
    assert all(item["type"] == "reasoning" for item in others), others
    journal = json.loads(fetch(os.environ["SIMULATOR_CONTROL_URL"] + "/journal"))
    prompts = [entry for entry in journal if entry["path"].endswith("/responses")]
    assert LITE_HEADER in prompts[-1]["header_names"], prompts[-1]


def compacted_history():
    """Returns the items that replaced the history of the newest session."""
    newest = max(SESSIONS.rglob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    entries = [json.loads(line) for line in newest.read_text().splitlines()]
    return next(entry["payload"]["replacement_history"] for entry in entries if entry["type"] == "compacted")


@situation
def compaction():
    """The CLI compacts a resumed session before its next turn, or lets the provider do it if that is called OpenAI."""
    for configuration in (CONFIGURATION, WITH_OPENAI_AUTH, BUILT_IN_PROVIDER):
        configure(configuration)
        codex("Hello")
        text = answer("-c", "model_auto_compact_token_limit=100", "resume", "--last", "Hello")
        assert text.startswith(FIRST_WORD), text
        history = compacted_history()
        by_provider = any(item["type"] == "compaction" for item in history)
        assert by_provider == (configuration != CONFIGURATION), history


# The gateway keeps the list of models for a minute, so this comes before the first request.
send_command("/settings", {"lite_models": [LITE_MODEL]})
not_offered("previous_response", "history", "references")
configure(CONFIGURATION)
run()
