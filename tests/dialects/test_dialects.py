"""Dialects: the same text however the bytes are cut, and a named failure, never an exception, for all else."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint, an_exchange, failed, read_as
from tests.lab.hostile import bodies_of, json_values
from wrapdetect.dialects import DIALECTS, Piece, Reply, encode
from wrapdetect.dialects.body.unpacked import DECODED_LIMIT
from wrapdetect.model import Ask, AskKey, Chunk, Dialect, Endpoint, Exchange

FIXED = settings(derandomize=True, deadline=None, max_examples=200)
KEY = AskKey("style", "tides", 0)
BOTH: tuple[Dialect, ...] = ("openai_stream", "openai_plain")
PIECES = ["Ébb", " and", " 潮\u2028汐", ' 😀 "q"\n', " end."]
NEWLINES = ["\n", "\r\n", "\r"]


def an_event(text: str | None = None, finish: object = None, **more: object) -> str:
    delta = {} if text is None else {"content": text}
    event = {"id": "x1", "model": "m-1", "choices": [{"delta": delta, "finish_reason": finish}], **more}
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


def a_stream(*texts: str, done: bool = True) -> str:
    return "".join(an_event(t) for t in texts) + ("data: [DONE]\n\n" if done else "")


def a_body(content: object = "Tides.", **more: object) -> bytes:
    body = {"model": "m-1", "choices": [{"message": {"content": content}, "finish_reason": "stop"}], **more}
    return json.dumps(body, ensure_ascii=False).encode()


def received(*parts: bytes, kind: str = "text/event-stream", encoding: str | None = None) -> Exchange:
    """An exchange whose chunk number n came after n seconds."""
    headers = (("Content-Type", kind), *((("Content-Encoding", encoding),) if encoding is not None else ()))
    chunks = tuple(Chunk(t_s=float(n), data=data) for n, data in enumerate(parts))
    return an_exchange("target", KEY, headers=headers, chunks=chunks)


def streamed(*parts: bytes | str) -> Reply:
    return read_as(received(*(p.encode() if isinstance(p, str) else p for p in parts)), "openai_stream")


def plain(data: bytes, encoding: str | None = None) -> Reply:
    return read_as(received(data, kind="application/json", encoding=encoding), "openai_plain")


def kind_of(reply: Reply) -> str | None:
    return None if reply.failure is None else reply.failure.kind.value


@pytest.mark.parametrize("newline", NEWLINES, ids=repr)
def test_a_stream_cut_at_any_byte_or_at_every_byte_says_the_same(newline: str) -> None:
    data = a_stream(*PIECES).replace("\n", newline).encode()
    for cut in range(len(data)):
        reply = streamed(data[:cut], data[cut:])
        assert (reply.text, reply.failure) == ("".join(PIECES), None), cut
    reply = streamed(*(bytes([b]) for b in data))
    assert (reply.text, reply.failure, len(reply.pieces)) == ("".join(PIECES), None, len(PIECES))


@pytest.mark.parametrize("newline", NEWLINES, ids=repr)
@FIXED
@given(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=5), st.data())
def test_a_piece_has_the_time_of_the_chunk_that_completed_it(
    newline: str, texts: list[str], data: st.DataObject
) -> None:
    whole = a_stream(*texts).replace("\n", newline).encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    blank = (newline * 2).encode()
    reply, at = streamed(*parts), 0
    for piece, text in zip(reply.pieces, texts, strict=True):
        at = whole.index(blank, at) + len(blank)
        # Of CR LF, either byte may count as the end of the line.
        ends = {at - 1, at - 2} if newline == "\r\n" else {at - 1}
        assert piece.text == text
        assert piece.t_s in {float(sum(c <= end for c in cuts)) for end in ends}


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff" + a_stream("Hi.", " You."),
        ": ping\n\n" + an_event("Hi.") + ":\n\n" + a_stream(" You."),
        "event: message\nid: 7\nretry: 10\nfoo: bar\nnothing\n" + a_stream("Hi.", " You."),
        a_stream("Hi.", " You.").replace("data: ", "data:"),
        a_stream("Hi.", " You.").replace('"choices"', '\ndata: "choices"'),
        "\n\n\n" + a_stream("Hi.", " You."),
        an_event("Hi.") + an_event(" You.", "stop"),
        an_event("Hi.") + an_event(" You.") + an_event(None, "length"),
        an_event("Hi.") + an_event("") + an_event(None) + 'data: {"choices":[],"usage":{}}\n\n' + a_stream(" You."),
        a_stream("Hi.", " You.") + an_event(" never read"),
    ],
    ids=["bom", "comments", "unknown", "no_space", "lines", "blank", "finish", "finish_alone", "empty_delta", "after"],
)
def test_a_stream_is_read_as_the_standard_says(body: str) -> None:
    assert (streamed(body).text, streamed(body).failure) == ("Hi. You.", None)


def test_what_slips_through_the_protocol_is_kept() -> None:
    reply = streamed(an_event("Hi.", "stop", system_fingerprint="fp_1", provider="P"))
    assert (reply.model, reply.finish) == ("m-1", "stop")
    assert dict(reply.fields) == {"id": "x1", "system_fingerprint": "fp_1", "provider": "P"}


def test_a_plain_answer_is_one_piece_at_the_end_of_the_body() -> None:
    data = a_body("Tides.")
    reply = read_as(received(data[:5], data[5:], kind="application/json"), "openai_plain")
    assert reply == Reply(text="Tides.", pieces=(Piece(1.0, "Tides."),), model="m-1", finish="stop")


def test_a_plain_answer_to_a_stream_request_is_an_answer() -> None:
    exchange = received(a_body("Tides."), kind="application/json; charset=utf-8")
    assert read_as(exchange, "openai_stream").text == "Tides."


@pytest.mark.parametrize("dialect", BOTH)
def test_a_failure_on_the_way_stays_what_it_was(dialect: Dialect) -> None:
    exchange = an_exchange("target", KEY, "Half an ans", failure=failed("timeout"))
    assert read_as(exchange, dialect) == Reply(text="", failure=failed("timeout"))


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (a_stream("Hi.", done=False) + 'data: {"error":{"message":"overloaded"}}\n\n', "server", "overloaded"),
        (a_stream("Hi.", done=False), "cut_off", "after 1 pieces"),
        (a_stream("Hi.")[:-4], "cut_off", "without"),
        (an_event("Hi.") + 'data: {"choices":[{"del', "cut_off", "without"),
        ("", "garbled", "an empty body"),
        (" \n\n", "garbled", "an empty body"),
        (": ping\n\n", "garbled", "no server-sent event"),
        ("hello\n\n", "garbled", "no server-sent event"),
        (a_stream(), "garbled", "an empty answer"),
        (a_stream("  \n"), "garbled", "an empty answer"),
        ("data: hello\n\n", "garbled", "not JSON: hello"),
        ("data: [1]\n\n", "garbled", "list where a JSON object is due"),
        ("data: 7\n\n", "garbled", "int where a JSON object is due"),
        ("data: null\n\n", "garbled", "NoneType where a JSON object is due"),
        ('data: {"choices":"x"}\n\ndata: [DONE]\n\n', "garbled", "an empty answer"),
        ('data: {"choices":[{"delta":{"content":{"a":1}}}]}\n\ndata: [DONE]\n\n', "garbled", "content is an object"),
        ("<!DOCTYPE html><p>Hi", "garbled", "HTML"),
        (b"data: \xff\n\n", "garbled", "invalid UTF-8: byte 0xff at offset 6"),
    ],
)  # fmt: skip
def test_a_bad_stream_is_a_named_failure(body: str | bytes, kind: str, said: str) -> None:
    reply = streamed(body)
    assert reply.text.strip() == ""
    assert reply.failure is not None
    assert reply.failure.kind.value == kind
    assert said in reply.failure.detail


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "garbled", "an empty body"),
        (b" \n", "garbled", "an empty body"),
        (b"hello", "garbled", "not JSON: hello"),
        (b"[1]", "garbled", "list where a JSON object is due"),
        (b'{"error":{"message":"overloaded"}}', "server", "overloaded"),
        (b'{"error":"overloaded"}', "server", "overloaded"),
        (b"{}", "garbled", "no choices[0].message"),
        (b'{"choices":[]}', "garbled", "no choices[0].message"),
        (b'{"choices":{"0":{}}}', "garbled", "no choices[0].message"),
        (b'{"choices":[{"message":"Hi."}]}', "garbled", "no choices[0].message"),
        (a_body(None), "garbled", "an empty answer"),
        (a_body(True), "garbled", "content is true or false"),
        (a_body(""), "garbled", "an empty answer"),
        (a_body()[:-3], "garbled", "not JSON"),
        (b'{"choices": "\xc3"}', "garbled", "invalid UTF-8: byte 0xc3 at offset 13"),
        (b'{"a":1}\xe6\xbd', "garbled", "invalid UTF-8"),
        (a_body("潮".encode("gb18030").decode("latin-1")).decode().encode("latin-1"), "garbled", "invalid UTF-8"),
    ],
)
def test_a_bad_plain_body_is_a_named_failure(body: bytes, kind: str, said: str) -> None:
    failure = plain(body).failure
    assert failure is not None
    assert failure.kind.value == kind
    assert said in failure.detail


@pytest.mark.parametrize("dialect", BOTH)
def test_an_html_page_is_named_with_the_next_step(dialect: Dialect) -> None:
    failure = read_as(received(b"<p>Hi", kind="text/html; charset=utf-8"), dialect).failure
    assert failure is not None
    assert (failure.kind.value, "/v1" in failure.detail) == ("garbled", True)


def test_the_detail_of_a_failure_is_one_short_line() -> None:
    failure = plain(b"a\nb " * 10_000).failure
    assert failure is not None
    assert "\n" not in failure.detail
    assert len(failure.detail) < 250


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ude00\\ud83d"])
def test_half_a_surrogate_pair_is_marked_and_the_text_stays_writable(half: str) -> None:
    reply = streamed(an_event("a HALF b", "stop").replace("HALF", half))
    assert reply.text == "a " + "\ufffd" * half.count("u") + " b"
    assert plain(a_body("HALF").replace(b"HALF", half.encode())).text.strip("\ufffd") == ""


def test_a_letter_whose_halves_come_in_two_pieces_is_whole_in_the_text() -> None:
    first, second = an_event("ONE").replace("ONE", "\\ud83d"), an_event("TWO", "stop").replace("TWO", "\\ude00")
    assert streamed(first + second).text == "😀"


@pytest.mark.parametrize("finish", [5, {"a": 1}, ["stop"], True])
def test_a_finish_reason_that_is_no_text_is_no_finish_reason(finish: object) -> None:
    assert (
        plain(json.dumps({"choices": [{"message": {"content": "Hi."}, "finish_reason": finish}]}).encode()).finish
        is None
    )
    assert streamed(an_event("Hi.", finish) + "data: [DONE]\n\n").finish is None


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("frame", ["%s", '{"error":%s}', '{"id":%s}', '{"choices":%s}'])
def test_deep_nesting_is_a_failure_and_not_the_end_of_the_program(dialect: Dialect, frame: str) -> None:
    for depth in (*range(800, 1000, 10), 100_000):  # about where the interpreter gives up, and far beyond
        body = frame % ("[" * depth + "]" * depth)
        exchange = received(f"data: {body}\n\n".encode() if dialect == "openai_stream" else body.encode())
        assert kind_of(read_as(exchange, dialect)) in ("garbled", "server", "cut_off"), depth


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
        ("", bytes),
    ],
)
@pytest.mark.parametrize("dialect", BOTH)
def test_a_packed_body_is_unpacked(dialect: Dialect, encoding: str, pack: Any) -> None:
    body = a_stream("Hi.", " You.").encode() if dialect == "openai_stream" else a_body("Hi. You.")
    packed = pack(body)
    exchange = received(packed[:7], packed[7:], kind="text/event-stream", encoding=encoding)
    assert read_as(exchange, dialect).text == "Hi. You."


def test_unpacking_keeps_the_time_of_each_piece() -> None:
    engine = zlib.compressobj(wbits=31)
    parts = [engine.compress(an_event(t).encode()) + engine.flush(zlib.Z_SYNC_FLUSH) for t in ("a", "b")]
    last = engine.compress(b"data: [DONE]\n\n") + engine.flush()
    reply = read_as(received(*parts, last, encoding="gzip"), "openai_stream")
    assert reply.pieces == (Piece(0.0, "a"), Piece(1.0, "b"))


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("data", "encoding", "kind", "said"),
    [
        (gzip.compress(bytes(DECODED_LIMIT + 1), 1), "gzip", "cut_off", "grows past 4,000,000 bytes"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "gzip", "garbled", "damaged gzip body"),
        (b"not packed", "gzip", "garbled", "damaged gzip body"),
        (a_body(), "br", "garbled", "content-encoding br"),
        (a_body(), "gzip, gzip", "garbled", "content-encoding gzip, gzip"),
    ],
    ids=["bomb", "damaged", "not_packed", "br", "twice"],
)
def test_a_body_that_cannot_be_unpacked_is_a_named_failure(
    dialect: Dialect, data: bytes, encoding: str, kind: str, said: str
) -> None:
    failure = read_as(received(data, encoding=encoding), dialect).failure
    assert failure is not None
    assert failure.kind.value == kind
    assert said in failure.detail


@pytest.mark.parametrize("keep", [0, 1, 11, 30, -1, -9])
def test_a_gzip_body_that_ends_early_never_raises(keep: int) -> None:
    packed = gzip.compress(a_body("word " * 40))
    reply = plain(packed[:keep], encoding="gzip")
    # Only the checksum is missing in the last two cases: the text is whole.
    assert reply.text == ("word " * 40 if keep < 0 else "")
    assert kind_of(reply) == (None if keep < 0 else "garbled")


values = json_values(["choices", "delta", "message", "content", "error", "model", "id", "finish_reason"])
bodies = (
    bodies_of(values)
    | st.binary(max_size=30).map(gzip.compress)
    | st.binary(max_size=30).map(lambda b: b"\x1f\x8b" + b)
)
header_values = st.sampled_from(
    ["application/json", "text/event-stream", "text/html", "gzip", "deflate", "br"]
) | st.text(max_size=10)
headers = st.lists(
    st.tuples(st.sampled_from(["content-type", "Content-Encoding", "x"]) | st.text(max_size=5), header_values),
    max_size=4,
)


@pytest.mark.parametrize("dialect", BOTH)
@settings(FIXED, max_examples=500)
@given(st.lists(bodies, max_size=3), st.none() | st.integers(0, 999), headers)
def test_whatever_comes_back_is_an_answer_or_a_named_failure(
    dialect: Dialect, parts: list[bytes], status: int | None, said: list[tuple[str, str]]
) -> None:
    chunks = tuple(Chunk(t_s=float(n), data=p) for n, p in enumerate(parts))
    reply = read_as(an_exchange("target", KEY, status=status, headers=tuple(said), chunks=chunks), dialect)
    assert (reply.failure is None) == bool(reply.text.strip())
    assert reply.text.encode().decode() == "".join(p.text for p in reply.pieces)


def an_ask(*turns: str, system: str = "") -> Ask:
    return Ask(key=KEY, turns=turns, system=system, temperature=0.3, max_tokens=50)


def body_of(ask: Ask, answers: list[str], endpoint: Endpoint, dialect: Dialect = "openai_plain") -> dict[str, object]:
    return DIALECTS["openai"].encode(ask, answers, endpoint, stream=dialect == "openai_stream").body


def test_a_request_holds_the_earlier_turns_with_their_answers() -> None:
    body = body_of(an_ask("A?", "B?", "C?", system="Be nice."), ["a", "b"], an_endpoint("target"))
    assert body["messages"] == [
        {"role": "system", "content": "Be nice."},
        {"role": "user", "content": "A?"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "B?"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "C?"},
    ]


def test_a_first_request_holds_the_first_turn_and_no_empty_system_prompt() -> None:
    body = body_of(an_ask("A?", "B?"), [], an_endpoint("target", model="m-9"))
    assert body == {
        "model": "m-9",
        "messages": [{"role": "user", "content": "A?"}],
        "temperature": 0.3,
        "max_tokens": 50,
    }


@pytest.mark.parametrize(
    ("limit", "sent"),
    [("max_tokens", {"max_tokens": 50}), ("max_completion_tokens", {"max_completion_tokens": 50}), ("omit", {})],
)
def test_the_limit_on_tokens_goes_by_the_name_the_endpoint_knows(limit: str, sent: dict[str, int]) -> None:
    body = body_of(an_ask("A?"), [], an_endpoint("target", token_limit=limit))
    assert {k: v for k, v in body.items() if "tokens" in k} == sent


def test_the_temperature_is_left_out_for_an_endpoint_that_refuses_it() -> None:
    assert "temperature" not in body_of(an_ask("A?"), [], an_endpoint("target", send_temperature=False))


@pytest.mark.parametrize("dialect", BOTH)
def test_only_the_streaming_dialect_asks_for_a_stream(dialect: Dialect) -> None:
    call = encode(an_ask("A?"), [], an_endpoint("target", dialect=dialect))
    assert (call.stream, call.body.get("stream", False)) == (
        (True, True) if dialect == "openai_stream" else (False, False)
    )
