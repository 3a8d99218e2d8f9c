"""The registry of status feeds: bytes of a saved page -> published incidents, and the time the page speaks of.

A feed is what a service says of itself. Onsets are known to minutes at best, and are given with their uncertainty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, get_args

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

__all__ = ["EVERYTHING", "FEEDS", "FORMATS", "FeedFormat", "Parsed", "Reader", "Scope"]

FeedFormat = Literal[
    "statuspage", "incident_io", "rss", "atom", "upptime", "csv",
    "better_stack", "instatus", "google_cloud", "aws", "cachet", "status_io", "sorry",
]  # fmt: skip
FEED_FORMATS: tuple[FeedFormat, ...] = get_args(FeedFormat)


@dataclass(frozen=True, slots=True)
class _Reader:
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


FEEDS: Mapping[FeedFormat, _Reader] = {
    "statuspage": _Reader("statuspage", statuspage.parse),
    "incident_io": _Reader("incident_io", incident_io.parse),
    "rss": _Reader("rss", syndication.parse_rss),
    "atom": _Reader("atom", syndication.parse_atom),
    "upptime": _Reader("upptime", upptime.parse),
    "csv": _Reader("csv", table.rows_of_table),
    "better_stack": _Reader("better_stack", better_stack.parse),
    "instatus": _Reader("instatus", instatus.parse),
    "google_cloud": _Reader("google_cloud", google_cloud.parse),
    "aws": _Reader("aws", aws.parse),
    "cachet": _Reader("cachet", cachet.parse),
    "status_io": _Reader("status_io", status_io.parse),
    "sorry": _Reader("sorry", sorry.parse),
}
