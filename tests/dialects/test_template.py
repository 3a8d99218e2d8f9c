"""Templates: the same text however the bytes are cut, a named failure for all else, and never an exception."""

import gzip
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint, an_exchange, failed
from tests.lab.hostile import bodies_of, json_values, lines_of
from wrapdetect.dialects import DIALECTS, Reply, decode
from wrapdetect.dialects.base import Piece
from wrapdetect.dialects.template import ends_answer, finished, signs_of_end
from wrapdetect.model import Ask, AskKey, Chunk, Endpoint, Exchange, FailureKind, Template

KEY = AskKey("style", "tides", 0)
FIXED = settings(deadline=None, derandomize=True)
TEXT = 'Tides: 潮 😀 "so"\nand so.'


def bot(template: Template) -> Endpoint:
    return an_endpoint("bot", dialect="template", template=template)


def received(*data: bytes | str, kind: str = "", encoding: str = "") -> Exchange:
    headers = tuple((k, v) for k, v in (("Content-Type", kind), ("content-encoding", encoding)) if v)
    chunks = tuple(Chunk(t_s=float(n), data=d.encode() if isinstance(d, str) else d) for n, d in enumerate(data))
    return an_exchange("bot", KEY, status=200, headers=headers, chunks=chunks)


def read(template: Template, *data: bytes | str, kind: str = "", encoding: str = "") -> Reply:
    return decode(received(*data, kind=kind, encoding=encoding), bot(template))


def failure_of(reply: Reply) -> tuple[str, str]:
    assert reply.failure is not None
    assert reply.text.strip() == ""
    assert "\n" not in reply.failure.detail
    return reply.failure.kind.value, reply.failure.detail


def sse(*events: object, done: str = "[DONE]") -> str:
    lines = [e if isinstance(e, str) else json.dumps(e, ensure_ascii=False) for e in events]
    return "".join(f"data: {line}\n\n" for line in [*lines, *([done] if done else [])])


def ndjson(*lines: object) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


STREAM = Template(framing="sse", answer="$.t", done="[DONE]")
LINES = Template(framing="ndjson", answer="$.t", done="$.end", model="$.model")
SOCKET = Template(framing="websocket", answer="$.t", done="$.end")
PIECES = [{"t": TEXT[n : n + 3]} for n in range(0, len(TEXT), 3)]
BODIES: dict[str, tuple[Template, str]] = {
    "sse": (STREAM, sse(*PIECES)),
    "ndjson": (LINES, ndjson(*PIECES, {"end": True})),
    "text": (Template(framing="text"), TEXT),
    "text_with_end": (Template(framing="text", done="<end>"), TEXT + "<end>\n"),
    "text_by_regex": (Template(framing="text", answer="re:(?s)<p>(.*)</p>"), f"Bot: <p>{TEXT}</p> ok"),
    "body": (Template(answer="$.data.text"), json.dumps({"data": {"text": TEXT}})),
    "page": (Template(answer="re:(?s)<p>(.*)</p>"), f"<!doctype html><p>{TEXT}</p>"),
}
REPLACED = {
    "sse": Template(framing="sse", answer="$.t", mode="replace", done="[DONE]"),
    "ndjson": Template(framing="ndjson", answer="$.t", mode="replace", done="$.end"),
}


@pytest.mark.parametrize("name", BODIES)
@settings(FIXED, max_examples=25)
@given(st.lists(st.integers(0, 600), max_size=8))
def test_the_text_is_the_same_however_the_bytes_are_cut(name: str, cuts: list[int]) -> None:
    template, body = BODIES[name]
    data = body.encode()
    edges = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    reply = read(template, *(data[a:b] for a, b in pairwise(edges)))
    assert (reply.text, reply.failure) == (TEXT, None)
    assert "".join(p.text for p in reply.pieces) == TEXT


