"""Streams: server-sent events by the standard, and by what is sent; bytes decide, and signs of life cost nothing"""

import json

import pytest

from tests.conftest import an_endpoint, an_exchange, read_as
from wrapdetect.dialects import Reply, decode
from wrapdetect.model import AskKey, Chunk, Dialect, Template

KEY = AskKey("style", "tides", 0)
LABELS = ("text/event-stream", "application/json", "text/plain", "application/octet-stream", "text/html", "")


def piece(text: str | None = None, finish: str | None = None) -> str:
    delta = {} if text is None else {"content": text}
    return json.dumps({"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


GOOD, MORNING = piece("Good "), piece("morning.", "stop")
WHOLE = json.dumps({"choices": [{"index": 0, "message": {"content": "Good morning."}, "finish_reason": "stop"}]})
BAD = b"\xff"


def came(body: str | bytes, label: str = LABELS[0], dialect: Dialect = "openai_stream", size: int = 10**9) -> Reply:
    data = body if isinstance(body, bytes) else body.encode()
    chunks = tuple(Chunk(t_s=float(n), data=data[at : at + size]) for n, at in enumerate(range(0, len(data), size)))
    headers = (("content-type", label),) if label else ()
    return read_as(an_exchange("bot", KEY, headers=headers, chunks=chunks), dialect)


READS = {
    "plain": f"data: {GOOD}\n\ndata: {MORNING}\n\ndata: [DONE]\n\n",
    "no space": f"data:{GOOD}\n\ndata:{MORNING}\n\ndata:[DONE]\n\n",
    "CR": f"data: {GOOD}\r\rdata: {MORNING}\r\rdata: [DONE]\r\r",
    "CR LF": f"data: {GOOD}\r\n\r\ndata: {MORNING}\r\n\r\ndata: [DONE]\r\n\r\n",
    "mixed ends": f"data: {GOOD}\r\n\ndata: {MORNING}\n\r\ndata: [DONE]\r\r\n",
    "BOM": f"\ufeffdata: {GOOD}\n\ndata: {MORNING}\n\n",
    "id, retry, comment": f": hi\nretry: 3\nid: 1\ndata: {GOOD}\nid\n\n:\n\nid: 2\ndata: {MORNING}\n\n",
    "unknown fields": f"foo: bar\nbaz\ndata: {GOOD}\n\nDATA: x\ndata: {MORNING}\n\n",
    "many lines": f"data: {GOOD[:40]}\ndata: {GOOD[40:]}\n\ndata: {MORNING}\n\n".replace(GOOD[38:42], GOOD[38:42]),
    "data without colon": f"data\n\ndata: {GOOD}\n\ndata\ndata: {MORNING}\n\n",
    "empty data": f"data:\n\ndata: {GOOD}\n\ndata: \n\ndata: {MORNING}\n\ndata\n\n",
    "empty data twice": f"data:\ndata:\n\ndata: {GOOD}\n\ndata: {MORNING}\n\n",
    "no blank line at the end": f"data: {GOOD}\n\ndata: {MORNING}\n",
    "no line break at the end": f"data: {GOOD}\n\ndata: {MORNING}",
    "DONE without its blank line": f"data: {GOOD}\n\ndata: {piece('morning.')}\n\ndata: [DONE]",
    "DONE in quotes": f"data: {GOOD}\n\ndata: {piece('morning.')}\n\ndata: \"[DONE]\"\n\n",
    "DONE without brackets": f"data: {GOOD}\n\ndata: {piece('morning.')}\n\ndata: DONE\n\n",
    "END": f"data: {GOOD}\n\ndata: {piece('morning.')}\n\ndata: [END]\n\n",
    "Done; in quotes": f"data: {GOOD}\n\ndata: {piece('morning.')}\n\ndata: '[Done]';\n\n",
    "dressed twice": f"data: data: {GOOD}\n\ndata: data: {MORNING}\n\ndata: data: [DONE]\n\n",
    "torn after the end": f"data: {GOOD}\n\ndata: {MORNING}\n\ndata: [DO",
    "one break between events": f"data: {GOOD}\ndata: {MORNING}\ndata: [DONE]\n",
    "one break, torn end": f"data: {GOOD}\ndata: {MORNING}\ndata: {{\"us",
    "event parted from data": f"event: chunk\n\ndata: {GOOD}\n\nevent: chunk\n\ndata: {MORNING}\n\n",
    "events with names": f"event: a\ndata: {GOOD}\n\nevent: a\ndata: {MORNING}\n\nevent: done\ndata: [DONE]\n\n",
    "named pings": f"event: ping\ndata: 2026\n\ndata: {GOOD}\n\nevent: heartbeat\ndata: {{}}\n\ndata: {MORNING}\n\n",
    "a keep-alive by name": f"event: keep-alive\n\ndata: {GOOD}\n\nevent:keepalive\ndata: x\n\ndata: {MORNING}\n\n",
    "a comment as data": f"data: : OPENROUTER PROCESSING\n\ndata: {GOOD}\n\ndata: : x\n\ndata: {MORNING}\n\n",
    "data: ping": f"data: ping\n\ndata: {GOOD}\n\ndata: keep-alive\n\ndata: {MORNING}\n\n",
    "a ping in quotes": f'data: "ping"\n\ndata: {GOOD}\n\ndata: {MORNING}\n\n',
    "a time as ping": f"data: 2026-11-27T00:00:00Z\n\ndata: {GOOD}\n\ndata: {MORNING}\n\n",
    "a ping by type": f'data: {{"type":"ping"}}\n\ndata: {GOOD}\n\ndata: {{"type":"pong"}}\n\ndata: {MORNING}\n\n',
    "null": f"data: null\n\ndata: {GOOD}\n\ndata: null\n\ndata: {MORNING}\n\n",
    "an empty object": f"data: {{}}\n\ndata: {GOOD}\n\ndata: {MORNING}\n\n",
    "comments only before": f": a\n: b\n\n:\n\ndata: {GOOD}\n\n: c\n\ndata: {MORNING}\n\n",
    "blank lines before": f"\n\n\r\n  \ndata: {GOOD}\n\n\n\n\ndata: {MORNING}\n\n",
    "JSON lines": f"{GOOD}\n{MORNING}\n",
    "JSON lines, no break at the end": f"{GOOD}\n\n{MORNING}",
    "JSON lines and DONE": f"{GOOD}\n{piece('morning.')}\n[DONE]\n",
    "JSON lines, torn after the end": f'{GOOD}\n{MORNING}\n{{"us',
    "one object": WHOLE,
    "one object over lines": json.dumps(json.loads(WHOLE), indent=2),
    "one object and DONE": f"{WHOLE}\n\ndata: [DONE]\n\n",
    "one object and a bare DONE": f"{WHOLE}\n[DONE]\n",
    "one object and comments": f"{WHOLE}\n\n: keep-alive\n\n",
    "one object as event": f"data: {WHOLE}\n\ndata: [DONE]\n\n",
    "one object after a ping": f'data: {{"type": "ping"}}\n\ndata: {WHOLE}\n\n',
    "one object after a line of life": f'{{"type": "ping"}}\n{WHOLE}\n',
    "one object as event, alone": f"data: {WHOLE}\n\n",
    "one object after blanks": f"\n \n  {WHOLE}",
    "one object after comments": f": keep-alive\n\n: keep-alive\n\n{WHOLE}",
    "one object after a BOM": f"\ufeff{WHOLE}",
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_what_servers_send_is_read_under_every_label_and_however_cut(name: str) -> None:
    for label in LABELS:
        for dialect in ("openai_stream", "openai_plain"):
            reply = came(READS[name], label, dialect)
            assert (reply.text, reply.failure) == ("Good morning.", None), (label, dialect)
    for size in (1, 7):
        assert came(READS[name], size=size).text == "Good morning."


def test_pieces_have_the_times_of_their_lines_where_no_blank_lines_part_them() -> None:
    data = READS["one break between events"]
    first, second = came(data, size=data.index("\n") + 1).pieces
    assert (first.t_s, second.t_s > 0.0) == (0.0, True)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (f"data: {GOOD}\n\n\ufeffdata: {MORNING}\n\n", "cut_off", "after 1 pieces"),  # a BOM is one at the start only
        (f"data: {GOOD}\n\ndata: oops\n\n", "garbled", "oops"),
        (f"data: {GOOD}\n\ndata: {{oops\n\ndata: {MORNING}\n\n", "garbled", "not JSON: {oops"),
        (f"data: {GOOD}\n\ndata: {MORNING[:40]}", "cut_off", "after 1 pieces"),
        (f"{GOOD}\n{MORNING[:40]}", "cut_off", "after 1 pieces"),
        (f"{GOOD}\noops\n{MORNING}\n", "garbled", "not JSON: oops"),
        (f"{WHOLE}{WHOLE}", "garbled", "behind its object"),
        (f"{WHOLE}}}", "garbled", "behind its object"),
        ("data: ping\n\n: x\n\n", "garbled", "ping"),
        ("event: ping\ndata: x\n\n", "garbled", "no server-sent event"),
        (": ping\n\n", "garbled", "no server-sent event"),
        ("data:\n\n", "garbled", "no server-sent event"),
        ("event: error\n\n", "server", "without a word"),
        (f"data: {GOOD}\n\nevent: error\n\n", "server", "without a word"),
        (f"data: {GOOD}\n\nevent: error\n\ndata: [DONE]\n\n", "server", "[DONE]"),
        (f"data: {GOOD}\n\nevent: error\ndata: {{}}\n\ndata: [DONE]\n\n", "server", "{}"),
        (f'{GOOD}\n\ndata: {{"error": "boom"}}\n\n', "server", "boom"),
        ("\n \n", "garbled", "an empty body"),
        ("The moon.", "garbled", "no server-sent event in the body: The moon."),
    ],
)
def test_what_is_no_answer_is_named(body: str, kind: str, said: str) -> None:
    failure = came(body).failure
    assert failure is not None
    assert (failure.kind.value, said in failure.detail) == (kind, True), failure


ANTHROPIC: list[dict[str, object]] = [
    {"type": "message_start", "message": {"id": "m", "model": "c", "content": []}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good morning."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
]
GEMINI: dict[str, object] = {
    "candidates": [{"content": {"parts": [{"text": "Good morning."}]}, "finishReason": "STOP"}]
}
OLLAMA: list[dict[str, object]] = [
    {"message": {"content": "Good "}, "done": False},
    {"message": {"content": "morning."}, "done": True},
]
RESPONSES: list[dict[str, object]] = [
    {"type": "response.output_text.delta", "delta": "Good morning."},
    {"type": "response.completed", "response": {"status": "completed", "output": []}},
]
OTHERS: list[tuple[Dialect, list[dict[str, object]]]] = [
    ("anthropic_stream", ANTHROPIC),
    ("gemini_stream", [GEMINI]),
    ("ollama_stream", OLLAMA),
    ("responses_stream", RESPONSES),
]


@pytest.mark.parametrize(("dialect", "events"), OTHERS)
def test_every_api_is_read_in_every_framing(dialect: Dialect, events: list[dict[str, object]]) -> None:
    texts = [json.dumps(e) for e in events]
    for body in (
        "".join(f"data: {t}\n\n" for t in texts),
        "".join(f"event: {e.get('type', 'x')}\ndata: {t}\n\n" for e, t in zip(events, texts, strict=True)),
        "".join(f": ping\n\nevent: ping\ndata: x\n\ndata: {t}\n\n" for t in texts),
        "".join(f"data: {t}\n" for t in texts),
        "".join(f"{t}\n" for t in texts),
        "".join(f"data: {t}\r\n\r\n" for t in texts) + "data: [DONE]\r\n\r\n",
    ):
        for label in LABELS:
            assert came(body, label, dialect).text == "Good morning.", (body, label)


def test_a_stop_reason_ends_an_anthropic_stream_that_never_says_message_stop() -> None:
    data = "".join(f"data: {json.dumps(e)}\n\n" for e in ANTHROPIC[:-1])
    assert came(data, dialect="anthropic_stream").text == "Good morning."
    assert came(data[: data.index('{"type": "message_delta"')], dialect="anthropic_stream").text == ""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('data: {"t": "a"}\n\ndata: ping\n\ndata: {"t": "b"}\n\n', "ab"),
        ('data: : x\n\nevent: ping\ndata: x\n\ndata: {"t": "a"}\n\ndata: {"t": "b"}\n\n', "ab"),
        ('data: {"t": "a"}\ndata: {"t": "b"}\n', "ab"),
        ('data\n\ndata: {"t": "a"}\n\ndata:\n\ndata: {"t": "b"}\n\ndata: [DONE]\n\n', "ab"),
    ],
)
def test_a_template_of_events_is_read_by_the_same_rules(body: str, text: str) -> None:
    bot = an_endpoint("bot", dialect="template", template=Template(framing="sse", answer="$.t"))
    exchange = an_exchange("bot", KEY, headers=(), chunks=(Chunk(t_s=0.1, data=body.encode()),))
    assert decode(exchange, bot).text == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('event: say\ndata: {"t": "a"}\n\nevent: note\ndata: {"t": "NO"}\n\nevent: end\ndata: x\n\n', "a"),
        ('event: say\n\ndata: {"t": "a"}\n\nevent: note\n\ndata: {"t": "NO"}\n\nevent: end\n\ndata: x\n\n', "a"),
        ('event: ping\n\nevent: say\n\ndata: {"t": "a"}\n\ndata: {"t": "NO"}\n\nevent: end\n\n', "a"),
    ],
)
def test_a_name_that_a_blank_line_parts_from_its_data_is_its_name(body: str, text: str) -> None:
    template = Template(framing="sse", answer="event:say => $.t", done="event:end")
    exchange = an_exchange("bot", KEY, headers=(), chunks=(Chunk(t_s=0.1, data=body.encode()),))
    assert decode(exchange, an_endpoint("bot", dialect="template", template=template)).text == text
