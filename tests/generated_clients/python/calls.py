"""Calls the gateway with the client that openapi-python-client generates, and prints the number of calls.

Stops at the first response that is not the expected one.
"""

import os
from typing import TypeVar

import httpx
from api import AuthenticatedClient
from api.api.auth import complete_login, get_auth_status, start_login
from api.api.models import create_response
from api.api.tokens import create_token, list_tokens, revoke_token
from api.models import (
    AccountConnected,
    AuthStatus,
    CompleteLoginRequest,
    CreateResponseRequest,
    CreateTokenRequest,
    LoginStarted,
    Problem,
    TokenCreated,
    TokenList,
    TokenRevoked,
)

T = TypeVar("T")
URL = os.environ["GOCLAW_URL"]
calls = 0


def count(response: object, expected: type[T]) -> T:
    """Counts a response and returns it. It must have the expected type."""
    global calls
    assert isinstance(response, expected), response
    calls += 1
    return response


def client(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=token, raise_on_unexpected_status=True)


gateway = client(os.environ["GOCLAW_TOKEN"])

status = count(get_auth_status.sync("openai-codex", client=gateway), AuthStatus)
assert status.state == "absent", status

started = count(start_login.sync("openai-codex", client=gateway), LoginStarted)
assert started.status == "pending", started
# The simulated provider approves without asking, as its user person1@example.com.
assert isinstance(started.auth_url, str)
redirect = CompleteLoginRequest(httpx.get(started.auth_url).headers["location"])
connected = complete_login.sync("openai-codex", client=gateway, body=redirect)
assert count(connected, AccountConnected).authenticated, connected

status = count(get_auth_status.sync("openai-codex", client=gateway), AuthStatus)
assert status.authenticated and status.account, status
assert status.account.email == "person1@example.com", status

request = CreateTokenRequest(name="generated client")
created = count(create_token.sync(client=gateway, body=request), TokenCreated)
tokens = count(list_tokens.sync(client=gateway), TokenList).tokens
assert [token.id for token in tokens] == [created.id], tokens

question = CreateResponseRequest(
    model="openai-codex/gpt-5.5", input_=[{"role": "user", "content": "Call look_up."}]
)
question["instructions"] = "Answer in one word."
question["tools"] = [{"type": "function", "name": "look_up", "parameters": {"type": "object"}}]
response = create_response.sync(client=client(created.token), body=question)
assert response, "no response"
calls += 1
assert response.additional_properties["status"] == "completed", response
called = [item["name"] for item in response.additional_properties["output"] if item["type"] == "function_call"]
assert called == ["look_up"], response

revoked = count(revoke_token.sync(created.id, client=gateway), TokenRevoked)
assert revoked.status == "revoked", revoked

problem = count(revoke_token.sync(created.id, client=gateway), Problem)
assert problem.code == "unknown_token", problem

print(calls)
