"""The clients that the tests run: their versions, and how their users point them at a gateway."""

from dataclasses import dataclass, field

# What every program reports, in the order of the table. A program may report more.
SITUATIONS = {
    "tools": "tool loop",
    "stream": "stream",
    "structured": "structured output",
    "image": "image",
    "unknown_model": "unknown model",
    "rate_limit": "429",
    "previous_response": "`previous_response_id`",
    "output_items": "output items",
    "history": "messages",
    "references": "item references",
}

VARIABLES = "`OPENAI_BASE_URL`, `OPENAI_API_KEY`"


@dataclass(frozen=True)
class Client:
    """One client with one of the APIs that it speaks."""

    name: str
    title: str
    # The program below tests/clients; its folder says how it runs.
    program: str
    # The packages with their versions; the first one is the client.
    packages: tuple
    # How to point it at the gateway, for the table.
    setup: str
    # Whether ./test.sh runs it.
    fast: bool = False
    model: str = "openai-codex/gpt-5.5"
    # What fails by the client's own fault: the situation, and one sentence for the table.
    faults: dict = field(default_factory=dict)
    # Variables that keep it from calling other servers.
    quiet: dict = field(default_factory=dict)
    # Seconds for all situations.
    timeout: int = 120

    @property
    def version(self):
        return self.packages[0].replace("==", "@").rpartition("@")[2]

    @property
    def language(self):
        return self.program.split("/")[0]


OPENAI_PYTHON = ("openai==3.57.0",)
# One folder for the clients of ./test.sh.
NODE = ("openai@7.59.0", "ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/openai-compatible@3.0.92", "zod@4.6.7")
CODEX = ("@openai/codex@0.171.0",)


def ai_sdk(package):
    return tuple(sorted(NODE, key=lambda name: not name.startswith(f"{package}@")))


CLIENTS = [
    Client(
        name="openai-python-responses",
        title="OpenAI SDK for Python, Responses",
        program="python/openai_responses.py",
        packages=OPENAI_PYTHON,
        setup=f"{VARIABLES}",
        fast=True,
    ),
    Client(
        name="openai-python-chat",
        title="OpenAI SDK for Python, Chat Completions",
        program="python/openai_chat.py",
        packages=OPENAI_PYTHON,
        setup=f"{VARIABLES}",
        fast=True,
    ),
    Client(
        name="openai-node-responses",
        title="OpenAI SDK for Node, Responses",
        program="node/openai_responses.mjs",
        packages=NODE,
        setup=f"{VARIABLES}",
        fast=True,
    ),
    Client(
        name="openai-node-chat",
        title="OpenAI SDK for Node, Chat Completions",
        program="node/openai_chat.mjs",
        packages=NODE,
        setup=f"{VARIABLES}",
        fast=True,
    ),
    Client(
        name="ai-sdk-openai",
        title="AI SDK, `@ai-sdk/openai`",
        program="node/ai_sdk_openai.mjs",
        packages=ai_sdk("@ai-sdk/openai"),
        setup=f"{VARIABLES}; `openai(\"gpt-5.5\")`",
        model="gpt-5.5",
        fast=True,
    ),
    Client(
        name="ai-sdk-compatible",
        title="AI SDK, `@ai-sdk/openai-compatible`",
        program="node/ai_sdk_compatible.mjs",
        packages=ai_sdk("@ai-sdk/openai-compatible"),
        setup="`createOpenAICompatible({ name: \"goclaw\", baseURL, apiKey, supportsStructuredOutputs: true })`",
        faults={"structured": "it sends `json_object` without the schema unless `supportsStructuredOutputs` is set; with it: yes"},
        fast=True,
    ),
    Client(
        name="codex",
        title="Codex CLI",
        program="terminal/codex.py",
        packages=CODEX,
        setup="`model_provider` in `config.toml`: [models.md](models.md#the-codex-cli)",
        fast=True,
    ),
]