@pytest.mark.parametrize("framing", REPLACED)
def test_texts_so_far_become_what_each_added_with_its_time(framing: str) -> None:
    events = [{"t": "Ti"}, {"t": "Tides▌"}, {"t": "Tides."}, {"t": ""}, {"t": "Tides."}]
    data = [sse(e, done="") if framing == "sse" else ndjson(e) for e in events]
    last = "data: [DONE]\n\n" if framing == "sse" else ndjson({"end": 1})
    reply = read(REPLACED[framing], *data, last)
    assert reply.pieces == (Piece(0.0, "Ti"), Piece(1.0, "des"), Piece(2.0, "."))
    assert reply.text == "Tides."


@settings(FIXED, max_examples=60)
@given(st.lists(st.text("ab😀", max_size=6), min_size=1, max_size=6))
def test_joined_pieces_are_the_last_text_so_far(texts: list[str]) -> None:
    reply = read(REPLACED["sse"], *(sse({"t": t}, done="") for t in texts), "data: [DONE]\n\n")
    last = next((t for t in reversed(texts) if t), "")
    assert reply.text.strip() == "".join(p.text for p in reply.pieces) == last
    assert [p.t_s for p in reply.pieces] == sorted(p.t_s for p in reply.pieces)


def test_each_piece_of_a_stream_has_the_time_at_which_it_was_whole() -> None:
    first, second = sse({"t": "a"}, done=""), sse({"t": "b"})
    reply = read(STREAM, first[:5], first[5:], second)
    assert reply.pieces == (Piece(1.0, "a"), Piece(2.0, "b"))


def test_chunks_of_text_are_pieces_but_for_a_letter_that_two_of_them_share() -> None:
    data = "a潮b".encode()
    assert read(Template(framing="text"), data[:2], data[2:]).pieces == (Piece(0.0, "a"), Piece(1.0, "潮b"))


def test_frames_of_a_websocket_are_pieces_and_others_among_them_are_no_text() -> None:
    frames = ('{"type": "hello"}', "ping", b"\xff\xfe", '{"t": "a"}', '{"t": "b", "end": true}', '{"t": "late"}')
    assert read(SOCKET, *frames).pieces == (Piece(3.0, "a"), Piece(4.0, "b"))
    assert [ends_answer(SOCKET, f) for f in ("ping", '{"t": "a"}', '{"end": true}', '{"error": "no"}')] == [
        False,
        False,
        True,
        True,
    ]


def test_frames_of_text_are_the_answer_as_they_come() -> None:
    template = Template(framing="websocket", done="<eos>")
    assert read(template, "Ti", "des", "<eos>").text == "Tides"
    assert ends_answer(template, "<eos>")
    assert failure_of(read(template, "Ti", "des"))[0] == "cut_off"


def test_events_are_told_apart_by_their_names() -> None:
    template = Template(framing="sse", answer="event:complete => $[0]", done="event:complete", error="event:failed")
    body = 'event: generating\ndata: ["Ti"]\n\nevent: complete\ndata: ["Tides."]\n\n'
    assert read(template, body).text == "Tides."
    assert failure_of(read(template, "event: failed\ndata: null\n\n")) == ("server", "error in the answer: null")
    named_end = Template(framing="sse", answer="$.t", done="event:end")
    assert read(named_end, 'data: {"t": "a"}\n\nevent: end\n\n').text == "a"


def test_a_line_with_a_mark_before_its_json_is_read_by_two_sources() -> None:
    template = Template(framing="ndjson", answer="re:^0:(.*)$ => $", done="re:^d:", error="re:^3:(.*)$ => $")
    assert read(template, 'f:{"id":1}\n0:"a\\n"\n0:"b"\nd:{}\n').text == "a\nb"
    assert failure_of(read(template, '0:"a"\n3:"too busy"\n')) == ("server", "error in the answer: too busy")


