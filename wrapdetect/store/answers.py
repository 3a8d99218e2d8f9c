"""Collected answers on disk -> Collection: any table of store/tables.py, one answer or one conversation a row."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from wrapdetect.errors import LibraryError, SpecError
from wrapdetect.model.prose import listed, quote
from wrapdetect.runs.collected import Collection, Conversation
from wrapdetect.runs.collected import speaker as said_by
from wrapdetect.runs.collected.gather import without_doubles
from wrapdetect.runs.collected.rows import Columns, conversation_of, read_row
from wrapdetect.runs.collected.shapes import SHAPES, Context, Shape, questions_of, recognise
from wrapdetect.store.tables import USUAL, Fields, TableRow, choose, guess_format, place_of_names, read_records

CONVERSATION = ("conversation", "messages", "conversations")
TIME = ("time", "started", "timestamp", "asked_at", "created_at")
LATENCY = ("latency_s", "latency")
_BESIDE = tuple(n for n in USUAL["answer"] if n not in ("text", "bot"))
"""Columns that hold the answer to the last message of a conversation that ends with the user's."""
ERRORS = ("error", "error_message", "exception")
MOST = 1_000_000
"""Conversations of one file."""
_NONE = "none"
"""In place of a column's name: do not read it."""


class More(NamedTuple):
    """Further columns by name, as the user gives them; None where they are to be guessed."""

    conversation: str | None = None
    time: str | None = None
    latency: str | None = None


def read_answers(
    path: Path, format_: str | None, fields: Fields, more: More, *, speaker: str, questions: Path | None = None
) -> Collection:
    """All rows of a table, or records of a shape that is known; `speaker` stands for the model where the file does not
    tell it. `questions` is the input of a batch whose output the file is.

    Raises LibraryError for the first row that cannot be read; SpecError for a run file, which is no table.
    """
    kind = format_ or guess_format(path)
    if kind == "run":
        raise SpecError(f"{path} is a run file already: `wrapdetect match` or `wrapdetect replay` reads it as it is")
    records = read_records(path, kind)
    first = next(records, None)
    if first is None:
        raise LibraryError(f"{path}: no rows; expected one row for each answer")
    every = chain([first], records)
    left = Counter[str]()
    asked = None if questions is None else questions_of(read_records(questions, guess_format(questions)))
    shape = recognise(first[1]) if fields == Fields() and more.conversation is None else None
    if questions is not None and shape is not SHAPES["batch_output"]:
        raise SpecError(f"--questions goes with the output of a batch, and {path} is none; leave it out")
    if shape is not None:
        rows = _shaped(every, shape, asked, left, speaker)
        reading = f"read as {shape.called}"
    else:
        columns = columns_of(list(first[1]), place_of_names(path, kind, first[0]), fields, more)
        rows = (
            read_row(cells, columns, Context(place=place, left=left), speaker=speaker)
            for place, cells in every
            if not _is_failure(cells, columns, left)
        )
        reading = _reading(kind, columns)
    kept, doubled = without_doubles(_counted(rows, path))
    if not kept:
        raise LibraryError(f"{path}: {reading}, and no answer is in it; {_left(left) or 'it holds no conversation'}")
    return Collection(
        speakers=tuple(said_by(name, path.name, name) for name in dict.fromkeys(c.speaker for c in kept)),
        conversations=kept,
        notes=(reading, *_notes(kept, doubled), *([_left(left)] if left else [])),
    )


def _shaped(
    records: Iterable[TableRow], shape: Shape, asked: Mapping[str, object] | None, left: Counter[str], speaker: str
) -> Iterator[Conversation]:
    """Raises LibraryError for a record of another shape than the first."""
    for place, record in records:
        context = Context(place=place, questions=asked, left=left)
        if not shape.recognise(record):
            raise LibraryError(f"{place}: not of the shape of the first, {shape.called}; mend it or leave it out")
        for talk in shape.read(record, context):
            yield conversation_of(talk, context, speaker)


def _is_failure(cells: Mapping[str, object], columns: Columns, left: Counter[str]) -> bool:
    """Whether a row tells an error in the place of an answer: that is no empty answer."""
    failed = columns.answer is not None and cells.get(columns.answer) in (None, "") and any(map(cells.get, ERRORS))
    left.update({"rows with an error and no answer": 1} if failed else {})
    return failed


def _counted(rows: Iterable[Conversation], path: Path) -> Iterator[Conversation]:
    for n, row in enumerate(rows):
        if n >= MOST:
            raise LibraryError(f"{path}: more than {MOST:,} conversations; split the file")
        yield row


def _left(left: Counter[str]) -> str:
    return "noted or left out: " + "; ".join(f"{what}: {n}" for what, n in left.items()) if left else ""


def columns_of(found: Sequence[str], place: str, fields: Fields, more: More) -> Columns:
    """The columns to read among those found. Raises LibraryError naming those found and the option to use.

    >>> columns_of(["messages", "time"], "a.jsonl, line 1", Fields(), More())[2:]
    (None, 'messages', 'time', None)
    """
    conversation = None
    if fields.prompt is None and fields.answer is None:
        conversation = _optional(found, "conversation", more.conversation, CONVERSATION, place)
    if conversation is None:
        three = choose(found, place, fields=fields, speaker="")
    else:
        stand_in = Fields(fields.model, conversation, conversation)
        three = choose(found, place, fields=stand_in, speaker="")
    return Columns(
        model=three.model,
        prompt=None if conversation else three.prompt,
        answer=next((n for n in _BESIDE if n in found), None) if conversation else three.answer,
        conversation=conversation,
        time=_optional(found, "time", more.time, TIME, place),
        latency=_optional(found, "latency", more.latency, LATENCY, place),
    )


def _optional(found: Sequence[str], part: str, wanted: str | None, usual: Sequence[str], place: str) -> str | None:
    if wanted is None:
        return next((name for name in usual if name in found), None)
    if wanted != _NONE and wanted not in found:
        seen = listed(found) or "none"
        raise LibraryError(f"{place}: --{part}-field {quote(wanted, 40)}: no such column; found {seen}")
    return None if wanted == _NONE else wanted


def _reading(kind: str, columns: Columns) -> str:
    named: Mapping[str, str | None] = columns._asdict()
    parts = ", ".join(f"{quote(name, 40)!r} is the {part}" for part, name in named.items() if name is not None)
    return f"read as {kind}: {parts}"


def _notes(kept: Sequence[Conversation], doubled: int) -> list[str]:
    empty = Counter(not s.data.strip() for c in kept for s in c.said)[True]
    notes = [f"rows that stand there twice, word for word, taken once: {doubled}"] if doubled else []
    return notes + ([f"empty answers, kept as empty: {empty}"] if empty else [])
