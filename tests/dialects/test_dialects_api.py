"""Responses, Anthropic, Ollama and Gemini: what is asked, the same text however it is cut, and every failure named."""

import gzip
import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint, an_exchange, failed, read_as
from tests.lab.hostile import bodies_of, json_values, lines_of
from wrapdetect.dialects import DIALECTS, Call, Piece, Reply, encode
from wrapdetect.dialects.base import EMPTY
from wrapdetect.model import Ask, AskKey, Chunk, Dialect, Exchange

FIXED = settings(derandomize=True, deadline=None, max_examples=30)
KEY = AskKey("style", "tides", 0)
PIECES = ("Ébb", " and", " 潮\u2028汐", ' 😀 "q"\n', " end.")
TEXT = "".join(PIECES)
STREAMS: tuple[Dialect, ...] = ("responses_stream", "anthropic_stream", "ollama_stream", "gemini_stream")
PLAINS: tuple[Dialect, ...] = ("responses_plain", "anthropic_plain", "ollama_plain", "gemini_plain")
NEWLINES = ["\n", "\r\n", "\r"]


def sse(*bodies: object, named: bool = False) -> str:
    return "".join(
        (f"event: {body['type']}\n" if named and isinstance(body, dict) else "") + f"data: {dumps(body)}\n\n"
        for body in bodies
    )


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def a_response(text: str | None = None, **more: object) -> dict[str, object]:
    said: dict[str, object] = {"type": "output_text", "text": text, "annotations": []}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    output = [thought, {"type": "message", "role": "assistant", "content": [said]}] if text is not None else []
    status = "in_progress" if text is None else "completed"
    return {"id": "resp_1", "model": "m-1", "status": status, "output": output, "error": None, **more}


def responses(*texts: str, end: bool = True, **last: object) -> str:
    deltas = [{"type": "response.output_text.delta", "output_index": 1, "delta": t} for t in texts]
    whole = {"usage": {"input_tokens": 7, "output_tokens": 5}, "service_tier": "default", **last}
    return sse(
        {"type": "response.created", "response": a_response()},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        *deltas,
        *([{"type": "response.completed", "response": a_response("".join(texts), **whole)}] if end else []),
        named=True,
    )


def a_message(*blocks: object, **more: object) -> dict[str, object]:
    return {"id": "msg_1", "type": "message", "model": "m-1", "content": list(blocks), **more}


def a_block(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def anthropic(*texts: str, end: bool = True, stop: str = "end_turn") -> str:
    start = a_message(stop_reason=None, usage={"input_tokens": 7, "output_tokens": 1, "service_tier": "standard"})
    return sse(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "Hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": a_block("")},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": t}} for t in texts),
        *(
            [
                {"type": "content_block_stop", "index": 1},
                {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 5}},
                {"type": "message_stop"},
            ]
            if end
            else []
        ),
        named=True,
    )


def a_line(text: str, **more: object) -> dict[str, object]:
    return {"model": "m-1", "message": {"role": "assistant", "content": text, "thinking": "Hm."}, "done": False, **more}


def ollama(*texts: str, end: bool = True, **last: object) -> str:
    final = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 5, **last}
    lines = [a_line(t) for t in texts] + ([a_line("", **final)] if end else [])
    return "".join(f"{dumps(line)}\n" for line in lines)


def a_candidate(text: str | None, finish: str | None = None, **more: object) -> dict[str, object]:
    parts = [
        {"text": "Hm.", "thought": True},
        *([{"text": text}] if text is not None else []),
        {"thoughtSignature": "s"},
    ]
    candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    used = {"promptTokenCount": 7, "candidatesTokenCount": 5}
    return {"candidates": [candidate], "usageMetadata": used, "modelVersion": "m-1", "responseId": "r1", **more}


def gemini(*texts: str, end: bool = True, finish: str = "STOP") -> str:
    return sse(*(a_candidate(t) for t in texts), *([a_candidate("", finish)] if end else []))


