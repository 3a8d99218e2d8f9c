"""Anybody's list of incidents: CSV or JSON lines with start and end, and where known title, severity and id.

Whoever writes such a list states the onsets: they are taken as known to +-5 minutes.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from wrapdetect.model.history import Incident
from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError, instant
from wrapdetect.monitor.feeds.status import SEVERITY, UNSTATED, letters, severity_of

_EXPECTED = "CSV with the columns start,end[,title,severity,id], or JSON lines with these fields"
DELIMITERS = ",;\t"
DATE_ONLY = 10
"""Characters of 2026-01-31, a day without a time."""


def parse(
    data: bytes, source: base.FeedSource, *, since_s: int | None = None, until_s: int | None = None
) -> base.Parsed:
    """Incidents, by onset. Times without a zone are of the source's; where it has none they are refused, with their
    line.

    Covers the time from the first start to the last end or start, unless `since_s` or `until_s` say otherwise: such a
    list does not tell how long it was kept. Without an incident and without these two, nothing is covered. A row whose
    end is its start is kept as it is: the list says so. Raises FeedError for a page of another shape.
    """
    text = document.page_text(data, source, _EXPECTED)
    rows = _json_lines(text, source) if text.lstrip().startswith("{") else _csv(text, data, source)
    found = base.gather_entries(rows, partial(_entry, source=source), source)
    ends = [e.incident.ended_s or e.incident.began_s for e in found.entries]
    first = since_s if since_s is not None else min((e.incident.began_s for e in found.entries), default=None)
    last = until_s if until_s is not None else max(ends, default=None)
    known = first is not None and last is not None and first <= last
    covered = base.stretch(source, first, last) if known and first is not None and last is not None else None
    return base.parsed(found, covered)


def _csv(text: str, data: bytes, source: base.FeedSource) -> Iterator[tuple[str, object]]:
    """Rows by column, with their line. Raises FeedError without a column `start`, and for what csv cannot read."""
    header = next((line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        filled = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        # a first line may say where the list comes from
        columns = next((names for _, row in filled if (names := _columns(row)) and not names[0].startswith("#")), [])
        if "start" not in columns:
            raise source.wrong(f"{document.describe(data)} (columns {quote(', '.join(columns), 80)})", _EXPECTED)
        for line, row in filled:
            yield f"line {line}", dict(zip(columns, row, strict=False))
    except csv.Error as error:
        raise source.wrong(f"line {reader.line_num} that is no CSV ({error})", _EXPECTED) from error


def _columns(row: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in row]


def _json_lines(text: str, source: base.FeedSource) -> Iterator[tuple[str, object]]:
    """Raises FeedError where not even the first line is JSON; a later one is refused by its line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == 1:
                raise source.wrong(f"a first line that is no JSON ({quote(str(error), 80)})", _EXPECTED) from error
            yield f"line {number}", EntryError(f"is no JSON ({quote(str(error), 80)})")


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry | None:
    if isinstance(raw, EntryError):
        raise raw
    row = document.mapping(raw, "the line")
    if "_scripted" in row and "start" not in row:
        return None
    start_s, end_s = _time(row, "start", source), _time(row, "end", source)
    if start_s is None:
        raise EntryError("it has no start")
    title = document.word(row, "title")
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=document.word(row, "id") or f"{base.spoken(start_s)} {title}".strip(),
        title=title,
        began_s=start_s,
        early_s=base.STATED_S,
        late_s=base.STATED_S,
        ended_s=end_s,
        severity=_severity(row),
    )
    return base.FeedEntry(incident, start_s)


def _time(row: Mapping[str, object], name: str, source: base.FeedSource) -> int | None:
    """A cell as a time; of a day alone nothing is guessed."""
    text = row.get(name)
    if isinstance(text, str):
        text = text.strip()
        if 0 < len(text) <= DATE_ONLY and not text.isdecimal():
            raise EntryError(f"{name} {quote(repr(text), 40)} is a day without a time; an onset needs its minute")
    return instant(text, name, source.zone)


def _severity(row: Mapping[str, object]) -> int:
    """0 to 3, or a word of a status page; UNSTATED where none is given. Raises EntryError for anything else."""
    text = document.word(row, "severity")
    if not text:
        return UNSTATED
    if text in ("0", "1", "2", "3"):
        return int(text)
    if letters(text) not in SEVERITY:
        raise EntryError(f"severity is {quote(text, 40)}; expected 0 to 3, or none, minor, major, critical")
    return severity_of(text)
