"""The registry of status feeds: bytes of a saved page -> published incidents, and the time the page speaks of.

A feed is what a service says of itself. Onsets are known to minutes at best, and are given with their uncertainty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, get_args

from wrapdetect.errors import FeedError
from wrapdetect.monitor.feeds.base import Parsed, Source
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
FORMATS: tuple[FeedFormat, ...] = get_args(FeedFormat)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads pages of one format."""

    format: FeedFormat
    parse: Callable[[bytes, Source], Parsed]

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
        source = Source(service=service, feed=feed, fetched_s=fetched_s, scope=scope, zone=zone)
        try:
            return self.parse(data, source)
        except FeedError as error:
            other = seen_as(data)
            if not other or other == looks_like(self.format):
                raise
            raise FeedError(f"{str(error).partition('; open its address')[0]}; it looks like {other}") from error


FEEDS: Mapping[FeedFormat, Reader] = {
    "statuspage": Reader("statuspage", statuspage.parse),
    "incident_io": Reader("incident_io", incident_io.parse),
    "rss": Reader("rss", syndication.parse_rss),
    "atom": Reader("atom", syndication.parse_atom),
    "upptime": Reader("upptime", upptime.parse),
    "csv": Reader("csv", table.read),
    "better_stack": Reader("better_stack", better_stack.parse),
    "instatus": Reader("instatus", instatus.parse),
    "google_cloud": Reader("google_cloud", google_cloud.parse),
    "aws": Reader("aws", aws.parse),
    "cachet": Reader("cachet", cachet.parse),
    "status_io": Reader("status_io", status_io.parse),
    "sorry": Reader("sorry", sorry.parse),
}
