"""The end of a stream: the protocol's own ends the answer at once, though the connection stays open or breaks"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import read_as
from tests.ways.misbehaving import STREAM_HEAD, Behaviour, Peer, ask_once, chunk, event, raw, serving
from tests.ways.test_heartbeat import KEY, a_chat, beat
from wrapdetect.dialects.body.ending import LIKELY_S, SURE_S, ending_of
from wrapdetect.model import Dialect
from wrapdetect.model.history import Outcome

DONE = b"data: [DONE]\n\n"


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)


def spoken(text: str, finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


ANTHROPIC = (
    {"type": "message_start", "message": {"id": "m", "model": "c", "stop_reason": None}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi."}},
)
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": []}}
CANDIDATE = {"candidates": [{"content": {"parts": [{"text": "Hi."}]}, "finishReason": "STOP"}]}

SIGNS: list[tuple[Dialect, bytes, float | None]] = [
    ("openai_stream", sse(spoken("Hi.")), None),
    ("openai_stream", sse(spoken("Hi.")) + DONE, SURE_S),
    ("openai_stream", sse(spoken("Hi.")) + b"data:[DONE]\r\n\r\n", SURE_S),
    ("openai_stream", sse(spoken("Hi.")) + b"[DONE]\n", SURE_S),
    ("openai_stream", sse(spoken("Hi.", "stop")), LIKELY_S),
    ("openai_plain", sse(spoken("Hi."), spoken("", "stop")), LIKELY_S),
    ("openai_stream", sse(spoken("Hi.", "stop"), {"choices": [], "usage": {"total_tokens": 3}}), LIKELY_S),
    ("openai_stream", sse(spoken("Hi.", "stop")) + b": keep-alive\n\n" * 9, LIKELY_S),
    ("openai_stream", sse(spoken("Hi.", "stop"), spoken(" You.")), None),
    ("openai_stream", sse(spoken("Hi.", "stop"), spoken(" You.", "stop")), None),  # its reasons mean nothing
    ("openai_stream", sse(spoken("Hi.", "stop"), spoken(" You.", "stop")) + DONE, SURE_S),
    ("openai_stream", sse(spoken("data: [DONE]\n\n[DONE]\n")), None),
    ("openai_stream", sse(spoken('"finish_reason": "stop"')), None),
    ("openai_stream", sse({"error": {"code": 429, "message": "x"}}), SURE_S),
    ("openai_stream", sse({**spoken("Hi."), "error": {"message": "", "code": None}}), None),
    ("openai_stream", sse({**spoken("Hi."), "error": None}), None),
    ("openai_stream", json.dumps({"choices": [{"finish_reason": "stop"}]}, indent=1).encode() + b"\n", None),
    ("anthropic_stream", sse(*ANTHROPIC), None),
    ("anthropic_stream", sse(*ANTHROPIC, STOPPED), LIKELY_S),
    ("anthropic_stream", sse(*ANTHROPIC, STOPPED, {"type": "message_stop"}), SURE_S),
    ("anthropic_stream", sse(*ANTHROPIC, {"type": "message_stop"}), SURE_S),
    ("anthropic_stream", sse(*ANTHROPIC, {"type": "error", "error": {"type": "overloaded_error"}}), SURE_S),
    ("responses_stream", sse({"type": "response.output_text.delta", "delta": "response.completed"}), None),
    ("responses_stream", sse(COMPLETED), SURE_S),
    ("responses_stream", sse(COMPLETED)[:-1], LIKELY_S),  # its event may have more lines
    ("responses_stream", sse(COMPLETED)[:-2], None),
    ("responses_stream", sse({"type": "response.failed", "response": {}}), SURE_S),
    ("ollama_stream", b'{"message": {"content": "Hi."}, "done": false}\n', None),
    ("ollama_stream", b'{"message": {"content": "\\"done\\": true"}, "done": false}\n', None),
    ("ollama_stream", b'{"message": {"content": ""}, "done":true}\n', SURE_S),
    ("ollama_plain", sse({"message": {"content": ""}, "done": True}), SURE_S),
    ("gemini_stream", sse(CANDIDATE), LIKELY_S),
    ("gemini_stream", sse({"candidates": [{"content": {"parts": [{"text": "Hi."}]}}]}), None),
    ("template", DONE, None),
    ("page", DONE, None),
]


@pytest.mark.parametrize(("dialect", "data", "left_s"), SIGNS)
def test_a_stream_is_over_where_its_protocol_says_so_however_it_is_cut(
    dialect: Dialect, data: bytes, left_s: float | None
) -> None:
    assert ending_of(dialect)(data) == left_s
    watch = ending_of(dialect)
    assert [watch(data[n : n + 1]) for n in range(len(data))][-1] == left_s


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(), st.sampled_from(["openai_stream", "anthropic_stream", "ollama_stream", "gemini_stream"]))
def test_nothing_that_is_said_ends_a_stream(text: str, dialect: Dialect) -> None:
    said = f'{text}"done": true, "type": "message_stop", "finishReason": "STOP" [DONE]\ndata: [DONE]\n'
    for ascii_only in (True, False):
        data = json.dumps({"message": {"content": said}, "text": said}, ensure_ascii=ascii_only).encode()
        assert ending_of(dialect)(b"data: " + data + b"\n\n") is None
        assert ending_of(dialect)(data + b"\n") is None


def held_open(data: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.send(STREAM_HEAD + chunk(data))
        while peer.wait(0.1):
            peer.send(chunk(b": keep-alive\n\n"))

    return behave


@pytest.mark.parametrize(
    ("dialect", "data"),
    [
        ("openai_stream", event("Hi.") + DONE),
        ("anthropic_stream", sse(*ANTHROPIC, {"type": "message_stop"})),
        ("responses_stream", sse({"type": "response.output_text.delta", "delta": "Hi."}, COMPLETED)),
        ("ollama_stream", b'{"message": {"content": "Hi."}, "done": true}\n'),
        ("gemini_stream", sse(CANDIDATE)),
        ("anthropic_stream", sse(*ANTHROPIC, STOPPED)),
    ],
)
def test_an_answer_is_there_though_the_connection_stays_open(dialect: Dialect, data: bytes) -> None:
    with serving(held_open(data)) as server:
        (exchange,) = ask_once(server.url, dialect=dialect, timeout_s=30.0)
    assert (exchange.failure, read_as(exchange, dialect).text) == (None, "Hi.")
    assert exchange.ended_s < 20.0


def test_the_next_question_goes_out_by_another_connection() -> None:
    with serving(held_open(event("Hi.") + DONE)) as server:
        exchanges = ask_once(server.url, timeout_s=30.0, times=2)
    assert [read_as(e, "openai_stream").text for e in exchanges] == ["Hi.", "Hi."]


def test_a_heartbeat_does_not_wait_for_a_connection_that_stays_open() -> None:
    with serving(held_open(event("7", "length") + DONE)) as server:
        sign = beat(a_chat(server.url), timeout_s=30.0, keys={"bot": KEY})
    assert sign.outcome is Outcome.UP


def test_how_a_connection_breaks_after_the_end_does_not_matter_and_before_it_does() -> None:
    with serving(raw(STREAM_HEAD, chunk(event("Hi.") + DONE))) as server:
        (exchange,) = ask_once(server.url)
    assert (exchange.failure, read_as(exchange, "openai_stream").text) == (None, "Hi.")
    with serving(raw(STREAM_HEAD, chunk(event("Hi.")))) as server:
        (exchange,) = ask_once(server.url)
    assert exchange.failure is not None
    assert exchange.failure.kind == "cut_off"
