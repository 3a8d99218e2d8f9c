"""The registry of status feeds: bytes of a saved page -> published incidents, and the time the page speaks of.

A feed is what a service says of itself. Onsets are known to minutes at best, and are given with their uncertainty.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated

from pydantic import BeforeValidator

from wrapdetect.errors import FeedError
from wrapdetect.monitor.feeds.base import FeedSource, Parsed
from wrapdetect.monitor.feeds.formats import (
    aws,
    better_stack,
    cachet,
    google_cloud,
    incident_io,
    instatus,
    sorry,
    status_io,
    statuspage,
    syndication,
    table,
    upptime,
)
from wrapdetect.monitor.feeds.scope import EVERYTHING, Scope
from wrapdetect.monitor.feeds.shapes import looks_like, seen_as
from wrapdetect.targets.one_of import one_of

__all__ = ["EVERYTHING", "FEEDS", "Feed", "FeedFormat", "FeedSource", "Parsed", "Scope"]

FeedFormat = Annotated[str, BeforeValidator(lambda value: one_of(value, FEEDS))]
"""A key of FEEDS."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Reads pages of one format."""

    format: FeedFormat
    parse: Callable[[bytes, FeedSource], Parsed]

    def __call__(
        self,
        data: bytes,
        *,
        service: str,
        feed: str,
        fetched_s: int,
        scope: Scope = EVERYTHING,
        zone: tzinfo | None = None,
    ) -> Parsed:
        """One page, fetched at `fetched_s`; `scope` says which of its incidents count, `zone` is that of times without
        one. Raises FeedError for a page that is not of its format, with the format that it seems to be of."""
        source = FeedSource(service=service, feed=feed, fetched_s=fetched_s, scope=scope, zone=zone)
        try:
            return self.parse(data, source)
        except FeedError as error:
            other = seen_as(data)
            if not other or other == looks_like(self.format):
                raise
            raise FeedError(f"{str(error).partition('; open its address')[0]}; it looks like {other}") from error


FEEDS: dict[str, Feed] = {
    "statuspage": Feed("statuspage", statuspage.parse),
    "incident_io": Feed("incident_io", incident_io.parse),
    "rss": Feed("rss", syndication.parse_rss),
    "atom": Feed("atom", syndication.parse_atom),
    "upptime": Feed("upptime", upptime.parse),
    "csv": Feed("csv", table.parse),
    "better_stack": Feed("better_stack", better_stack.parse),
    "instatus": Feed("instatus", instatus.parse),
    "google_cloud": Feed("google_cloud", google_cloud.parse),
    "aws": Feed("aws", aws.parse),
    "cachet": Feed("cachet", cachet.parse),
    "status_io": Feed("status_io", status_io.parse),
    "sorry": Feed("sorry", sorry.parse),
}
"""By format; packages of others add to it (store/plugins.py)."""
