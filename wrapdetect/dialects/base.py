"""What every dialect speaks: Call out, Reply back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wrapdetect.model import Ask, Failure, FailureKind

EMPTY = "an empty answer"
"""Detail of the failure of a whole, well-formed reply without text: it says nothing, but its sender is up."""


class Piece(NamedTuple):
    """A piece of answer text and when its last byte came, in seconds from the send."""

    t_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A question, ready to send; `stream` says whether chunks are asked for.

    Of an API: the JSON body, the path after the endpoint's address, and the headers beside the usual ones; the key goes
    out in the header `key_header`, after `key_prefix`. A template is filled in from the body (prompt, messages, system)
    by ways/template; a page and a person are given its prompt.
    """

    body: dict[str, object]
    stream: bool
    path: str = "/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()
    key_header: str = "authorization"
    key_prefix: str = "Bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as read: its text, the pieces with their times, and what the protocol let slip."""

    text: str
    pieces: tuple[Piece, ...] = ()
    model: str | None = None
    finish: str | None = None
    fields: tuple[tuple[str, str], ...] = field(default=())
    failure: Failure | None = None


def without_text(text: str) -> Failure | None:
    """The failure of a reply that holds no text."""
    return None if text.strip() else Failure(kind=FailureKind.GARBLED, detail=EMPTY)


def common(before: str, text: str) -> int:
    """How many characters both begin with.

    >>> common("The sun", "The moon"), common("a", "ab")
    (4, 1)
    """
    if text.startswith(before):
        return len(before)
    return next((n for n, (a, b) in enumerate(zip(before, text, strict=False)) if a != b), min(len(before), len(text)))


def cut(pieces: Sequence[Piece], keep: int) -> list[Piece]:
    """The pieces that make up the first `keep` characters.

    >>> cut([Piece(1.0, "Ti"), Piece(2.0, "des")], 3)
    [Piece(t_s=1.0, text='Ti'), Piece(t_s=2.0, text='d')]
    """
    kept: list[Piece] = []
    for piece in pieces:
        if keep <= 0:
            break
        kept.append(Piece(piece.t_s, piece.text[:keep]))
        keep -= len(piece.text)
    return kept


def so_far(ask: Ask, answers: Sequence[str]) -> list[dict[str, object]]:
    """The conversation up to the turn that is due: the user's turns with the answers given, and no system prompt."""
    messages: list[dict[str, object]] = []
    for index, turn in enumerate(ask.turns[: len(answers) + 1]):
        messages.append({"role": "user", "content": turn})
        if index < len(answers):
            messages.append({"role": "assistant", "content": answers[index]})
    return messages
