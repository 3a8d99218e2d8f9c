"""A row of a table -> Conversation: a prompt with its answer, or a list of messages."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from wrapdetect.collected.said import Conversation, Said
from wrapdetect.dialects.json_text import whole
from wrapdetect.errors import LibraryError
from wrapdetect.model import Chunk, Missing
from wrapdetect.prose import quote

UNKNOWN: tuple[Missing, ...] = ("request", "status", "raw_chunks", "temperature", "token_limit", "token_counts")
"""What no table of answers tells."""
ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "bot", "gpt", "model", "ai", "chatbot"), "assistant"),
    **dict.fromkeys(("system", "developer", "tool", "function"), ""),
}
"""What speakers of a conversation are called; "" is neither and is left out."""
LONGEST_S = 86_400.0

Cells = Mapping[str, object]


class Columns(NamedTuple):
    """Which columns hold what; None where there is no such column. `conversation` stands for prompt and answer."""

    model: str | None
    prompt: str | None
    answer: str | None
    conversation: str | None
    time: str | None
    latency: str | None


def read_row(cells: Cells, columns: Columns, place: str, *, speaker: str) -> Conversation:
    """One row; `speaker` stands for the model where no column holds it.

    Raises LibraryError, with the place, for a cell that is missing or holds something else.
    """
    name = speaker if columns.model is None else _text(cells, columns.model, place)
    if not name.strip():
        raise LibraryError(f"{place}: {columns.model!r} is empty; expected the speaker's name")
    if columns.conversation is not None:
        turns, answers = _turns(_messages(cells, columns.conversation, place), place)
    else:
        turns, answers = (_prompt(cells, str(columns.prompt), place),), (_answer(cells, str(columns.answer), place),)
    started, took_s = _started(cells, columns.time, place), _latency_s(cells, columns.latency, place)
    timed = started is not None and took_s is not None and len(turns) == 1
    missing: tuple[Missing, ...] = UNKNOWN if timed else (*UNKNOWN, "times")
    said = tuple(
        Said(
            turn=turn,
            chunks=(Chunk(t_s=took_s or 0.0, data=answer.encode()),) if answer else (),
            started=started if turn == 0 else None,
            ended_s=took_s or 0.0,
            missing=missing,
        )
        for turn, answer in enumerate(answers)
    )
    return Conversation(speaker=name, turns=turns, said=said, place=place)


def _prompt(cells: Cells, column: str, place: str) -> str:
    prompt = _text(cells, column, place)
    if not prompt.strip():
        raise LibraryError(f"{place}: {column!r} is empty; expected the question that was asked")
    return prompt


def _answer(cells: Cells, column: str, place: str) -> str:
    """Nothing (null) is an empty answer."""
    return "" if column in cells and cells[column] is None else _text(cells, column, place)


def _text(cells: Cells, column: str, place: str) -> str:
    if column not in cells:
        raise LibraryError(f"{place}: no {column!r}; found {', '.join(quote(c, 40) for c in cells) or 'nothing'}")
    value = cells[column]
    if not isinstance(value, str):
        kind = "nothing (null)" if value is None else type(value).__name__
        raise LibraryError(f"{place}: {column!r} holds {kind}; expected text: mend it or leave the row out")
    return whole(value)


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
    if not isinstance(message, Mapping):
        raise LibraryError(f"{place}: {type(message).__name__}; expected an object with role and content")
    said = next((message[k] for k in ("role", "from", "author", "speaker") if k in message), None)
    role = ROLES.get(said.lower()) if isinstance(said, str) else None
    if role is None:
        raise LibraryError(f"{place}: role is {quote(str(said), 40)!r}; expected user, assistant or system")
    content = next((message[k] for k in ("content", "value", "text") if k in message), None)
    if role and (text := text_of_content(content)) is not None:
        return role, whole(text)
    if role:
        raise LibraryError(f"{place}: content is {type(content).__name__}; expected text")
    return "", ""


def text_of_content(content: object) -> str | None:
    """A message's content as APIs have it: a text, or a list of parts of which the texts count; None for others.

    >>> text_of_content([{"type": "text", "text": "Hi"}, {"type": "image"}])
    'Hi'
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, Sequence):
        return None
    texts = [p.get("text") if isinstance(p, Mapping) else p for p in content]
    return "".join(t for t in texts if isinstance(t, str))


def _turns(messages: Sequence[tuple[str, str]], place: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The user's turns and the answers to each; several messages of one side in a row are one. What the bot says first
    answers nobody, and a last turn without an answer was answered with nothing."""
    turns: list[list[str]] = []
    answers: list[list[str]] = []
    before = ""
    for role, text in messages:
        if role == "user" and before != "user":
            turns.append([])
            answers.append([])
        if turns:
            (turns if role == "user" else answers)[-1].append(text)
            before = role
    asked = tuple("\n\n".join(t) for t in turns)
    if not asked or not all(t.strip() for t in asked):
        raise LibraryError(f"{place}: {'an empty turn' if asked else 'no turn'} of the user; expected what was asked")
    return asked, tuple("\n\n".join(a) for a in answers)


def _started(cells: Cells, column: str | None, place: str) -> datetime | None:
    value = cells.get(column) if column else None
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
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
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_S:
        raise LibraryError(
            f"{place}: {column!r} holds {quote(str(value), 40)!r}; expected seconds, 0 to {LONGEST_S:,.0f}: mend it, "
            "or leave it out with --latency-field none"
        )
    return seconds
