"""What all shapes of records share: what one is, what it gives, and how values are taken out of a record. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from wrapdetect.errors import LibraryError
from wrapdetect.model.prose import quote
from wrapdetect.runs.collected.envelopes import answer_in, asked_in, is_structure, opened_json
from wrapdetect.runs.collected.said import YEARS

Record = Mapping[str, object]
_Messages = Sequence[tuple[str, str]]
JSON_TEXT = "answers that are JSON, read as the text that the bot wrote"
"""Noted, and not left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTalk:
    """Messages of the user and one speaker ("" where the file does not name it); times only as the file tells them."""

    speaker: str
    messages: _Messages
    started: datetime | None = None
    took_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a record stands, the questions of another file by id, and what is left out, which readers add to."""

    place: str
    questions: Mapping[str, object] | None = None
    left: Counter[str] = field(default_factory=Counter)

    def unread(self, what: str, value: object, wanted: str) -> LibraryError:
        """For raising: what it holds instead of what was expected."""
        kind = "nothing (null)" if value is None else type(value).__name__
        shown = f" {quote(str(value), 60)!r}" if isinstance(value, str) else ""
        return LibraryError(
            f"{self.place}: {what} holds {kind}{shown}; expected {wanted}: mend it or leave the row out"
        )

    def asked(self, what: str, value: object) -> list[tuple[str, str]]:
        """What was asked. Raises LibraryError where that cannot be told."""
        messages = asked_in(value)
        if not messages:
            raise self.unread(what, value, "a question: text, or messages with role and content")
        return messages

    def pair(self, asked: object, answered: object) -> list[tuple[str, str]]:
        """A question and its answer, as messages. Raises LibraryError where either cannot be told."""
        return [*self.asked("the question", asked), self.answer(answered, structured=is_structure(asked))]

    def answer(self, value: object, *, structured: bool = False) -> tuple[str, str]:
        """What was answered, as a message. Raises LibraryError where that cannot be told."""
        text = answer_in(value, structured=structured)
        if text is None:
            raise self.unread("the answer", value, "text, a message of the assistant, or an API's reply")
        if not structured and is_structure(value) and text == value:
            self.left[JSON_TEXT] += 1
        return "assistant", text


class Shape(NamedTuple):
    """A shape of records: what it is called, whether a record is of it, and its talks."""

    called: str
    recognise: Callable[[Record], bool]
    read: Callable[[Record, Context], Iterator[RecordedTalk]]


def at(record: Record, *names: str) -> object:
    """The value under those names, one within the other, or joined by dots at any place; objects within a text count.

    >>> at({"a.b": {"c": 1}}, "a", "b", "c"), at({"a": '{"b": 2}'}, "a", "b"), at({}, "a")
    (1, 2, None)
    """
    if not names:
        return record
    for n in range(len(names), 0, -1):
        key = ".".join(names[:n])
        if key in record:
            if n == len(names):
                return record[key]
            value = opened_json(record[key])
            return at(value, *names[n:]) if isinstance(value, Mapping) else None
    return None


def text_at(record: Record, *names: str) -> str:
    """The text there, or ""."""
    value = at(record, *names)
    return value if isinstance(value, str) else ""


def first_text(*texts: str) -> str:
    """The first that is not empty, or ""."""
    return next((t for t in texts if t.strip()), "")


def told_moment(value: object) -> datetime | None:
    """A time with its zone, or seconds since 1970; None for anything else: a time without a zone is none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 1e9 <= value < 4.2e9:
        return datetime.fromtimestamp(value, UTC)
    try:
        found = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
        utc = found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
    return utc if utc is not None and utc.year in YEARS else None


def seconds(value: object, *, of: float = 1.0) -> float | None:
    """A number of seconds (of milliseconds where `of` is 1000), or None."""
    try:
        found = float(value) / of if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found <= 86_400 else None


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one to the other."""
    return None if start is None or end is None else seconds((end - start).total_seconds())
