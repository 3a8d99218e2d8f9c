"""Are collected answers (tables, exports, HTTP Archives) read as what they are, or refused, whatever stands in them?"""

import json
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from random import Random

from bench.fuzz.bodies import TEXTS, good_body
from bench.fuzz.exports import EXPORTS
from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import json_bytes, mutated_bytes, mutated_json
from wrapdetect.dialects import decode
from wrapdetect.errors import LibraryError, RunFormatError, SpecError
from wrapdetect.model import Dialect, Endpoint, Instrument, Template
from wrapdetect.runs.codec import dump_run, load_run
from wrapdetect.runs.collected import Collection
from wrapdetect.store.answers import More, read_answers
from wrapdetect.store.har import read_har, without_tokens
from wrapdetect.store.tables import Fields

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ASKED = {"model": "m", "stream": False, "messages": [{"role": "user", "content": "What moves the tides?"}]}
BOT = Endpoint(
    name="target", role="target", url="https://bot.example", model="", dialect="template",
    template=Template(path="/chat/completions",
    body='{"messages": {messages}}', answer="$.choices[0].message.content"),
)  # fmt: skip
CALLS: tuple[tuple[Dialect, str], ...] = (
    ("openai_plain", "/chat/completions"), ("openai_stream", "/chat/completions"), ("responses_plain", "/responses"),
    ("anthropic_stream", "/messages"), ("ollama_stream", "/api/chat"), ("gemini_plain",
    "/v1beta/models/m:generateContent"),
)  # fmt: skip
ROWS: tuple[object, ...] = (
    {"model": "bot", "prompt": "Why?", "answer": "So.", "time": "2026-01-05T12:00:00Z", "latency_s": 1.5},
    {"model": "bot", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]},
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}], "id": "s1"},
    {"custom_id": "a", "response": {"status_code": 200, "body": {"model": "m",
    "choices": [{"message": {"content": "So."}}]}}},
    {"question": "Why?", "output": "So. 🌊", "generator": "b", "extra": {"a": [1]}},
)  # fmt: skip
TABLES = (
    b"model,prompt,answer\nbot,Why?,So.\nbot,\"How, so?\",\"By\nlines\"\n", b"sep=;\nprompt;answer\nWhy?;So.\n",
    b"prompt\tanswer\nWhy?\tSo.\n", b"\xef\xbb\xbfprompt,answer\r\nWhy?,So.\r\n",
)  # fmt: skip


@lru_cache(maxsize=1)
def archive() -> object:
    """What a browser would have saved, a call of each API."""
    return {"log": {"version": "1.2", "creator": {"name": "x"}, "entries": [_entry(d, path) for d, path in CALLS]}}


def _entry(dialect: Dialect, path: str) -> object:
    asked = {"contents": [{"parts": [{"text": "Why?"}]}]} if "gemini" in dialect else ASKED | {"input": "Why?"}
    kind = "text/event-stream" if dialect.endswith("stream") else "application/json"
    return {
        "startedDateTime": "2026-01-05T12:00:00.000Z",
        "time": 900,
        "request": {
            "method": "POST", "url": f"https://bot.example{path}?key=sk-planted-0123456789abcdef",
            "headers": [{"name": "Authorization", "value": "Bearer sk-planted-0123456789abcdef"}],
            "postData": {"mimeType": "application/json", "text": json.dumps(asked), "params": []},
        },
        "response": {
            "status": 200, "statusText": "OK", "headers": [{"name": "content-type", "value": kind}],
            "content": {"mimeType": kind, "size": 3, "text": good_body(dialect, TEXTS[0]).decode()},
        },
        "timings": {"blocked": 1, "dns": -1, "connect": 2, "send": 1, "wait": 700, "receive": 200},
        "_webSocketMessages": [{"type": "send", "time": 1767614400.5, "opcode": 1, "data": "hi"}],
    }  # fmt: skip


def draw_archive(chance: Random) -> Trial:
    """A HAR with some of it changed."""
    data = json_bytes(mutated_json(archive(), chance))
    if chance.randrange(8) == 0:
        data = mutated_bytes(data, chance)
    bot = BOT if chance.randrange(5) == 0 else None
    return Trial(
        shown=(bot is not None, data), size=len(data),
        run=lambda: _with_file(data, ".har", lambda path: check_collection(read_har(path, bot))),
    )  # fmt: skip


def draw_table(chance: Random) -> Trial:
    """A table of answers or an export, with some of it changed."""
    match chance.randrange(5):
        case 0:
            data, suffix = mutated_bytes(chance.choice(TABLES), chance), chance.choice((".csv", ".csv", ".tsv", ".txt"))
        case 1:
            data, suffix = json_bytes(mutated_json([chance.choice(ROWS)] * 2, chance)), ".json"
        case 2:
            some = [chance.choice(EXPORTS)] * chance.choice((1, 2))
            data, suffix = json_bytes(mutated_json(some[0] if len(some) == 1 else some, chance)), ".json"
        case _:
            row = chance.choice((*ROWS, *EXPORTS))
            rows = [json_bytes(mutated_json(row, chance) if chance.randrange(2) else row) for _ in range(2)]
            data, suffix = b"\n".join(rows) + b"\n", ".jsonl"
    if chance.randrange(6) == 0:
        data = mutated_bytes(data, chance)
    return Trial(
        shown=(suffix, data),
        size=len(data),
        run=lambda: _with_file(
            data, suffix, lambda path: check_collection(read_answers(path, None, Fields(), More(), speaker="bot"))
        ),
    )


def _with_file(data: bytes, suffix: str, use: Callable[[Path], object]) -> None:
    handle, name = tempfile.mkstemp(suffix)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        use(Path(name))
    finally:
        os.unlink(name)


def check_collection(found: Collection) -> None:
    """What was collected makes a run that is written, read again, and read as answers."""
    target, kept = found.of(found.speakers[0].name if found.speakers else None, None, "it")
    instrument = Instrument(versions=(), host="", vantage="")
    run = without_tokens(kept.run(target, [], run_id="r", now=NOW, instrument=instrument))
    text = dump_run(run)
    try:
        read = load_run(text.encode()).run
    except RunFormatError as refusal:
        raise Wrong(f"recorded, the answers are refused: {refusal}") from refusal
    if dump_run(read) != text:
        raise Wrong("recorded, the answers are read as others")
    if "sk-planted" in text:
        raise Wrong("a key is kept in the run")
    for exchange in read.exchanges:
        decode(exchange, next(e for e in read.endpoints if e.name == exchange.endpoint))
    for note in found.notes:
        note.encode()


HAR = Part(name="har", draw=draw_archive, own=(SpecError,))
COLLECTED = Part(name="collected", draw=draw_table, own=(LibraryError, SpecError, RunFormatError))
