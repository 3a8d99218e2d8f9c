"""A monitor as it stands, for a terminal: services, feeds, budget."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wrapdetect.model.prose import quote
from wrapdetect.report.console.parts import printed
from wrapdetect.report.nouns import FeedNow, MonitorNow, ServiceNow

if TYPE_CHECKING:  # loads what compares, which a report does not need
    from wrapdetect.monitor.incidents import Listed

_COLOURS = {"up": "green", "down": "bold red", "unknown": "yellow", "feed only": "dim"}


def render(now: MonitorNow, *, width: int = 100, colour: bool = False) -> str:
    """Services first, then feeds, then the budget, then trouble."""
    parts: list[RenderableType] = [Text(), _services(now.services)]
    if now.feeds:
        parts.append(_feeds(now.feeds))
    parts += [Text(quote(line, 300)) for line in _lines(now)]
    return printed(parts, width=width, colour=colour)


def _lines(now: MonitorNow) -> Iterator[str]:
    """Budget, store, and what is wrong."""
    yield now.plan
    yield (f"reserved today (UTC): {now.requests.reserved_today:,} requests, {now.tokens.reserved_today:,} tokens")
    yield f"store: {now.store}, {now.store_bytes / 1e6:.1f} MB"
    for t in now.trouble:
        yield f"{t.what} since {shown_moment(t.since_s)}: {t.text}"
    if now.silent_since_s is not None:
        yield (
            f"the last round is of {shown_moment(now.silent_since_s)}: nobody asks any more; "
            "start wrapdetect monitor run, or once by a timer"
        )


def shown_moment(at_s: float | None) -> str:
    """
    >>> shown_moment(0), shown_moment(None)
    ('1970-01-01 00:00 UTC', '-')
    """
    return "-" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"


def incidents_table(listed: Sequence["Listed"], *, width: int = 100, colour: bool = False) -> str:
    """Service, began, ended, kind, source, shared with, witness: a row for each, and a line where there is none."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("service", "began", "ended", "kind", "source", "shared with", "witness"):
        table.add_column(column, overflow="fold", no_wrap=column in ("began", "ended", "kind"))
    for one in listed:
        began, ended = shown_moment(one.latest_s), shown_moment(one.ended_latest_s)
        row = (one.service, began, ended, one.kind, one.source, ", ".join(one.shared), one.witness)
        table.add_row(*(Text(quote(cell, 200)) for cell in row))
    return printed([Text(), table] if listed else [Text("No incident is known.")], width=width, colour=colour)


def _services(services: Sequence[ServiceNow]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("service", "is a", "now", "last round", "up of last", "latency", "what it said"):
        table.add_column(column, overflow="fold", no_wrap=column in ("now", "last round"))
    for s in services:
        table.add_row(
            Text(quote(s.name)),
            s.kind,
            Text(s.state, style=_COLOURS[s.state]),
            "never" if s.round_s is None else shown_moment(s.round_s),
            f"{s.up} of {s.n}" if s.n else "-",
            f"{s.latency_ms:,} ms" if s.latency_ms else "-",
            Text(quote(s.said, 160)),
        )
    return table


def _feeds(feeds: Sequence[FeedNow]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("feed", "now", "last read", "since", "detail"):
        table.add_column(column, overflow="fold")
    for f in feeds:
        state = Text("read", style="green") if f.ok else Text("BROKEN", style="bold red")
        table.add_row(
            Text(quote(f.name)), state, shown_moment(f.at_s), shown_moment(f.since_s), Text(quote(f.detail, 200))
        )
    return table
