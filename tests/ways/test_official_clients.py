"""The lab's servers are shaped as the vendors' own clients expect, and our dialects read the same from them.

Slow: importing the clients takes three seconds. They are used here and nowhere in the product.
"""

from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.ways.test_http_apis import KEY, QUESTION, SAID, a_bot, in_lab, one
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.dialects import decode
from wrapdetect.model import Dialect

pytestmark = pytest.mark.slow
ASKED = [{"role": "user", "content": QUESTION}]
PIECES = 9


@pytest.fixture(scope="module")
def lab() -> Iterator[Served]:
    """A bot that knows one answer and wants a key, behind every API."""
    with serve(a_bot(), key=KEY) as served:
        yield served


def our_body(lab: Served, dialect: Dialect) -> dict[str, object]:
    """What our dialect asks for, once it has read the same answer."""
    endpoint = in_lab(lab, dialect)
    reply = decode(one(endpoint, key=KEY), endpoint)
    assert (reply.text, reply.failure) == (SAID, None)
    body = lab.requests[-1]["body"]
    assert isinstance(body, dict)
    return body


def their_body(lab: Served) -> dict[str, object]:
    """What the official client asked for last."""
    body = lab.requests[-1]["body"]
    assert isinstance(body, dict)
    return body


def test_anthropics_client_understands_the_lab(lab: Served) -> None:
    anthropic = import_module("anthropic")
    with anthropic.Anthropic(base_url=lab.root, api_key=KEY, max_retries=0) as client:
        message = client.messages.create(model="bot-1", max_tokens=40, messages=ASKED)
        assert (message.content[0].text, message.stop_reason, message.usage.output_tokens) == (SAID, "end_turn", PIECES)
        with client.messages.stream(model="bot-1", max_tokens=40, messages=ASKED) as stream:
            pieces = list(stream.text_stream)
            assert (len(pieces), "".join(pieces)) == (PIECES, SAID)
            assert stream.get_final_message().usage.output_tokens == PIECES
        theirs = their_body(lab)
        with pytest.raises(anthropic.NotFoundError, match="bot-2 does not exist"):
            client.messages.create(model="bot-2", max_tokens=40, messages=ASKED)
        with pytest.raises(anthropic.AuthenticationError):
            client.copy(api_key="wrong").messages.create(model="bot-1", max_tokens=40, messages=ASKED)
    ours = our_body(lab, "anthropic_stream")
    assert our_body(lab, "anthropic_plain") == {k: v for k, v in ours.items() if k != "stream"}
    assert {k: v for k, v in ours.items() if k != "temperature"} == theirs


def test_ollamas_client_understands_the_lab(lab: Served) -> None:
    ollama = import_module("ollama")
    with ollama.Client(host=lab.root, headers={"authorization": f"Bearer {KEY}"}) as client:
        options = {"temperature": 0.7, "num_predict": 40}
        whole = client.chat("bot-1", messages=ASKED, options=options)
        assert (whole.message.content, whole.done_reason, whole.eval_count) == (SAID, "stop", PIECES)
        lines = list(client.chat("bot-1", messages=ASKED, stream=True, options=options))
        assert "".join(line.message.content for line in lines) == SAID
        assert [line.done for line in lines] == [False] * PIECES + [True]
        theirs = their_body(lab)
        with pytest.raises(ollama.ResponseError, match="bot-2 does not exist"):
            client.chat("bot-2", messages=ASKED)
    assert {**our_body(lab, "ollama_stream"), "tools": []} == theirs
    assert {**our_body(lab, "ollama_plain"), "tools": [], "stream": True} == theirs


def test_googles_client_understands_the_lab(lab: Served) -> None:
    genai, errors = import_module("google.genai"), import_module("google.genai.errors")
    client = genai.Client(api_key=KEY, http_options={"base_url": lab.root, "api_version": "v1beta"})
    config = {"temperature": 0.7, "max_output_tokens": 40}
    try:
        whole = client.models.generate_content(model="bot-1", contents=QUESTION, config=config)
        assert (whole.text, whole.model_version) == (SAID, "bot-1")
        assert whole.candidates[0].finish_reason == "STOP"
        assert whole.usage_metadata.candidates_token_count == PIECES
        parts = list(client.models.generate_content_stream(model="bot-1", contents=QUESTION, config=config))
        assert "".join(part.text or "" for part in parts) == SAID
        assert parts[-1].candidates[0].finish_reason == "STOP"
        theirs, path = their_body(lab), lab.requests[-1]["path"]
        with pytest.raises(errors.ClientError, match="bot-2 does not exist"):
            client.models.generate_content(model="bot-2", contents=QUESTION)
    finally:
        client.close()
    assert our_body(lab, "gemini_stream") == our_body(lab, "gemini_plain") == theirs
    our_body(lab, "gemini_stream")
    assert lab.requests[-1]["path"] == path


def test_openais_client_understands_the_lab(lab: Served) -> None:
    openai = import_module("openai")
    with openai.OpenAI(base_url=lab.url, api_key=KEY, max_retries=0) as client:
        whole = client.responses.create(model="bot-1", input=ASKED)
        assert (whole.output_text, whole.status, whole.usage.output_tokens) == (SAID, "completed", PIECES)
        with client.responses.stream(model="bot-1", input=ASKED, store=False, max_output_tokens=40) as stream:
            deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
            assert (len(deltas), "".join(deltas)) == (PIECES, SAID)
            assert stream.get_final_response().output_text == SAID
        theirs = their_body(lab)
        chat = client.chat.completions.create(model="bot-1", messages=ASKED)
        assert chat.choices[0].message.content == SAID
        pieces = [
            p.choices[0].delta.content
            for p in client.chat.completions.create(model="bot-1", messages=ASKED, stream=True)
        ]
        assert "".join(p or "" for p in pieces) == SAID
        with pytest.raises(openai.NotFoundError, match="bot-2 does not exist"):
            client.responses.create(model="bot-2", input=ASKED)
    ours = our_body(lab, "responses_stream")
    assert {k: v for k, v in ours.items() if k != "temperature"} == theirs
    our_body(lab, "responses_plain")


def test_openais_client_sends_what_we_send(lab: Served) -> None:
    openai = import_module("openai")
    ours = our_body(lab, "openai_stream")
    our_headers = lab.requests[-1]["headers"]
    with openai.OpenAI(base_url=lab.url, api_key=KEY, max_retries=0) as client:
        list(client.chat.completions.create(**ours))
    their_headers = lab.requests[-1]["headers"]
    assert isinstance(our_headers, dict)
    assert isinstance(their_headers, dict)
    assert their_body(lab) == ours
    for name in ("accept", "authorization", "content-type", "content-length"):
        assert their_headers[name] == our_headers[name]