@pytest.mark.parametrize(
    ("template", "body", "kind", "said"),
    [
        (STREAM, sse({"t": "a"}, done=""), "cut_off", "without its end ([DONE])"),
        (STREAM, 'data: {"t": "a"}\n\ndata: {"t": "b', "cut_off", "ends within its JSON"),
        (Template(framing="sse"), "data: a\n\ndata: b", "cut_off", "within an event"),
        (STREAM, "data: oops\n\n", "garbled", "not JSON, where $.t is due: oops"),
        (STREAM, sse({"x": "a"}), "garbled", '$.t finds nothing in any server-sent event of what came: data: {"x"'),
        (STREAM, "hello", "garbled", "$.t finds nothing in any server-sent event"),
        (STREAM, "", "garbled", "an empty body"),
        (STREAM, sse({"t": ""}), "garbled", "an empty answer"),
        (STREAM, sse({"t": "a"}, {"error": {"message": "busy"}}), "server", "busy"),
        (STREAM, 'data: {"t": "a"}\n\nevent: error\ndata: busy\n\n', "server", "busy"),
        (STREAM, b"data: \xff\n\n", "garbled", "invalid UTF-8"),
        (STREAM, "<!DOCTYPE html><title>Log in", "garbled", "an HTML page where JSON is due"),
        (LINES, ndjson({"t": "a"}), "cut_off", "without its end ($.end)"),
        (LINES, ndjson({"t": "a"}) + '{"t": "b', "cut_off", "ends within its JSON"),
        (LINES, "a\nb\n", "garbled", "not JSON"),
        (LINES, ndjson({"error": "busy"}), "server", "busy"),
        (Template(answer="$.t"), "", "garbled", "an empty body"),
        (Template(answer="$.t"), "[]", "garbled", "$.t finds nothing in what came: []"),
        (Template(answer="$.t"), '{"t": 1', "garbled", "not JSON"),
        (Template(answer="$.t"), '{"error": "no"}', "server", "no"),
        (Template(answer="$.t", error="$.code"), '{"code": 7, "t": "Sorry"}', "server", "7"),
        (Template(answer="$.t"), "[" * 100_000, "garbled", "not JSON"),
        (Template(answer="$..t"), '{"a":' * 900 + "1" + "}" * 900, "garbled", "finds nothing"),
        (Template(answer="re:<b>(.*)</b>"), "<i>x</i>", "garbled", "finds nothing"),
        (Template(answer="text"), "<html><p>Hi", "garbled", "an HTML page where an answer is due"),
        (Template(framing="text"), "  \n", "garbled", "an empty answer"),
        (Template(framing="text"), b"a\xff", "garbled", "invalid UTF-8: byte 0xff"),
        (Template(framing="text"), "a潮".encode()[:-1], "cut_off", "within a letter"),
        (Template(framing="text", done="<end>"), "Hi.", "cut_off", "without its end (<end>)"),
        (Template(framing="text", error="re:^ERR (.*)"), "ERR busy", "server", "busy"),
        (SOCKET, "", "garbled", "no frame came"),
        (SOCKET, '{"x": 1}', "garbled", "$.t finds nothing in any frame"),
        (SOCKET, '{"t": "a', "garbled", "not JSON"),
        (SOCKET, '{"t": "a"}', "cut_off", "without its end"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_named_failure(template: Template, body: str | bytes, kind: str, said: str) -> None:
    found, detail = failure_of(read(template, *([body] if body else [])))
    assert (found, said in detail) == (kind, True), detail


def test_without_a_text_that_ends_it_the_end_of_the_body_is_the_end() -> None:
    template = Template(framing="sse", answer="$.t")
    assert read(template, sse({"t": "a"}, done="")).text == "a"
    assert read(template, sse({"t": "a"})).text == "a", "[DONE] ends a stream in any template"
    assert read(template, 'data: {"t": "a"}\n\ndata: {"t": "b"}\n').text == "ab", "a last line without its blank line"
    assert read(Template(framing="ndjson", answer="$.t"), '{"t": "a"}\n{"t": "b"}').text == "ab"


def test_a_server_that_does_not_stream_for_once_answers_all_the_same() -> None:
    body = json.dumps({"t": "a", "end": True}, indent=1)
    for template in (LINES, Template(framing="sse", answer="$.t", done="$.end")):
        assert read(template, body, kind="application/json; charset=utf-8").text == "a"
    assert failure_of(read(STREAM, '{"error": "busy"}', kind="application/json"))[0] == "server"


def test_json_under_the_label_of_html_is_json() -> None:
    assert read(Template(answer="$.t"), '{"t": "a"}', kind="text/html").text == "a"


def test_json_that_is_an_error_is_no_answer_of_text() -> None:
    template = Template(framing="text")
    assert failure_of(read(template, '{"error": "busy"}', kind="application/json"))[0] == "server"
    assert read(template, '{"error": "busy"}', kind="text/plain").text == '{"error": "busy"}'


def test_the_model_that_it_says_it_is_is_read_from_body_or_header() -> None:
    assert read(LINES, ndjson({"model": "m-1", "t": "a"}, {"model": "m-2", "end": 1})).model == "m-1"
    exchange = received('{"t": "a"}')
    template = Template(answer="$.t", model="header:x-model")
    endpoint = bot(template)
    labelled = an_exchange("bot", KEY, status=200, headers=(("X-Model", "m-9"),), chunks=exchange.chunks)
    assert (decode(labelled, endpoint).model, decode(exchange, endpoint).model) == ("m-9", None)


def test_halves_of_a_letter_in_two_pieces_are_one_letter() -> None:
    body = 'data: {"t": "\\ud83d"}\n\ndata: {"t": "\\ude00"}\n\ndata: {"t": "\\ud83d"}\n\ndata: [DONE]\n\n'
    assert read(STREAM, body).text == "😀\ufffd"


def test_a_packed_stream_is_unpacked() -> None:
    packed = gzip.compress(sse(*PIECES).encode())
    assert read(STREAM, packed[:9], packed[9:], encoding="gzip").text == TEXT
    assert failure_of(read(STREAM, packed[:9] + b"damage", encoding="gzip"))[0] == "garbled"


def test_a_failure_on_the_way_stays_what_it_was() -> None:
    exchange = an_exchange("bot", KEY, "Half", failure=failed("limited"))
    assert decode(exchange, bot(STREAM)) == Reply(text="", failure=failed("limited"))


values = json_values(["t", "end", "error", "model", "x"])
bodies = (
    bodies_of(values)
    | lines_of(values)
    | st.sampled_from([b"data: [DONE]\n\n", b"event: error\n\n", b"<html>", b"\r", b"\xe6", b"0:"])
)
sources = st.sampled_from(["text", "$", "$.t", "$..t", "re:(?s).(.*)", "re:^0:(.*) => $", "event:error", "header:x"])
templates = st.builds(
    Template,
    framing=st.sampled_from(["body", "sse", "ndjson", "text", "websocket"]),
    answer=sources,
    mode=st.sampled_from(["add", "replace"]),
    done=st.sampled_from(["", "[DONE]", "$.end", "event:error", "text", "re:x"]),
    error=st.just("") | sources,
    model=st.just("") | sources,
)


@settings(FIXED, max_examples=120)
@given(templates, st.lists(bodies, max_size=4), st.sampled_from(["", "application/json", "text/html"]))
def test_whatever_comes_back_is_an_answer_or_a_named_failure(template: Template, parts: list[bytes], kind: str) -> None:
    reply = read(template, *parts, kind=kind)
    assert (reply.failure is None) == bool(reply.text.strip())
    assert reply.text.encode().decode() == "".join(p.text for p in reply.pieces)
    if reply.failure is not None:
        assert reply.failure.kind in FailureKind
        assert len(reply.failure.detail) < 400


def an_ask(*turns: str, system: str = "") -> Ask:
    return Ask(key=KEY, turns=turns, system=system, temperature=0.3, max_tokens=50)


def test_a_call_holds_the_values_of_the_placeholders() -> None:
    codec, endpoint = DIALECTS["template"], bot(Template(body="{prompt}", framing="sse"))
    call = codec.encode(an_ask("A?", "B?", system="Be nice."), ["a"], endpoint, stream=True)
    assert call.stream
    assert call.body == {
        "prompt": "B?",
        "messages": [
            {"role": "system", "content": "Be nice."},
            {"role": "user", "content": "A?"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "B?"},
        ],
        "system": "Be nice.",
    }
    apart = bot(Template(body='["{messages}", "{system}"]'))
    assert codec.encode(an_ask("A?", system="Be nice."), [], apart, stream=True).body["messages"] == [
        {"role": "user", "content": "A?"}
    ]


def test_who_remembers_and_who_takes_a_system_prompt_is_read_from_the_placeholders() -> None:
    codec = DIALECTS["template"]
    found = {
        body: (codec.remembers(bot(Template(body=body))), codec.takes_system(bot(Template(body=body))))
        for body in ("{prompt}", "{messages}", "{system}{prompt}")
    }
    assert found == {"{prompt}": (True, False), "{messages}": (False, True), "{system}{prompt}": (True, True)}


ENDS = ("", "$.end", "$.a[0].end", "$[0]", "$..end", "event:end", "re:e.d", "bye", "two\nlines", "$.a => $.end", "text")
WORDS_OF_ENDS = st.sampled_from(["end", "error", "bye", "t", "two", "lines", "[DONE]", "a"])
SAID = st.recursive(
    st.one_of(st.booleans(), WORDS_OF_ENDS, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS_OF_ENDS, inner, max_size=2)),
    max_leaves=5,
)


@given(
    done=st.sampled_from(ENDS),
    error=st.sampled_from(("", "$.error", "$.a.error", "event:bye")),
    answer=st.sampled_from(("$.t", "text")),
    event=WORDS_OF_ENDS,
    said=SAID,
    escaped=st.booleans(),
)
@FIXED
def test_no_end_of_a_stream_lacks_its_signs(
    done: str, error: str, answer: str, event: str, said: object, escaped: bool
) -> None:
    text = said if isinstance(said, str) else json.dumps(said)
    if escaped:
        text = text.replace("e", "\\u0065")
    data = "".join(f"data: {line}\n" for line in text.splitlines())
    of_events = Template(framing="sse", answer=answer, done=done, error=error)
    of_frames = Template(framing="websocket", answer=answer, done=done, error=error)
    for template, piece, over in (
        (of_events, f"event: {event}\n{data}\n", lambda t, p: finished(t, p.encode())),
        (of_frames, text, ends_answer),
    ):
        signs = signs_of_end(template)
        assert signs is None or not over(template, piece) or any(s in piece.encode() for s in signs)


REPLY, DELTA = Template(answer="$.reply"), Template(answer="$.delta", framing="sse")
AS_IN_ANY_API: list[tuple[Template, str, str]] = [
    (REPLY, '{"reply": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi."}]}', "Hi."),
    (REPLY, '{"reply": ["Hi", "."]}', "Hi."),
    (REPLY, '{"reply": 42}', "42"),
    (REPLY, '\ufeff{"reply": "Hi."}', "Hi."),
    (REPLY, '{"reply": "Hi.", "error": null, "code": 0, "msg": "success"}', "Hi."),
    (REPLY, '{"reply": {"a": 1}}', "garbled"),
    (REPLY, '{"reply": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}', "garbled"),
    (REPLY, '{"reply": "", "code": 429, "msg": "slow down"}', "limited"),
    (REPLY, '{"reply": "", "success": false, "message": "invalid token"}', "refused"),
    (DELTA, 'data: {"delta": [{"type": "text", "text": "Hi."}]}\n\n', "Hi."),
    (DELTA, 'data: {"delta": "Hi."}\n\ndata: {"status": "in_progress"}\n\n', "Hi."),
    (DELTA, 'data: {"delta": "Ha"}\n\ndata: {"code": 401, "msg": "unauthorized"}\n\n', "refused"),
    (DELTA, 'data: {"delta": "Ha"}\n\ndata: {"code": 429, "msg": "x"}\n\n', "limited"),
    (DELTA, 'data: {"delta": "Ha"}\n\ndata: Rate limit exceeded\n\n', "limited"),
    (DELTA, 'data: {"delta": "Ha"}\n\ndata: Internal server error\n\n', "server"),
]


@pytest.mark.parametrize(("template", "body", "told"), AS_IN_ANY_API)
def test_content_and_errors_of_a_template_are_read_as_in_any_api(template: Template, body: str, told: str) -> None:
    chunks = (Chunk(t_s=0.1, data=body.encode()),)
    exchange = an_exchange("bot", AskKey("style", "tides", 0), headers=(("content-type", "text/plain"),), chunks=chunks)
    reply = decode(exchange, an_endpoint("bot", dialect="template", template=template))
    assert (reply.failure.kind.value if reply.failure else reply.text) == told
