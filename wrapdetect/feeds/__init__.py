"""The registry of status feeds: bytes of a saved page -> published incidents, and the time the page speaks of.

A feed is what a service says of itself. Onsets are known to minutes at best, and are given with their uncertainty.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, get_args

from wrapdetect.feeds import incident_io, statuspage, syndication, table, upptime
from wrapdetect.feeds.base import Parsed

__all__ = ["FEEDS", "FORMATS", "FeedFormat", "Parsed", "Parser"]

FeedFormat = Literal["statuspage", "incident_io", "rss", "atom", "upptime", "csv"]
FORMATS: tuple[FeedFormat, ...] = get_args(FeedFormat)


class Parser(Protocol):
    """Reads one page, fetched at `fetched_s`. Raises FeedError for a page that is not of its format."""

    def __call__(self, data: bytes, *, service: str, feed: str, fetched_s: int) -> Parsed: ...


FEEDS: Mapping[FeedFormat, Parser] = {
    "statuspage": statuspage.parse,
    "incident_io": incident_io.parse,
    "rss": syndication.parse_rss,
    "atom": syndication.parse_atom,
    "upptime": upptime.parse,
    "csv": table.parse,
}
