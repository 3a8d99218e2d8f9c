"""What do the status pages say now? Each feed that is due is fetched, read, and kept with what it covers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from wrapdetect.errors import FeedError
from wrapdetect.monitor.feeds import FEEDS
from wrapdetect.monitor.feeds.moments import continued
from wrapdetect.monitor.outside import FeedState, Fetch, OpenPages, UpkeepStore
from wrapdetect.monitor.spec import FeedSpec
from wrapdetect.monitor.standing import LastingState

FEED_TIMEOUT_S, FEEDS_AT_ONCE = 30.0, 5
BLANK: Mapping[str, str | None] = {"etag": "", "last_modified": ""}
"""Nothing to send back: a page that broke is read whole the next time."""

TellOfFeed = Callable[[FeedSpec, LastingState, int, str, Mapping[str, str | None]], Awaitable[None]]
"""Takes how the reading of a feed went: how it stands, when it was read, one line on it, and the tags of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReader:
    """A feed that breaks is told of and never an outage."""

    ledger: UpkeepStore
    pages: OpenPages
    now_s: Callable[[], int]
    told: TellOfFeed

    async def read(self, feeds: Sequence[FeedSpec]) -> None:
        """Those of the feeds that are due. Raises StoreError, in a group."""
        states = {s.feed: s for s in await asyncio.to_thread(self.ledger.feed_states)}
        due = [f for f in feeds if f.name not in states or self._age_s(states[f.name].at_s) >= f.every_s]
        if not due:
            return
        gate = asyncio.Semaphore(FEEDS_AT_ONCE)
        async with self.pages() as fetch, asyncio.TaskGroup() as group:
            for feed in due:
                group.create_task(self._due_feed(feed, fetch, states.get(feed.name), gate))

    async def _due_feed(self, feed: FeedSpec, fetch: Fetch, before: FeedState | None, gate: asyncio.Semaphore) -> None:
        async with gate:
            await self._read_feed(feed, fetch, before)

    async def _read_feed(self, feed: FeedSpec, fetch: Fetch, before: FeedState | None) -> None:
        now_s, seen_s = self.now_s(), before.at_s if before and before.ok else None
        detail = before.detail if before and before.ok else "read"
        # a page that did not change is read again where what counts of it did
        reading = f"read/{feed.name}/{feed.reading}"
        anew = not await asyncio.to_thread(self.ledger.marked, reading)
        etag, changed = (before.etag or "", before.last_modified or "") if before and not anew else ("", "")
        try:
            page = await fetch(feed.url, timeout_s=FEED_TIMEOUT_S, etag=etag, last_modified=changed)
            if page.data is not None:
                detail = await asyncio.to_thread(self._keep_page, feed, page.data, seen_s)
            else:
                await asyncio.to_thread(self._still_covered, feed, seen_s)
        except FeedError as error:
            since_s = before.since_s if before and not before.ok else now_s
            await self.told(feed, LastingState(feed.name, since_s, str(error)), now_s, str(error), BLANK)
            return
        await asyncio.to_thread(self.ledger.first_time, reading, now_s)
        tags = {"etag": page.etag or None, "last_modified": page.last_modified or None}
        await self.told(feed, LastingState(feed.name, None, ""), now_s, detail, tags)

    def _keep_page(self, feed: FeedSpec, data: bytes, seen_s: int | None) -> str:
        """Gives one line on how the reading went."""
        parsed = FEEDS[feed.format](
            data, service=feed.service, feed=feed.name, fetched_s=self.now_s(), scope=feed.scope, zone=feed.zone
        )
        known = self.ledger.history(services=[feed.service], beats=False).incidents
        page = continued(parsed, [i for i in known if i.feed == feed.name], seen_s=seen_s)
        self.ledger.add_incidents(page.incidents, (page.coverage,) if page.coverage else ())
        return parsed.said

    def _still_covered(self, feed: FeedSpec, seen_s: int | None) -> None:
        """Not changed since it was last read: what it said holds until now."""
        # one second more: a coverage that ends as it was read is cut away by a span that begins there
        since_s = None if seen_s is None else seen_s - 1
        known = self.ledger.history(since_s=since_s, services=[feed.service], beats=False).coverage
        latest = max((c for c in known if c.feed == feed.name), key=lambda c: c.until_s, default=None)
        if latest is not None:
            self.ledger.add_incidents((), (replace(latest, until_s=self.now_s()),))

    def _age_s(self, at_s: int) -> float:
        """Seconds since; a time in the future (a clock that was set back) counts as long ago."""
        age = self.now_s() - at_s
        return age if age >= 0 else float("inf")
