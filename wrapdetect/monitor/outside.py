"""What the upkeep of a monitor asks of the world: a store, the pages of status feeds, and whoever shows figures."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from wrapdetect.model.history import Beat, Coverage, History, Incident


class Spend(NamedTuple):
    """What the rounds of one UTC day may have cost, reserved before they are asked."""

    requests: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """How a feed did when it was last fetched; `ok`, or not, since `since_s`. Tags are of its last good answer."""

    feed: str
    at_s: int
    ok: bool
    since_s: int
    detail: str
    etag: str | None
    last_modified: str | None


class UpkeepStore(Protocol):
    """The store beside the rounds; every method may raise StoreError."""

    @property
    def name(self) -> str: ...
    def spent(self, day: date, /) -> Spend: ...
    def latest(self, n: int = ..., /) -> Mapping[str, list[Beat]]: ...
    def history(
        self,
        since_s: int | None = ...,
        until_s: int | None = ...,
        services: Sequence[str] | None = ...,
        *,
        beats: bool = ...,
    ) -> History: ...
    def feed_states(self) -> Sequence[FeedState]: ...
    def note_feed(
        self, feed: str, at_s: int, *, ok: bool, detail: str, etag: str | None = ..., last_modified: str | None = ...
    ) -> object: ...
    def add_incidents(self, incidents: Iterable[Incident], coverage: Iterable[Coverage] = ..., /) -> object: ...
    def note_event(self, key: str, at_s: int, text: str, /) -> object: ...
    def marked(self, key: str, /) -> bool: ...
    def first_time(self, key: str, at_s: int, /) -> bool: ...
    def pack(self, before_s: int, /) -> object: ...
    def retain(self, before_s: int, /) -> object: ...
    def bytes_free(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A page, or `data` None where it is as it was (304); and what to send with the next fetching, "" for nothing."""

    data: bytes | None
    etag: str
    last_modified: str


class Fetch(Protocol):
    """One page of a status feed. Raises FeedError, one line, for whatever goes wrong out there."""

    async def __call__(self, url: str, *, timeout_s: float, etag: str = ..., last_modified: str = ...) -> Fetched: ...


class OpenPages(Protocol):
    """Gives what fetches, for as long as its block lasts."""

    def __call__(self) -> AbstractAsyncContextManager[Fetch]: ...


class Figures(Protocol):
    """Takes what is counted (ways/metrics); may be used from any thread."""

    def beat(self, beat: Beat, /) -> object: ...
    def forget(self, services: Iterable[str], /) -> object: ...
    def lateness(self, seconds: float, /) -> object: ...
    def evidence(self, target: str, candidate: str, nats: float, /) -> object: ...
    def budget(self, spent: Mapping[str, float], /) -> object: ...
    def store(self, ok: bool, /) -> object: ...
    def feed(self, name: str, ok: bool, /) -> object: ...