WRITERS: Mapping[Dialect, Callable[..., str]] = {
    "responses_stream": responses,
    "anthropic_stream": anthropic,
    "ollama_stream": ollama,
    "gemini_stream": gemini,
}
BODIES: Mapping[Dialect, dict[str, object]] = {
    "responses_plain": a_response(TEXT, usage={"input_tokens": 7, "output_tokens": 5}),
    "anthropic_plain": a_message(
        {"type": "thinking", "thinking": "Hm."}, a_block(TEXT), stop_reason="end_turn", usage={"input_tokens": 7}
    ),
    "ollama_plain": a_line(TEXT, done=True, done_reason="stop", prompt_eval_count=7),
    "gemini_plain": a_candidate(TEXT, "STOP"),
}


def received(*parts: bytes | str, kind: str = "text/event-stream", encoding: str = "") -> Exchange:
    """An exchange whose chunk number n came after n seconds."""
    data = [p.encode() if isinstance(p, str) else p for p in parts]
    chunks = tuple(Chunk(t_s=float(n), data=d) for n, d in enumerate(data))
    return an_exchange("target", KEY, headers=(("Content-Type", kind), ("Content-Encoding", encoding)), chunks=chunks)


def streamed(dialect: Dialect, *parts: bytes | str) -> Reply:
    kind = "application/x-ndjson" if dialect == "ollama_stream" else "text/event-stream"
    return read_as(received(*parts, kind=kind), dialect)


def plain(dialect: Dialect, body: object) -> Reply:
    return read_as(received(dumps(body), kind="application/json"), dialect)


def said_of(reply: Reply) -> tuple[str, str]:
    """Kind and detail of a failure."""
    assert reply.failure is not None
    return reply.failure.kind.value, reply.failure.detail


# What is asked


def asked(dialect: Dialect, answers: tuple[str, ...] = (), **more: object) -> Call:
    ask = Ask(key=KEY, turns=("One?", "Two?"), system="Be brief.", temperature=0.7, max_tokens=40)
    fields: dict[str, object] = {"dialect": dialect, "model": "m-1", "url": "https://bot.example/v1", **more}
    endpoint = an_endpoint("bot", "target", **fields)
    return encode(ask, answers, endpoint)


USER, ASSISTANT = {"role": "user", "content": "One?"}, {"role": "assistant", "content": "Yes."}
TURNS = [USER, ASSISTANT, {"role": "user", "content": "Two?"}]


def test_responses_are_asked_for_with_instructions_and_without_being_stored() -> None:
    call = asked("responses_stream", ("Yes.",))
    assert (call.path, call.key_header, call.key_prefix) == ("/responses", "authorization", "Bearer ")
    assert call.body == {
        **{"model": "m-1", "input": TURNS, "store": False, "instructions": "Be brief.", "temperature": 0.7},
        **{"max_output_tokens": 40, "stream": True},
    }


def test_anthropic_is_asked_with_its_version_its_system_field_and_a_limit() -> None:
    call = asked("anthropic_stream", ("Yes.",), token_limit="omit")
    assert (call.path, call.key_header, call.key_prefix) == ("/messages", "x-api-key", "")
    assert call.headers == (("anthropic-version", "2023-06-01"),)
    assert call.body == {
        **{"model": "m-1", "max_tokens": 40, "messages": TURNS, "system": "Be brief.", "temperature": 0.7},
        "stream": True,
    }


def test_ollama_is_asked_with_options() -> None:
    call = asked("ollama_plain", ("Yes.",), url="http://localhost:11434")
    assert (call.path, call.key_header) == ("/api/chat", "authorization")
    assert call.body == {
        "model": "m-1",
        "messages": [{"role": "system", "content": "Be brief."}, *TURNS],
        "stream": False,
        "options": {"temperature": 0.7, "num_predict": 40},
    }


