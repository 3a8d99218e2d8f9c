"""Upptime, a monitor that lives in a GitHub repository. Three of its pages can be read:

- its issues, api.github.com/repos/OWNER/REPO/issues?state=all&per_page=100&labels=status,SITE: an issue for each
  outage, opened by the first check that failed and closed by the first that did not;
- its commits, .../commits?path=history/SITE.yml&per_page=100, as that list or as JSON lines: every change of state;
- history/SITE.yml itself: the state now.

Shapes: upptime.js.org and docs.github.com/rest. Its checks run from GitHub's machines, which many sites block: a site
that is down for Upptime alone is often up. Only the monitor's own rounds tell.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from wrapdetect.model.history import Incident
from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import severity_of

_EXPECTED = (
    "an Upptime page: GitHub's JSON list of its issues or commits, or a history/SITE.yml with status and lastUpdated"
)
CHECKED_EVERY_S = 15 * base.MINUTE_S
"""A check is due every 5 minutes; GitHub runs scheduled jobs late, and drops some when busy."""
_FIELD = re.compile(r"^([A-Za-z]{1,40}):[ \t]*(.{0,500})$", re.MULTILINE)
CHANGE = re.compile(r"\b(is down|is up|is back up|has degraded performance|is degraded|performance has improved)\b")
_STATES = {"is down": "down", "has degraded performance": "degraded", "is degraded": "degraded"}


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Down is severity 3, degraded 1, maintenance 0. Lists cover the time since their oldest entry, a yml the moment.

    Raises FeedError for any other page.
    """
    text = document.page_text(data, source, _EXPECTED).lstrip()
    if text[0] not in "[{":
        return _site(data, text, source)
    listed = _listed(data, text, source)
    if any("commit" in e for e in document.objects_in(listed)):
        return _history(listed, source)
    if listed and not any("labels" in e for e in document.objects_in(listed)):
        raise source.wrong(document.shape_of(listed), _EXPECTED)
    found = ((f"issue {i}", entry) for i, entry in enumerate(listed, 1))
    return base.latest(base.gather_entries(found, partial(_issue, source=source), source), source)


def _listed(data: bytes, text: str, source: base.FeedSource) -> list[object]:
    """A JSON list, or JSON lines as a list. Raises FeedError for a lone object, as GitHub's errors are."""
    try:
        lines = [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        lines = []
    if len(lines) > 1 or (lines and isinstance(lines[0], dict) and "commit" in lines[0]):
        return lines
    tree = document.page_json(data, source, _EXPECTED)
    if isinstance(tree, list):
        return tree
    said = document.word(tree, "message") if isinstance(tree, dict) else ""
    raise source.wrong(f"a JSON object{f' that says «{said}»' if said else ''}", _EXPECTED)


def _issue(raw: object, *, source: base.FeedSource) -> base.FeedEntry | None:
    """None for pull requests, and for issues that Upptime did not open."""
    issue = document.mapping(raw)
    given = issue.get("labels")
    labels = {document.word(label, "name") for label in document.objects_in(given)}
    labels |= {label for label in given if isinstance(label, str)} if isinstance(given, list) else set()
    if issue.get("pull_request") or not labels & {"status", "maintenance"}:
        return None
    title = document.word(issue, "title")
    opened_s = source.time(issue, "created_at")
    if opened_s is None:
        raise EntryError("it has no created_at")
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=document.entry_name(issue, "number", "id"),
        title=title,
        began_s=opened_s,
        early_s=CHECKED_EVERY_S,
        late_s=0,
        ended_s=None if document.word(issue, "state") == "open" else source.time(issue, "closed_at"),
        severity=0 if "maintenance" in labels else 1 if "degraded" in title.lower() else 3,
    )
    return base.FeedEntry(incident, opened_s)


def _history(listed: list[object], source: base.FeedSource) -> base.Parsed:
    """Incidents between changes of state; a commit that tells no state (response times) is passed over."""
    changes: list[tuple[int, str, str]] = []
    refused: list[str] = []
    for i, raw in enumerate(listed, 1):
        try:
            changes += _change(raw, source)
        except EntryError as error:
            refused.append(f"commit {i}: {error}; left out")
    if not changes:
        first = refused[0] if refused else "none says that a site is up or down"
        raise source.wrong(f"{len(listed):,} commits without a state ({first})", _EXPECTED)
    found = ((f"commit of {e.incident.id}", e) for e in _between(sorted(changes), source))
    entries = base.gather_entries(found, lambda e: e if isinstance(e, base.FeedEntry) else None, source)
    since_s = min(min(at_s for at_s, _, _ in changes), source.fetched_s)
    page = base.parsed(entries, base.stretch(source, since_s, source.fetched_s))
    return replace(page, refused=(*refused, *page.refused))


def _change(raw: object, source: base.FeedSource) -> Iterator[tuple[int, str, str]]:
    """The time, state and message of a commit that tells a state."""
    commit = document.mapping(document.mapping(raw).get("commit"), "commit")
    message = document.word(commit, "message")
    told = CHANGE.search(message)
    if told is None:
        return
    at_s = source.time(document.mapping(commit.get("author") or commit.get("committer"), "author"), "date")
    if at_s is None:
        raise EntryError("it has no date")
    yield at_s, _STATES.get(told.group(1), "up"), message


def _between(changes: Iterable[tuple[int, str, str]], source: base.FeedSource) -> Iterator[base.FeedEntry]:
    """An incident for each stretch of one state that is not up."""
    began: tuple[int, str, str] | None = None
    for at_s, state, message in changes:
        if began is not None and state != began[1]:
            yield _stretch(began, at_s, source)
            began = None
        if began is None and state != "up":
            began = (at_s, state, message)
    if began is not None:
        yield _stretch(began, None, source)


def _stretch(began: tuple[int, str, str], ended_s: int | None, source: base.FeedSource) -> base.FeedEntry:
    at_s, state, message = began
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=f"{state}-{at_s}",
        title=message,
        began_s=at_s,
        early_s=CHECKED_EVERY_S,
        late_s=0,
        ended_s=ended_s,
        severity=severity_of(state),
    )
    return base.FeedEntry(incident, at_s)


def _site(data: bytes, text: str, source: base.FeedSource) -> base.Parsed:
    """The state now. While a site is down its file is written anew every few hours, so that the onset may lie anywhere
    between the start of the monitoring and the last writing: it is given as just that."""
    fields = {m.group(1): m.group(2).strip().strip("'\"") for m in _FIELD.finditer(text)}
    state = fields.get("status", "").lower()
    if state not in ("up", "down", "degraded") or "lastUpdated" not in fields:
        raise source.wrong(document.describe(data), _EXPECTED)
    if state == "up":
        return base.momentary(base.gather_entries((), partial(_down, source=source), source), source)
    return base.momentary(base.gather_entries([("the file", fields)], partial(_down, source=source), source), source)


def _down(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    fields = document.mapping(raw)
    written_s = source.time(fields, "lastUpdated")
    since_s = source.time(fields, "startTime")
    if written_s is None:
        raise EntryError("lastUpdated holds no time")
    state = document.word(fields, "status").lower()
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=f"{base.UNNAMED}{written_s}",
        title=f"{document.word(fields, 'url')} is {state} (code {document.word(fields, 'code') or 'unknown'})",
        began_s=written_s,
        early_s=max(written_s - since_s, CHECKED_EVERY_S) if since_s is not None else CHECKED_EVERY_S,
        late_s=0,
        ended_s=None,
        severity=severity_of(state),
    )
    return base.FeedEntry(incident, written_s)
