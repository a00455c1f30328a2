"""Runs each situation once and prints its result as one JSON line. All Python programs import it.

The runner sets OPENAI_BASE_URL, OPENAI_API_KEY, CLIENT_MODEL and SIMULATOR_CONTROL_URL.
"""

import asyncio
import contextlib
import inspect
import json
import os
import sys
import time
import traceback
import urllib.request

MODEL = os.environ["CLIENT_MODEL"]
UNKNOWN_MODEL = f"{MODEL}-that-does-not-exist"
# Takes three turns: a tool call, a second one after the first output, and an answer.
TOOLS_PROMPT = "Use get_weather, afterwards get_time."
# A PNG of one pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = f"data:image/png;base64,{PNG}"
# The first word of the simulator's answer to a prompt without tools, and its answer to a schema of `name` and `count`.
FIRST_WORD = "word1 "
STRUCTURED_ANSWER = {"name": "text", "count": 0}
# Seconds; longer than the clients' default delay before their first retry.
RETRY_AFTER = 2

_situations = []


def situation(function):
    """Registers a situation, which fails if the function raises."""
    _situations.append((function.__name__, function))
    return function


def not_offered(*names):
    _situations.extend((name, None) for name in names)


def run():
    """Runs the situations in order and exits, with 1 if one failed."""
    failed = False
    # All situations share one loop, because a client's idle connections belong to the loop that opened them.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    for name, function in _situations:
        result = {"situation": name, "result": "works" if function else "not offered"}
        try:
            # Clients may print; standard output carries only the results.
            with contextlib.redirect_stdout(sys.stderr):
                outcome = function() if function else None
                if inspect.iscoroutine(outcome):
                    loop.run_until_complete(outcome)
        except Exception as error:
            traceback.print_exc()
            failed = True
            result |= {"result": "fails", "reason": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(result), flush=True)
    sys.exit(failed)


def send_command(path, body):
    """Sends a command to the simulator: `/faults`, `/scripts` or `/settings`."""
    request = urllib.request.Request(os.environ["SIMULATOR_CONTROL_URL"] + path, json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    urllib.request.urlopen(request, timeout=10).read()


def limit_next_response():
    """Makes the provider's next response a 429 with Retry-After."""
    error = {"message": "Rate limit reached.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    fault = {"kind": "status", "status": 429, "body": json.dumps({"error": error}), "retry_after": str(RETRY_AFTER)}
    send_command("/faults", {"endpoint": "responses", "fault": fault, "times": {"next": 1}})


@contextlib.contextmanager
def rate_limited(error_type):
    """Makes the next response a 429. Checks that the client waits for its Retry-After, or raises `error_type`."""
    limit_next_response()
    begun = time.monotonic()
    try:
        yield
    except error_type:
        return
    waited = time.monotonic() - begun
    assert waited >= RETRY_AFTER, f"retried after {waited:.1f} s, not after the {RETRY_AFTER} s of Retry-After"


def raises(kind, call):
    """Returns the error that `call` raises, which must be of this type or of one of these."""
    try:
        call()
    except kind as error:
        return error
    kinds = kind if isinstance(kind, tuple) else (kind,)
    raise AssertionError(f"no {' or '.join(kind.__name__ for kind in kinds)}")


def check_tools_answer(text, called):
    """Checks the calls and the final text of the tool loop that `TOOLS_PROMPT` starts."""
    assert called == ["get_weather", "get_time"], called
    # The text quotes the outputs of the last turn. With both calls in one turn, it would quote both.
    assert "result of get_time" in text and "result of get_weather" not in text, text
