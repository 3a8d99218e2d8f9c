"""A row of a table -> Conversation: a prompt with its answer, or a list of messages."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from wrapdetect.errors import LibraryError
from wrapdetect.model import NEVER_SHOWN, Chunk, Missing
from wrapdetect.model.prose import listed, quote
from wrapdetect.model.text import whole
from wrapdetect.runs.collected.envelopes import ROLES, SAYING, SPEAKING, is_structure, message_of
from wrapdetect.runs.collected.said import YEARS, Conversation, Said
from wrapdetect.runs.collected.shapes.base import Context, RecordedTalk

_UNKNOWN: tuple[Missing, ...] = ("request", "status", "raw_chunks", *NEVER_SHOWN)
"""What no table of answers tells."""
_UNANSWERED = "last turns without an answer (it is not in the file)"
_LONGEST_S = 86_400.0

Cells = Mapping[str, object]


class Columns(NamedTuple):
    """Which columns hold what; None where there is no such column. `conversation` stands for prompt and answer."""

    model: str | None
    prompt: str | None
    answer: str | None
    conversation: str | None
    time: str | None
    latency: str | None


def read_row(cells: Cells, columns: Columns, context: Context, *, speaker: str) -> Conversation:
    """One row; `speaker` stands for the model where no column holds it.

    Raises LibraryError, with the place, for a cell that is missing or holds something else.
    """
    place = context.place
    name = speaker if columns.model is None else whole(text_cell(cells, columns.model, place))
    if not name.strip():
        raise LibraryError(f"{place}: {columns.model!r} is empty; expected the speaker's name")
    if columns.conversation is not None:
        messages = _messages(cells, columns.conversation, place)
        if columns.answer is not None and messages and messages[-1][0] == "user":
            messages = [*messages, ("assistant", _answer(cells, columns.answer, context, structured=True))]
    else:
        asked, structured = _prompt(cells, str(columns.prompt), context)
        messages = [*asked, ("assistant", _answer(cells, str(columns.answer), context, structured=structured))]
    started, took_s = _started(cells, columns.time, place), _latency_s(cells, columns.latency, place)
    return conversation_of(
        RecordedTalk(speaker=name, messages=messages, started=started, took_s=took_s), context, speaker
    )


def conversation_of(talk: RecordedTalk, context: Context, speaker: str) -> Conversation:
    """The user's turns and what is there of the answers to them; `speaker` stands for one that is not named.

    A last turn without an answer is left out: that it was not answered is not in the file. Raises LibraryError where
    no turn has an answer.
    """
    turns, answers = _turns(talk.messages, context.place)
    last = max((n for n, a in enumerate(answers) if a is not None), default=-1)
    if last < 0:
        raise LibraryError(
            f"{context.place}: no answer to what the user asked; expected a message of the assistant after it: mend it "
            "or leave the row out"
        )
    context.left.update({_UNANSWERED: len(turns) - 1 - last} if last < len(turns) - 1 else {})
    took_s = talk.took_s
    timed = talk.started is not None and took_s is not None and last == 0
    said = tuple(
        Said(
            turn=turn,
            chunks=(Chunk(t_s=took_s or 0.0, data=data),) if (data := whole(answer).encode()) else (),
            started=talk.started if turn == 0 else None,
            ended_s=took_s or 0.0,
            missing=_UNKNOWN if timed else (*_UNKNOWN, "times"),
        )
        for turn, answer in enumerate(answers[: last + 1])
        if answer is not None
    )
    name = talk.speaker if talk.speaker.strip() else speaker
    return Conversation(speaker=whole(name), turns=turns[: last + 1], said=said, place=context.place)


def _prompt(cells: Cells, column: str, context: Context) -> tuple[Sequence[tuple[str, str]], bool]:
    """Messages, and whether they stood there as such; structure is no question."""
    if is_structure(cells.get(column)):
        return context.asked(repr(column), cells[column]), True
    prompt = whole(text_cell(cells, column, context.place))
    if not prompt.strip():
        raise LibraryError(f"{context.place}: {column!r} is empty; expected the question that was asked")
    more = cells.get("input") if column == "instruction" else None  # Alpaca's: what the instruction is about
    if isinstance(more, str) and more.strip():
        prompt = f"{prompt}\n\n{whole(more)}"
    return [("user", prompt)], False


def _answer(cells: Cells, column: str, context: Context, *, structured: bool) -> str:
    """Nothing (null) is an empty answer."""
    value = cells.get(column)
    if is_structure(value):
        return context.answer(value, structured=structured)[1]
    return "" if column in cells and value is None else whole(text_cell(cells, column, context.place))


def text_cell(cells: Cells, column: str, place: str) -> str:
    """The text of a cell. Raises LibraryError, naming what is there instead."""
    if column not in cells:
        raise LibraryError(f"{place}: no {column!r}; found {listed(cells) or 'nothing'}")
    value = cells[column]
    if not isinstance(value, str):
        kind = "nothing (null)" if value is None else type(value).__name__
        raise LibraryError(f"{place}: {column!r} holds {kind}; expected text: mend it or leave the row out")
    return value


def _messages(cells: Cells, column: str, place: str) -> list[tuple[str, str]]:
    """(role, text) of each, those of neither user nor assistant left out; a cell of text is read as JSON."""
    value = cells.get(column)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise LibraryError(f"{place}: {column!r} is not JSON ({error}); expected a list of messages") from error
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise LibraryError(
            f'{place}: {column!r} holds {type(value).__name__}; expected a list of {{"role": ..., "content": ...}}'
        )
    return [m for n, message in enumerate(value, start=1) if (m := _message(message, f"{place}, message {n}"))[0]]


def _message(message: object, place: str) -> tuple[str, str]:
    """Raises LibraryError, naming what is wrong with it."""
    if (told := message_of(message)) is not None:
        return told
    if not isinstance(message, Mapping):
        raise LibraryError(f"{place}: {type(message).__name__}; expected an object with role and content")
    said = next((message[k] for k in SPEAKING if k in message), None)
    if not isinstance(said, str) or said.lower() not in ROLES:
        raise LibraryError(f"{place}: role is {quote(str(said), 40)!r}; expected user, assistant or system")
    content = next((message[k] for k in SAYING if message.get(k) is not None), None)
    raise LibraryError(f"{place}: content is {type(content).__name__}; expected text, or parts of known types")


def _turns(messages: Sequence[tuple[str, str]], place: str) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """The user's turns and the answers to each, None where there is none; several messages of one side in a row are
    one. What the bot says first answers nobody."""
    turns: list[list[str]] = []
    answers: list[list[str]] = []
    before = ""
    for role, text in messages:
        if role == "user" and before != "user":
            turns.append([])
            answers.append([])
        if turns:
            (turns if role == "user" else answers)[-1].append(whole(text))
            before = role
    asked = tuple("\n\n".join(t) for t in turns)
    if not asked or not all(t.strip() for t in asked):
        raise LibraryError(f"{place}: {'an empty turn' if asked else 'no turn'} of the user; expected what was asked")
    return asked, tuple("\n\n".join(a) if a else None for a in answers)


def _started(cells: Cells, column: str | None, place: str) -> datetime | None:
    value = cells.get(column) if column else None
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        moment = moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None or moment.year not in YEARS:
        raise LibraryError(
            f"{place}: {column!r} holds {quote(str(value), 40)!r}; expected a time with its zone, such as "
            "2026-01-05T12:00:00Z: mend it, or leave the times out with --time-field none"
        )
    return moment


def _latency_s(cells: Cells, column: str | None, place: str) -> float | None:
    value = cells.get(column) if column else None
    if value is None or value == "":
        return None
    try:
        seconds = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_S:
        raise LibraryError(
            f"{place}: {column!r} holds {quote(str(value), 40)!r}; expected seconds, 0 to {_LONGEST_S:,.0f}: mend it, "
            "or leave it out with --latency-field none"
        )
    return seconds
