"""Which format is a page of, by its shape? For the message about one that is not of the format named, and for a file
whose format nobody named."""

import json
import re
from collections.abc import Mapping

from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds.document import objects_in, page_encoding, word

_KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("instatus", ("activeIncidents",)),
    ("instatus", ("activeMaintenances",)),
    ("incident_io", ("ongoing_incidents",)),
    ("incident_io", ("status_page_incidents",)),
    ("incident_io", ("incident_links",)),
    ("status_io", ("result",)),
    ("sorry", ("notices",)),
    ("sorry", ("notice",)),
    ("statuspage", ("incidents",)),
    ("statuspage", ("scheduled_maintenances",)),
    ("better_stack", ("data", "included")),
    ("better_stack", ("data", "pagination")),
    ("cachet", ("data", "meta")),
    ("aws", ("archive", "current")),
)
"""Keys of a JSON object that only one format has; the first line that fits counts."""
ENTRY_KEYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("google_cloud", frozenset({"begin", "external_desc", "most_recent_update", "service_key", "status_impact"})),
    ("aws", frozenset({"arn", "event_log", "region_name", "event_type_code"})),
    ("upptime", frozenset({"commit", "labels"})),
)
"""Keys of the entries of a JSON list, of which one is enough."""
INSTATUS_STATES = frozenset({"UP", "HASISSUES", "UNDERMAINTENANCE", "ALLUNDERMAINTENANCE", "ALLDEGRADEDPERFORMANCE"})
_LOOKED_AT = 20_000
"""Bytes at the start of a page that is no JSON."""
_HTML = re.compile(r"<html\b|<!doctype html\b", re.IGNORECASE)
LINK = re.compile(r"<link\b[^<>]{0,500}>", re.IGNORECASE)
SYNDICATED = re.compile(r"\btype=[\"']?application/(rss|atom)\+xml\b", re.IGNORECASE)
HREF = re.compile(r"\bhref=[\"']?([^\"'\s<>]{1,200})", re.IGNORECASE)


def likely(data: bytes) -> str | None:
    """The format that a page seems to be of; None where its shape is none that is known.

    >>> likely(b"start,end"), likely(b'{"page": {}, "incidents": []}'), likely(b"<?xml version='1.0'?><feed>")
    ('csv', 'statuspage', 'atom')
    >>> likely(b'[{"begin": "2026-03-10T08:00:00+00:00"}]'), likely(b"<!doctype html><html>")
    ('google_cloud', None)
    """
    start = data[:_LOOKED_AT].decode(page_encoding(data), errors="replace").lstrip("\ufeff \r\n\t")
    if start.startswith("<"):
        return "atom" if "<feed" in start else "rss" if "<rss" in start or "<rdf:RDF" in start else None
    if start.startswith(("{", "[")):
        return _of_json(data)
    lines = [line for line in start.split("\n") if line.strip() and not line.startswith("#")]
    if lines and "start" in lines[0].lower().replace(";", ",").replace("\t", ",").split(","):
        return "csv"
    return "upptime" if "\nstatus:" in f"\n{start}" and "lastUpdated:" in start else None


def seen_as(data: bytes) -> str:
    """What to say of a page that is not of the format named: the format to name, or where a page for people says that
    its feed is; "" where neither is known.

    >>> seen_as(b'{"activeIncidents": []}')
    'format = "instatus"'
    >>> seen_as(b'<html><head><link rel="alternate" type="application/rss+xml" href="/history.rss">')
    'a page for people that names /history.rss as its feed (format = "rss")'
    """
    seems = likely(data)
    if seems:
        return looks_like(seems)
    start = data[:_LOOKED_AT].decode(errors="replace")
    if not _HTML.search(start):
        return ""
    for link in LINK.findall(start):
        kind, place = SYNDICATED.search(link), HREF.search(link)
        if kind and place:
            return f'a page for people that names {quote(place[1], 100)} as its feed (format = "{kind[1].lower()}")'
    return 'a page for people; name the address of its feed (often format = "rss" or "atom")'


def looks_like(name: str) -> str:
    return f'format = "{name}"'


def _of_json(data: bytes) -> str | None:
    """Of one JSON value; of JSON lines, by the first."""
    text = data.decode(page_encoding(data), errors="replace")
    try:
        tree: object = json.loads(text)
    except (ValueError, RecursionError):
        try:
            tree = json.loads(text.lstrip().partition("\n")[0])
        except (ValueError, RecursionError):
            return None
        return _of_entry(tree) or ("csv" if isinstance(tree, Mapping) and {"start", "_scripted"} & set(tree) else None)
    if isinstance(tree, Mapping):
        return _of_object(tree)
    return next((found for entry in list(objects_in(tree))[:3] if (found := _of_entry(entry))), None)


def _of_object(tree: Mapping[str, object]) -> str | None:
    found = next((name for name, keys in _KEYS if all(k in tree for k in keys)), None)
    if found:
        return found
    page, data = tree.get("page"), tree.get("data")
    if isinstance(page, Mapping) and word(page, "status") in INSTATUS_STATES:
        return "instatus"
    if isinstance(data, Mapping) and data.get("type") == "status_page":
        return "better_stack"
    if any(e.get("type") == "status_report" for e in objects_in(data)):
        return "better_stack"
    if isinstance(data, list):
        return "cachet"
    if isinstance(tree.get("summary"), Mapping):
        return "incident_io"
    lists = [e for value in tree.values() for e in list(objects_in(value))[:1]]
    return next((name for e in lists if (name := _of_entry(e)) == "aws"), None) or ("csv" if "start" in tree else None)


def _of_entry(entry: object) -> str | None:
    keys = set(entry) if isinstance(entry, Mapping) else set()
    return next((name for name, some in ENTRY_KEYS if keys & some), None)