def test_gemini_is_asked_with_its_roles_and_the_model_in_the_path() -> None:
    call = asked("gemini_stream", ("Yes.",), url="https://bot.example/v1beta")
    assert (call.path, call.key_header, call.key_prefix) == (
        *("/models/m-1:streamGenerateContent?alt=sse", "x-goog-api-key", ""),
    )
    assert call.body == {
        "contents": [
            {"role": "user", "parts": [{"text": "One?"}]},
            {"role": "model", "parts": [{"text": "Yes."}]},
            {"role": "user", "parts": [{"text": "Two?"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"temperature": 0.7, "maxOutputTokens": 40},
    }


@pytest.mark.parametrize(
    ("dialect", "url", "path"),
    [
        ("anthropic_plain", "https://api.anthropic.com", "/v1/messages"),
        ("anthropic_plain", "https://bot.example/anthropic/v1", "/messages"),
        ("ollama_plain", "https://ollama.com/api", "/chat"),
        ("gemini_plain", "https://bot.example", "/v1beta/models/m-1:generateContent"),
        ("gemini_plain", "https://bot.example/v1", "/models/m-1:generateContent"),
    ],
)
def test_the_path_follows_the_address(dialect: Dialect, url: str, path: str) -> None:
    assert asked(dialect, url=url).path == path


def test_a_model_name_cannot_leave_its_place_in_a_path() -> None:
    assert asked("gemini_plain", model="m?x=1#y").path == "/models/m%3Fx%3D1%23y:generateContent"
    assert asked("gemini_plain", model="tunedModels/mine").path == "/tunedModels/mine:generateContent"


@pytest.mark.parametrize("dialect", [*STREAMS, *PLAINS])
def test_what_an_endpoint_refuses_is_not_sent(dialect: Dialect) -> None:
    body = json.dumps(asked(dialect, send_temperature=False, token_limit="omit").body)
    assert "temperature" not in body
    assert dialect.startswith("anthropic") or "oken" not in body.replace("tokens?", "")
    assert "num_predict" not in body


def test_limits_of_an_api_are_kept_within() -> None:
    hot = Ask(key=KEY, turns=("Hi.",), system="", temperature=1.5, max_tokens=1)
    endpoint = an_endpoint("bot", "target")
    assert DIALECTS["anthropic"].encode(hot, (), endpoint, stream=False).body["temperature"] == 1.0
    assert DIALECTS["responses"].encode(hot, (), endpoint, stream=False).body["max_output_tokens"] == 16


# What comes back


@pytest.mark.parametrize(
    ("dialect", "newline"),
    [(d, n) for d in STREAMS for n in NEWLINES if (d, n) != ("ollama_stream", "\r")],  # a JSON line ends with LF
)
def test_a_stream_cut_at_any_byte_or_at_every_byte_says_the_same(dialect: Dialect, newline: str) -> None:
    data = WRITERS[dialect](*PIECES).replace("\n", newline).encode()
    for cut in range(0, len(data), 7):
        reply = streamed(dialect, data[:cut], data[cut:])
        assert (reply.text, reply.failure) == (TEXT, None), cut
    reply = streamed(dialect, *(bytes([b]) for b in data))
    assert (reply.text, reply.failure, len(reply.pieces)) == (TEXT, None, len(PIECES))


@pytest.mark.parametrize("dialect", STREAMS)
@FIXED
@given(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=5), st.data())
def test_any_text_comes_through_any_cut(dialect: Dialect, texts: list[str], data: st.DataObject) -> None:
    whole = WRITERS[dialect](*texts).encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
    reply = streamed(dialect, *(whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)))
    assert reply.text == "".join(texts)
    assert [p.text for p in reply.pieces] == texts
    assert [p.t_s for p in reply.pieces] == sorted(p.t_s for p in reply.pieces)


@pytest.mark.parametrize("dialect", STREAMS)
def test_what_slips_through_a_stream_is_kept(dialect: Dialect) -> None:
    reply = streamed(dialect, WRITERS[dialect](*PIECES))
    told = dict(reply.fields)
    assert reply.model == "m-1"
    assert (told["input_tokens"], told["output_tokens"]) == ("7", "5")
    assert reply.finish in ("completed", "end_turn", "stop", "STOP")
    assert told.get("id") == {"r": "resp_1", "a": "msg_1", "o": None, "g": "r1"}[dialect[0]]


@pytest.mark.parametrize("dialect", PLAINS)
def test_a_plain_answer_is_one_piece_at_the_end_of_the_body(dialect: Dialect) -> None:
    data = dumps(BODIES[dialect]).encode()
    reply = read_as(received(data[:9], data[9:], kind="application/json"), dialect)
    assert (reply.text, reply.pieces, reply.model, reply.failure) == (TEXT, (Piece(1.0, TEXT),), "m-1", None)
    assert dict(reply.fields)["input_tokens"] == "7"


@pytest.mark.parametrize(("stream", "whole"), list(zip(STREAMS, PLAINS, strict=True)))
def test_a_plain_answer_to_a_stream_request_is_an_answer(stream: Dialect, whole: Dialect) -> None:
    text = json.dumps(BODIES[whole], indent=1)
    assert read_as(received(text, kind="application/json"), stream).text == TEXT


def test_json_lines_labelled_as_one_object_are_read_as_lines() -> None:
    exchange = received(ollama(*PIECES), kind="application/json; charset=utf-8")
    assert read_as(exchange, "ollama_stream").text == TEXT
    assert read_as(exchange, "ollama_plain").text == TEXT


def test_an_ollama_that_hands_questions_on_names_where() -> None:
    reply = streamed("ollama_stream", ollama("Hi.", remote_model="big-1", remote_host="https://elsewhere.example:443"))
    assert dict(reply.fields) | {"remote_model": "big-1", "remote_host": "https://elsewhere.example:443"} == dict(
        reply.fields
    )


def test_a_responses_stream_that_tells_all_at_its_end_is_an_answer() -> None:
    end = {"type": "response.completed", "response": a_response("Hi.")}
    assert streamed("responses_stream", sse(end)).pieces == (Piece(0.0, "Hi."),)


def test_a_refusal_in_words_is_what_is_said() -> None:
    said = {"type": "response.refusal.delta", "delta": "I cannot."}
    end = {"type": "response.completed", "response": a_response("")}
    assert streamed("responses_stream", sse(said, end)).text == "I cannot."
    item = {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}
    assert plain("responses_plain", a_response(None, status="completed", output=[item])).text == "I cannot."


@pytest.mark.parametrize(
    ("body", "finish"),
    [
        (
            responses("Hi.", status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "max_output_tokens",
        ),
        (responses("Hi.").replace("response.completed", "response.incomplete"), "completed"),
    ],
)
def test_a_response_that_ended_at_our_limit_is_an_answer(body: str, finish: str) -> None:
    reply = streamed("responses_stream", body)
    assert (reply.text, reply.finish, reply.failure) == ("Hi.", finish, None)


@pytest.mark.parametrize("dialect", [*STREAMS, *PLAINS])
def test_a_failure_on_the_way_stays_what_it_was(dialect: Dialect) -> None:
    exchange = an_exchange("target", KEY, "Half an ans", failure=failed("timeout"))
    assert read_as(exchange, dialect) == Reply(text="", failure=failed("timeout"))


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_stream_that_ends_early_is_cut_off_wherever_it_ends(dialect: Dialect) -> None:
    data = WRITERS[dialect](*PIECES, end=False)
    mark = "\n" if dialect == "ollama_stream" else "\n\n"
    events = data.split(mark)[:-1]
    for kept in range(1, len(events) + 1):
        kind, detail = said_of(streamed(dialect, mark.join([*events[:kept], ""])))
        assert kind == "cut_off", kept
        assert "the stream ended after" in detail
    assert said_of(streamed(dialect, data + 'data: {"type": "mess'))[0] in ("cut_off", "garbled")


ERRORS: list[tuple[Dialect, str]] = [
    ("responses_stream", sse({"type": "error", "code": "server_error", "message": "overloaded", "param": None})),
    ("responses_stream", sse({"type": "error", "error": {"type": "server_error", "message": "overloaded"}})),
    ("responses_stream", sse({"type": "response.failed", "response": a_response(error={"message": "overloaded"})})),
    ("responses_stream", sse({"type": "response.failed", "response": a_response(status="failed", why="overloaded")})),
    ("anthropic_stream", sse({"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}})),
    ("anthropic_stream", sse({"type": "error", "why": "overloaded"})),
    ("ollama_stream", '{"error":"overloaded"}\n'),
    ("ollama_stream", '{"error":"overloaded"}'),
    ("gemini_stream", sse({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})),
]


@pytest.mark.parametrize(("dialect", "error"), ERRORS)
@pytest.mark.parametrize("before", [(), ("Hi.",)], ids=["alone", "after_a_piece"])
def test_an_error_in_a_stream_is_a_failure_and_no_answer(dialect: Dialect, error: str, before: tuple[str, ...]) -> None:
    reply = streamed(dialect, (WRITERS[dialect](*before, end=False) if before else "") + error)
    kind, detail = said_of(reply)
    assert (kind, reply.text, "overloaded" in detail) == ("server", "", True)


@pytest.mark.parametrize("dialect", PLAINS)
@pytest.mark.parametrize("error", [{"error": {"message": "overloaded"}}, {"error": "overloaded", "message": {}}])
def test_an_error_object_is_a_failure_and_no_answer(dialect: Dialect, error: object) -> None:
    kind, detail = said_of(plain(dialect, error))
    assert (kind, "overloaded" in detail) == ("server", True)


WITHHELD: list[tuple[Dialect, object, str]] = [
    ("gemini_plain", {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m"}, "blocked: SAFETY"),
    ("gemini_plain", a_candidate(None, "PROHIBITED_CONTENT"), "finishReason PROHIBITED_CONTENT"),
    ("gemini_plain", {"candidates": [{"finishReason": "SAFETY"}]}, "finishReason SAFETY"),
    ("anthropic_plain", a_message(stop_reason="refusal"), "stop_reason refusal"),
]


@pytest.mark.parametrize(("dialect", "body", "said"), WITHHELD)
def test_an_answer_that_was_withheld_is_refused_with_the_reason(dialect: Dialect, body: object, said: str) -> None:
    for reply in (
        plain(dialect, body),
        *([streamed("gemini_stream", sse(body))] if dialect == "gemini_plain" else []),
        *([streamed("anthropic_stream", anthropic(stop="refusal"))] if dialect == "anthropic_plain" else []),
    ):
        kind, detail = said_of(reply)
        assert kind == "refused"
        assert said in detail


def test_what_was_said_before_an_answer_was_stopped_stays_an_answer() -> None:
    assert streamed("gemini_stream", gemini("Hi.", finish="SAFETY")).finish == "SAFETY"
    assert streamed("anthropic_stream", anthropic("Hi.", stop="refusal")).text == "Hi."


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_whole_stream_without_text_is_an_empty_answer(dialect: Dialect) -> None:
    assert said_of(streamed(dialect, WRITERS[dialect]())) == ("garbled", EMPTY)
    assert said_of(streamed(dialect, WRITERS[dialect]("  "))) == ("garbled", EMPTY)


@pytest.mark.parametrize(
    ("dialect", "body", "said"),
    [
        ("responses_plain", {"id": "x"}, "no output in the body"),
        ("responses_plain", {"output": "Hi."}, "no output in the body"),
        ("responses_plain", {"output": [{"type": "reasoning", "content": "Hi."}]}, EMPTY),
        ("anthropic_plain", {"content": "Hi."}, "no content in the body"),
        ("anthropic_plain", {"content": [{"type": "text", "text": {"a": 1}}]}, "content's text is an object"),
        ("anthropic_plain", {"content": []}, EMPTY),
        ("ollama_plain", {"response": "Hi."}, "no message in the body"),
        ("ollama_plain", {"message": {"content": None}}, EMPTY),
        ("gemini_plain", {"candidates": []}, "no candidates in the body"),
        ("gemini_plain", {"candidates": [{"content": {"parts": {"text": "Hi."}}}]}, EMPTY),
        *((dialect, [BODIES[dialect]], "list where a JSON object is due") for dialect in PLAINS),
        *((dialect, "Hi.", "str where a JSON object is due") for dialect in PLAINS),
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_named(dialect: Dialect, body: object, said: str) -> None:
    kind, detail = said_of(plain(dialect, body))
    assert kind == "garbled"
    assert said in detail


@pytest.mark.parametrize("dialect", [*STREAMS, *PLAINS])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty body"),
        (b" \n\n", "an empty body"),
        (b"\xff\xfe\n\n", "invalid UTF-8"),
        (b"data: \xff\n\n", "invalid UTF-8"),
        (b"<!DOCTYPE html><p>Hi", "an HTML page"),
        (b"data: hello\n\n", "not JSON"),
        (b"data: 7\n\n", ""),
    ],
)
def test_other_bytes_are_named(dialect: Dialect, data: bytes, said: str) -> None:
    reply = streamed(dialect, data) if dialect in STREAMS else read_as(received(data, kind="text/plain"), dialect)
    kind, detail = said_of(reply)
    assert kind == "garbled"
    assert said in detail or (said == "invalid UTF-8" and "no server-sent event" in detail)


@pytest.mark.parametrize("dialect", [*STREAMS, *PLAINS])
def test_an_html_page_is_named_with_the_next_step(dialect: Dialect) -> None:
    assert "/v1" in said_of(read_as(received("<p>Hi", kind="text/html; charset=utf-8"), dialect))[1]


@pytest.mark.parametrize("dialect", [*STREAMS, *PLAINS])
@pytest.mark.parametrize("name", ["error", "id", "response", "message", "usage", "output", "content", "candidates"])
def test_deep_nesting_is_a_failure_and_not_the_end_of_the_program(dialect: Dialect, name: str) -> None:
    for depth in (*range(850, 1000, 50), 100_000):  # about where the interpreter gives up, and far beyond
        nested = f'{{"{name}":{"[" * depth + "]" * depth}}}'
        data = f"data: {nested}\n\n" if dialect in STREAMS and dialect != "ollama_stream" else nested
        assert said_of(streamed(dialect, data))[0] in ("garbled", "server", "cut_off"), depth


def test_half_a_surrogate_pair_is_marked_and_the_text_stays_writable() -> None:
    for dialect in STREAMS:
        reply = streamed(dialect, WRITERS[dialect]("a HALF b").replace("HALF", "\\ud83d"))
        assert reply.text == "a \ufffd b", dialect
    for dialect in PLAINS:
        data = dumps(BODIES[dialect]).replace("m-1", "m\\ud83d").replace("end.", "\\ud83d")
        reply = read_as(received(data, kind="application/json"), dialect)
        assert (reply.model, reply.text.endswith("\ufffd")) == ("m\ufffd", True), dialect


def test_a_letter_whose_halves_come_in_two_pieces_is_whole_in_the_text() -> None:
    for dialect in STREAMS:
        body = WRITERS[dialect]("ONE", "TWO").replace("ONE", "\\ud83d").replace("TWO", "\\ude00")
        assert streamed(dialect, body).text == "😀", dialect


values = json_values(
    [
        *("type", "response", "delta", "output", "content", "text", "status", "usage", "message", "done"),
        *("content_block", "stop_reason", "candidates", "parts", "finishReason", "promptFeedback"),
        *("blockReason", "usageMetadata", "modelVersion", "error", "model", "id", "thought"),
    ],
    more=st.sampled_from(
        [
            *("response.output_text.delta", "response.completed", "response.failed", "error", "message_start"),
            *("content_block_start", "content_block_delta", "message_delta", "message_stop", "text", "text_delta"),
            *("message", "output_text", "STOP", "SAFETY", "refusal", "completed"),
        ]
    ),
    max_leaves=10,
)
bodies = bodies_of(values) | lines_of(values) | st.binary(max_size=30).map(gzip.compress)
kinds = st.sampled_from(["application/json", "text/event-stream", "application/x-ndjson", "text/html", ""])


def check_read(dialect: Dialect, parts: list[bytes], kind: str, encoding: str) -> None:
    reply = read_as(received(*parts, kind=kind, encoding=encoding), dialect)
    assert (reply.failure is None) == bool(reply.text.strip())
    assert reply.text.encode().decode() == "".join(p.text for p in reply.pieces)
    assert repr(reply).encode()
    if reply.failure is not None:
        assert reply.failure.detail.strip()
        assert "\n" not in reply.failure.detail


WHATEVER = given(
    st.sampled_from([*STREAMS, *PLAINS]), st.lists(bodies, max_size=3), kinds, st.sampled_from(["", "gzip", "br"])
)


@settings(FIXED, max_examples=200)
@WHATEVER
def test_whatever_comes_back_is_an_answer_or_a_named_failure(
    dialect: Dialect, parts: list[bytes], kind: str, encoding: str
) -> None:
    check_read(dialect, parts, kind, encoding)


@pytest.mark.slow
@settings(FIXED, max_examples=5000)
@WHATEVER
def test_whatever_comes_back_is_an_answer_or_a_named_failure_at_length(
    dialect: Dialect, parts: list[bytes], kind: str, encoding: str
) -> None:
    check_read(dialect, parts, kind, encoding)
