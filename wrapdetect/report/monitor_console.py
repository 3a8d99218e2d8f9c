"""A monitor as it stands, for a terminal: services, feeds, budget."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wrapdetect.model.prose import quote
from wrapdetect.report.console import printed

_COLOURS = {"up": "green", "down": "bold red", "unknown": "yellow", "feed only": "dim"}


class ServiceLine(NamedTuple):
    """A service now: `up` of the last `n` heartbeats were answered; `said` is what the last failure said."""

    name: str
    kind: str
    state: str
    when: str
    up: int
    n: int
    latency_ms: int
    said: str
    round_s: int | None = None


class FeedLine(NamedTuple):
    """A feed: whether it was read, when last, and since when so."""

    name: str
    ok: bool
    at: str
    since: str
    detail: str


def render(
    services: Sequence[ServiceLine],
    feeds: Sequence[FeedLine],
    budget: Sequence[str],
    *,
    width: int = 100,
    colour: bool = False,
) -> str:
    """Services first, then feeds, then the budget."""
    parts: list[RenderableType] = [Text(), _services(services)]
    if feeds:
        parts.append(_feeds(feeds))
    parts += [Text(quote(line, 300)) for line in budget]
    return printed(parts, width=width, colour=colour)


def shown_moment(at_s: float | None) -> str:
    """
    >>> shown_moment(0), shown_moment(None)
    ('1970-01-01 00:00 UTC', '-')
    """
    return "-" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"


def incidents_table(rows: Sequence[tuple[str, ...]], *, width: int = 100, colour: bool = False) -> str:
    """Service, began, ended, kind, source, shared with, witness: a row for each, and a line where there is none."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("service", "began", "ended", "kind", "source", "shared with", "witness"):
        table.add_column(column, overflow="fold", no_wrap=column in ("began", "ended", "kind"))
    for row in rows:
        table.add_row(*(Text(quote(cell, 200)) for cell in row))
    return printed([Text(), table] if rows else [Text("No incident is known.")], width=width, colour=colour)


def _services(services: Sequence[ServiceLine]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("service", "is a", "now", "last round", "up of last", "latency", "what it said"):
        table.add_column(column, overflow="fold", no_wrap=column in ("now", "last round"))
    for s in services:
        table.add_row(
            Text(quote(s.name)),
            s.kind,
            Text(s.state, style=_COLOURS[s.state]),
            s.when or "never",
            f"{s.up} of {s.n}" if s.n else "-",
            f"{s.latency_ms:,} ms" if s.latency_ms else "-",
            Text(quote(s.said, 160)),
        )
    return table


def _feeds(feeds: Sequence[FeedLine]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("feed", "now", "last read", "since", "detail"):
        table.add_column(column, overflow="fold")
    for f in feeds:
        state = Text("read", style="green") if f.ok else Text("BROKEN", style="bold red")
        table.add_row(Text(quote(f.name)), state, f.at, f.since, Text(quote(f.detail, 200)))
    return table
