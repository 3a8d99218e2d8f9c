"""What collected answers have in common: who spoke, to which turns, and what is known of each answer."""

from dataclasses import dataclass
from datetime import datetime

from wrapdetect.model import AskKey, Chunk, Dialect, Endpoint, Exchange, Failure, Missing, Template

YEARS = range(1990, 2100)
"""When a chatbot may have been asked; a time of another year is a mistake."""


def speaker(
    name: str, url: str, model: str, *, dialect: Dialect = "pasted", template: Template | None = None
) -> Endpoint:
    """Who answers, as far as the collection tells; `url` is an address, or the name of the file."""
    return Endpoint(name=name, role="reference", url=url, model=model, dialect=dialect, template=template)


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

    def exchange(self, speaker: str, ask: AskKey, started: datetime) -> Exchange:
        """The same as an exchange of that speaker; `started` is to be given where it is not known."""
        return Exchange(
            endpoint=speaker,
            ask=ask,
            turn=self.turn,
            attempt=0,
            started=started,
            sent=self.sent,
            status=self.status,
            headers=self.headers,
            chunks=self.chunks,
            ended_s=self.ended_s,
            failure=self.failure,
            missing=self.missing,
        )

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
