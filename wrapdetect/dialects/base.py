"""What every dialect speaks: Call out, Reply back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wrapdetect.model import Ask, Endpoint, Exchange, Failure

EMPTY = "an empty answer"
"""Detail of the failure of a whole, well-formed reply without text: it says nothing, but its sender is up."""


class Piece(NamedTuple):
    """A piece of answer text and when its last byte came, in seconds from the send."""

    t_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request body, ready to send; `stream` says whether chunks are asked for."""

    body: dict[str, object]
    stream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as read: its text, the pieces with their times, and what the protocol let slip."""

    text: str
    pieces: tuple[Piece, ...] = ()
    model: str | None = None
    finish: str | None = None
    fields: tuple[tuple[str, str], ...] = field(default=())
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """`encode` takes the ask, the answers already given to its earlier turns, and the endpoint."""

    encode: Callable[[Ask, Sequence[str], Endpoint], Call]
    decode: Callable[[Exchange], Reply]
