"""Which status pages are read, with what they gave the last time, and what is told of each; without a network."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.store.ledger_world import Clock
from wrapdetect.errors import FeedError
from wrapdetect.model.history import Service
from wrapdetect.monitor.feed_reader import FeedReader
from wrapdetect.monitor.outside import Fetch, Fetched
from wrapdetect.monitor.spec import FeedSpec
from wrapdetect.monitor.standing import LastingState
from wrapdetect.store.ledger import Ledger

PAGE = (ROOT / "fixtures" / "feeds" / "statuspage_incidents.json").read_bytes()
READ_S = 1_775_000_000
"""After the last of its incidents."""
FEED = FeedSpec(name="up status", service="up", url="https://up.example/page", format="statuspage", every_s=600)


@dataclass
class Desk:
    """A store, pages by script, and what is told."""

    ledger: Ledger
    clock: Clock
    answers: list[Fetched | FeedError] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    told: list[tuple[bool, str]] = field(default_factory=list)

    async def fetch(self, url: str, *, timeout_s: float, etag: str = "", last_modified: str = "") -> Fetched:
        self.asked.append((url, etag))
        answer = self.answers.pop(0)
        if isinstance(answer, FeedError):
            raise answer
        return answer

    @asynccontextmanager
    async def pages(self) -> AsyncIterator[Fetch]:
        yield self.fetch

    async def tell(
        self, feed: FeedSpec, state: LastingState, at_s: int, detail: str, tags: Mapping[str, str | None]
    ) -> None:
        self.told.append((state.since_s is None, detail))
        self.ledger.note_feed(feed.name, at_s, ok=state.since_s is None, detail=detail, **tags)

    def reads(self, *answers: Fetched | FeedError) -> None:
        """One look at the feeds for each answer, a feed's time apart."""
        reader = FeedReader(ledger=self.ledger, pages=self.pages, now_s=lambda: self.clock.at_s, told=self.tell)
        for answer in answers:
            self.answers.append(answer)
            asyncio.run(reader.read([FEED]))
            self.clock.at_s += FEED.every_s


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    clock = Clock(READ_S)
    ledger = Ledger.open(tmp_path / "monitor.db", now=clock, holder="test")
    ledger.set_services([Service(name="up", kind="candidate", url="")])
    return Desk(ledger, clock)


def a_page(etag: str = "") -> Fetched:
    return Fetched(data=PAGE, etag=etag, last_modified="")


def the_same(etag: str) -> Fetched:
    return Fetched(data=None, etag=etag, last_modified="")


def test_a_page_is_read_when_it_is_due_and_its_incidents_are_kept(desk: Desk) -> None:
    desk.reads(a_page())
    assert desk.asked == [(FEED.url, "")]
    assert desk.told[0][0]
    assert desk.ledger.history(beats=False).incidents
    desk.clock.at_s -= 1  # not yet due
    desk.answers.clear()
    asyncio.run(
        FeedReader(ledger=desk.ledger, pages=desk.pages, now_s=lambda: desk.clock.at_s, told=desk.tell).read([FEED])
    )
    assert len(desk.asked) == 1


def test_a_page_that_did_not_change_is_covered_until_now(desk: Desk) -> None:
    desk.reads(a_page("one"), the_same("one"), the_same("one"))
    assert [etag for _, etag in desk.asked] == ["", "one", "one"]
    (coverage,) = desk.ledger.history(beats=False).coverage
    assert coverage.until_s == READ_S + 2 * FEED.every_s


def test_a_page_that_breaks_is_told_and_read_whole_the_next_time(desk: Desk) -> None:
    desk.reads(a_page("one"), FeedError("feed at up.example: gone"), a_page("two"))
    assert [(ok, detail.startswith("feed at")) for ok, detail in desk.told] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert [etag for _, etag in desk.asked] == ["", "one", ""]
    (state,) = desk.ledger.feed_states()
    assert (state.ok, state.etag) == (True, "two")
