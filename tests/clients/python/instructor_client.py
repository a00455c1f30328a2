"""instructor: structured output, with its defaults."""

import sys

import instructor
from instructor.core.exceptions import InstructorRetryException
from instructor.processing.multimodal import Image
from pydantic import BaseModel, field_validator
from situations import MODEL, PICTURE, STRUCTURED_ANSWER, UNKNOWN_MODEL
from situations import not_offered, raises, rate_limited, run, situation

OPTIONS = {"mode": instructor.Mode.RESPONSES_TOOLS} if sys.argv[1] == "responses" else {}
client = instructor.from_provider(f"openai/{MODEL}", **OPTIONS)
HELLO = [{"role": "user", "content": "Hello"}]


class Answer(BaseModel):
    name: str
    count: int


def create(**options):
    return client.create(**{"response_model": Answer, "messages": HELLO} | options)


@situation
def structured():
    assert isinstance(create(), Answer)


@situation
def repeated_attempts():
    """The client sends an invalid answer back with the validation error."""
    attempts = []

    class Checked(Answer):
        @field_validator("count")
        @classmethod
        def fail_once(cls, value):
            attempts.append(value)
            if len(attempts) < 2:
                raise ValueError("again")
            return value

    assert isinstance(create(response_model=Checked, max_retries=2), Checked)
    assert len(attempts) == 2, attempts


@situation
def stream():
    *_, last = client.create_partial(response_model=Answer, messages=HELLO)
    assert (last.name, last.count) == tuple(STRUCTURED_ANSWER.values()), last


@situation
def image():
    content = ["What is this?", Image.from_base64(PICTURE)]
    assert isinstance(create(messages=[{"role": "user", "content": content}]), Answer)


@situation
def unknown_model():
    other_client = instructor.from_provider(f"openai/{UNKNOWN_MODEL}", **OPTIONS)
    error = raises(Exception, lambda: other_client.create(response_model=Answer, messages=HELLO))
    assert "is not supported" in str(error), error


@situation
def rate_limit():
    with rate_limited(InstructorRetryException):
        assert isinstance(create(), Answer)


@situation
def history():
    conversation = [*HELLO, {"role": "assistant", "content": "Hi!"}, {"role": "user", "content": "Again"}]
    assert isinstance(create(messages=conversation), Answer)


not_offered("tools", "previous_response", "output_items", "references")
run()
