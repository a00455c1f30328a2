"""The clients that the tests run: their versions, and how their users point them at a gateway."""

from dataclasses import dataclass, field

# The situations that every program reports, in the order of the table. A program may report others too.
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
    # Path of the program below tests/clients. Its folder decides how it is run.
    program: str
    # The packages with their versions; the first one is the client.
    packages: tuple
    # How to point the client at the gateway, for the table.
    setup: str
    # Command-line arguments of the program.
    arguments: tuple = ()
    # Whether ./test.sh runs it.
    fast: bool = False
    model: str = "openai-codex/gpt-5.5"
    # Situations that fail because of a fault in the client, each with a sentence for the table.
    faults: dict = field(default_factory=dict)
    # Environment variables that keep the client from calling other servers.
    quiet: dict = field(default_factory=dict)
    # Limit for all situations together, in seconds. Go clients are compiled within it.
    timeout: int = 120

    @property
    def version(self):
        return self.packages[0].replace("==", "@").rpartition("@")[2]

    @property
    def language(self):
        return self.program.split("/")[0]


OPENAI_PYTHON = ("openai==3.57.0",)
# All Node clients of ./test.sh share one installation.
NODE = ("openai@7.59.0", "ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/openai-compatible@3.0.92", "zod@4.6.7")
AGENTS_PYTHON = ("openai-agents==0.24.0",)
LANGCHAIN_PYTHON = ("langchain-openai==1.7.4", "langchain==1.5.2")
LITELLM = ("litellm==1.110.2",)
# Without these, LiteLLM sends usage data and fetches a list of prices.
LITELLM_QUIET = {"LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
PYDANTIC_AI = ("pydantic-ai-slim==2.68.0", "openai==3.57.0")
LLAMA_INDEX = ("llama-index-llms-openai==0.8.3", "llama-index-core==0.14.25")
AGENTS_NODE = ("@openai/agents@0.20.0", "zod@4.6.7")
LANGCHAIN_NODE = ("@langchain/openai@1.6.0", "langchain@1.5.14", "@langchain/core@1.4.0", "zod@4.6.7")
# The same version as in go/go.mod.
OPENAI_GO = ("github.com/openai/openai-go/v3@v3.99.0",)
CODEX = ("@openai/codex@0.171.0",)
INSTRUCTOR = ("instructor==1.17.0",)


def ai_sdk(package):
    """Returns `NODE` with the given package first."""
    return tuple(sorted(NODE, key=lambda name: not name.startswith(f"{package}@")))


CLIENTS = [
    Client(
        name="openai-python-responses",
        title="OpenAI SDK for Python, Responses",
        program="python/openai_responses.py",
        packages=OPENAI_PYTHON,
        setup=VARIABLES,
        fast=True,
    ),
    Client(
        name="openai-python-chat",
        title="OpenAI SDK for Python, Chat Completions",
        program="python/openai_chat.py",
        packages=OPENAI_PYTHON,
        setup=VARIABLES,
        fast=True,
    ),
    Client(
        name="openai-node-responses",
        title="OpenAI SDK for Node, Responses",
        program="node/openai_responses.mjs",
        packages=NODE,
        setup=VARIABLES,
        fast=True,
    ),
    Client(
        name="openai-node-chat",
        title="OpenAI SDK for Node, Chat Completions",
        program="node/openai_chat.mjs",
        packages=NODE,
        setup=VARIABLES,
        fast=True,
    ),
    Client(
        name="openai-go-responses",
        title="OpenAI SDK for Go, Responses",
        program="go/main.go",
        arguments=("responses",),
        packages=OPENAI_GO,
        setup=VARIABLES,
        timeout=600,
    ),
    Client(
        name="openai-go-chat",
        title="OpenAI SDK for Go, Chat Completions",
        program="go/main.go",
        arguments=("chat",),
        packages=OPENAI_GO,
        setup=VARIABLES,
        timeout=600,
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
        faults={"structured": "it sends `json_object` without the schema unless `supportsStructuredOutputs` is set"},
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
    Client(
        name="opencode",
        title="opencode",
        program="terminal/opencode.py",
        packages=("opencode-ai@1.18.33",),
        setup="`provider.goclaw` in `opencode.json`: `npm`, `options.baseURL`, `options.apiKey`, `models`",
        model="gpt-5.5",
        timeout=300,
    ),
    Client(
        name="aider",
        title="aider",
        program="terminal/aider.py",
        packages=("aider-chat==0.86.2",),
        setup="`OPENAI_API_BASE`, `OPENAI_API_KEY`; `--model openai/gpt-5.5`",
        quiet={"AIDER_ANALYTICS": "false", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        model="gpt-5.5",
        timeout=300,
    ),
    Client(
        name="llm",
        title="llm",
        program="terminal/llm.py",
        packages=("llm==0.36",),
        setup=f"{VARIABLES}; `llm -m gpt-5.5`",
        model="gpt-5.5",
    ),
    Client(
        name="openai-agents-python",
        title="OpenAI Agents SDK for Python",
        program="python/openai_agents.py",
        arguments=("responses",),
        packages=AGENTS_PYTHON,
        setup=f"{VARIABLES}, `OPENAI_AGENTS_DISABLE_TRACING=1` (traces would go to OpenAI with the gateway's token)",
        quiet={"OPENAI_AGENTS_DISABLE_TRACING": "1"},
        model="gpt-5.5",
    ),
    Client(
        name="openai-agents-python-chat",
        title="OpenAI Agents SDK for Python, Chat Completions",
        program="python/openai_agents.py",
        arguments=("chat",),
        packages=AGENTS_PYTHON,
        setup='the same, and `set_default_openai_api("chat_completions")`',
        quiet={"OPENAI_AGENTS_DISABLE_TRACING": "1"},
        model="gpt-5.5",
    ),
    Client(
        name="openai-agents-node",
        title="OpenAI Agents SDK for JavaScript",
        program="node/openai_agents.mjs",
        arguments=("responses",),
        packages=AGENTS_NODE,
        setup=f"{VARIABLES}; `new Runner({{ tracingDisabled: true }})` (traces would go to OpenAI with the gateway's token)",
        model="gpt-5.5",
    ),
    Client(
        name="openai-agents-node-chat",
        title="OpenAI Agents SDK for JavaScript, Chat Completions",
        program="node/openai_agents.mjs",
        arguments=("chat",),
        packages=AGENTS_NODE,
        setup='the same, and `setOpenAIAPI("chat_completions")`',
        model="gpt-5.5",
    ),
    Client(
        name="langchain-python",
        title="LangChain for Python, `ChatOpenAI`",
        program="python/langchain_openai_chat.py",
        arguments=("responses",),
        packages=LANGCHAIN_PYTHON,
        setup=VARIABLES,
    ),
    Client(
        name="langchain-python-chat",
        title="LangChain for Python, Chat Completions",
        program="python/langchain_openai_chat.py",
        arguments=("chat",),
        packages=LANGCHAIN_PYTHON,
        setup=f"{VARIABLES}; `ChatOpenAI(use_responses_api=False)`",
    ),
    Client(
        name="langchain-node",
        title="LangChain for JavaScript, `ChatOpenAI`",
        program="node/langchain_openai.mjs",
        arguments=("responses",),
        packages=LANGCHAIN_NODE,
        setup=VARIABLES,
    ),
    Client(
        name="langchain-node-chat",
        title="LangChain for JavaScript, Chat Completions",
        program="node/langchain_openai.mjs",
        arguments=("chat",),
        packages=LANGCHAIN_NODE,
        setup=f"{VARIABLES}; `ChatOpenAICompletions`",
    ),
    Client(
        name="litellm",
        title="LiteLLM, `completion`",
        program="python/litellm_client.py",
        arguments=("chat",),
        packages=LITELLM,
        setup=f"{VARIABLES}; `openai/` before the model's name",
        quiet=LITELLM_QUIET,
    ),
    Client(
        name="litellm-responses",
        title="LiteLLM, `responses`",
        program="python/litellm_client.py",
        arguments=("responses",),
        packages=LITELLM,
        setup=f"{VARIABLES}; `openai/` before the model's name",
        quiet=LITELLM_QUIET,
    ),
    Client(
        name="pydantic-ai",
        title="Pydantic AI, Responses",
        program="python/pydantic_ai_agent.py",
        arguments=("responses",),
        packages=PYDANTIC_AI,
        setup=f"{VARIABLES}; `Agent(\"openai-responses:gpt-5.5\")`",
        model="gpt-5.5",
    ),
    Client(
        name="pydantic-ai-chat",
        title="Pydantic AI, Chat Completions",
        program="python/pydantic_ai_agent.py",
        arguments=("chat",),
        packages=PYDANTIC_AI,
        setup=f"{VARIABLES}; `Agent(\"openai-chat:gpt-5.5\")`",
        model="gpt-5.5",
    ),
    Client(
        name="instructor",
        title="instructor",
        program="python/instructor_client.py",
        arguments=("chat",),
        packages=INSTRUCTOR,
        setup=f"{VARIABLES}; `from_provider(\"openai/gpt-5.5\")`",
    ),
    Client(
        name="instructor-responses",
        title="instructor, Responses",
        program="python/instructor_client.py",
        arguments=("responses",),
        packages=INSTRUCTOR,
        setup="the same with `mode=Mode.RESPONSES_TOOLS`",
    ),
    Client(
        name="llama-index",
        title="LlamaIndex, Chat Completions",
        program="python/llama_index_llm.py",
        arguments=("chat",),
        packages=LLAMA_INDEX,
        setup="`OpenAI(model=\"gpt-5.5\", api_base=..)`, `OPENAI_API_KEY`",
        model="gpt-5.5",
    ),
    Client(
        name="llama-index-responses",
        title="LlamaIndex, Responses",
        program="python/llama_index_llm.py",
        arguments=("responses",),
        packages=LLAMA_INDEX,
        setup="`OpenAIResponses(model=\"gpt-5.5\", api_base=..)`, `OPENAI_API_KEY`",
        model="gpt-5.5",
    ),
]
