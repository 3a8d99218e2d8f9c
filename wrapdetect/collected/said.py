"""What collected answers have in common: who spoke, to which turns, and what is known of each answer."""

from dataclasses import dataclass
from datetime import datetime

from wrapdetect.model import Chunk, Dialect, Failure, Missing, Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who answers, as far as the collection tells; `url` is an address, or the name of the file."""

    name: str
    url: str
    model: str
    dialect: Dialect = "pasted"
    template: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer: to which turn of its conversation, and all that an exchange holds. `started` None is not known."""

    turn: int
    chunks: tuple[Chunk, ...]
    started: datetime | None = None
    ended_s: float = 0.0
    sent: str = ""
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    failure: Failure | None = None
    missing: tuple[Missing, ...] = ()

    @property
    def data(self) -> bytes:
        return b"".join(c.data for c in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The user's turns and the answers to them, or to some of them; `place` is for messages."""

    speaker: str
    turns: tuple[str, ...]
    said: tuple[Said, ...]
    place: str
