"""What is worth telling of a monitor, what became of the message, and what was told before: pure data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

EventKind = Literal[
    "evidence", "version", "reference", "budget", "blocked",
    "down", "up", "feed", "feed_back", "own", "own_over", "store", "store_back", "test",
]  # fmt: skip
_Outcome = Literal["sent", "held", "known", "off", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to tell. `key` is the same whenever the same event is found again; `subject` is whom it is about. What
    `lasts` and was held back is told when it is found again after the quiet time; all else is counted in the next."""

    key: str
    kind: EventKind
    subject: str
    text: str
    at_s: int
    lasts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of an event: told now, held back, told before, nobody to tell, or not delivered. `trouble` is one
    line for stderr, "" where there is none; a message that reached some of its services is `sent`, with trouble."""

    outcome: _Outcome
    trouble: str = ""

    def __bool__(self) -> bool:
        return self.outcome != "failed"


class Remembered(Protocol):
    """An entry of the ledger's events."""

    @property
    def key(self) -> str: ...
    @property
    def at_s(self) -> int: ...


class Memory(Protocol):
    """What was told before; the store remembers it for good."""

    def marked(self, key: str) -> bool: ...
    def first_time(self, key: str, at_s: int) -> bool: ...
    def note_event(self, key: str, at_s: int, text: str) -> None: ...
    def events(self, since_s: int | None = None) -> Sequence[Remembered]: ...
    def standing(self) -> Mapping[str, int]: ...
    def stand(self, key: str, since_s: int | None) -> None: ...


class Bell(Protocol):
    """Tells of events, each once, as its memory says; may take long."""

    @property
    def memory(self) -> Memory: ...
    def with_memory(self, memory: Memory) -> Self: ...
    def send(self, event: Alert) -> Delivery: ...


class PassingMemory:
    """What was told, for as long as this process lives: of the store itself, which cannot remember while it is away."""

    def __init__(self) -> None:
        self._marks: set[str] = set()
        self._events: list[_Passing] = []
        self._standing: dict[str, int] = {}

    def marked(self, key: str) -> bool:
        return key in self._marks

    def first_time(self, key: str, at_s: int) -> bool:
        new = key not in self._marks
        self._marks.add(key)
        return new

    def note_event(self, key: str, at_s: int, text: str) -> None:
        self._events.append(_Passing(key=key, at_s=at_s))

    def events(self, since_s: int | None = None) -> Sequence[Remembered]:
        return [e for e in self._events if since_s is None or e.at_s >= since_s]

    def standing(self) -> dict[str, int]:
        return dict(self._standing)

    def stand(self, key: str, since_s: int | None) -> None:
        if since_s is None:
            self._standing.pop(key, None)
        else:
            self._standing[key] = since_s


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passing:
    key: str
    at_s: int
