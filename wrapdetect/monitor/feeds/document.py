"""A page's bytes -> text or JSON, walked without trust; and what a page that does not fit is called in a message."""

import json
import re
from collections.abc import Iterator, Mapping

from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds.base import FeedSource
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import Update

_LOOKED_AT = 20_000
"""Bytes at the start of a page in which a title is looked for."""
TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{0,300})", re.IGNORECASE)

JsonObject = Mapping[str, object]


def describe(data: bytes) -> str:
    """What a page seems to be, for a message.

    >>> describe(b"<!DOCTYPE html><html><head><title>Sign in</title>")
    'HTML that begins with <title>Sign in'
    >>> describe(b'{"incidents": [')
    'text that begins with {"incidents": ['
    """
    if not data.strip():
        return f"an empty page ({len(data)} bytes)"
    start = data[:_LOOKED_AT]
    if b"<html" in start[:2000].lower() or b"<!doctype html" in start[:2000].lower():
        titled = TITLE.search(start)
        first = b"<title>" + titled.group(1) if titled else start[:60]
        return f"HTML that begins with {quote(first.decode(errors='replace'), 70)}"
    try:
        start[:60].decode()
    except UnicodeDecodeError as error:
        if error.start < 50:
            return f"bytes that begin with {data[:8].hex(' ')}"
    return f"text that begins with {quote(start[:60].decode(errors='replace'), 70)}"


def page_text(data: bytes, source: FeedSource, expected: str) -> str:
    """Strict UTF-8, with or without a byte order mark, or UTF-16, as AWS sends. Raises FeedError for anything else, and
    for an empty page."""
    encoding = page_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        byte = data[error.start] if error.start < len(data) else 0
        seen = f"{describe(data)} (byte 0x{byte:02x} at {error.start} is no {encoding[:6].rstrip('-').upper()})"
        raise source.wrong(seen, expected) from error
    if not text.strip():
        raise source.wrong(describe(data), expected)
    return text


def page_encoding(data: bytes) -> str:
    """UTF-16 by its mark, or by the zero beside a first ASCII character; else UTF-8.

    >>> page_encoding("[]".encode("utf-16")), page_encoding(b"\\0["), page_encoding(b"[]")
    ('utf-16', 'utf-16-be', 'utf-8-sig')
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(data) > 1 and (data[0] == 0) != (data[1] == 0):
        return "utf-16-be" if data[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def page_json(data: bytes, source: FeedSource, expected: str) -> object:
    """Raises FeedError for what is not JSON, saying where it breaks off."""
    text = page_text(data, source, expected)
    try:
        tree: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise source.wrong(f"{describe(data)} ({quote(str(error), 80)})", expected) from error
    return tree


def shape_of(page: object) -> str:
    """JSON that is of another shape than expected, for a message.

    >>> shape_of({"page": {}, "components": []}), shape_of([{"id": 1}]), shape_of([])
    ('an object with components, page', 'a list of objects with id', 'a JSON value')
    """
    if isinstance(page, list) and page and isinstance(page[0], dict):
        return f"a list of {shape_of(page[0]).replace('an object', 'objects', 1)}"
    names = quote(", ".join(sorted(map(str, page))[:6]), 100) if isinstance(page, dict) else ""
    return f"an object with {names or 'nothing'}" if isinstance(page, dict) else "a JSON value"


def mapping(value: object, name: str = "the entry") -> JsonObject:
    """Raises EntryError for anything but an object."""
    if not isinstance(value, Mapping):
        raise EntryError(f"{name} is {quote(repr(value), 60)}; expected an object")
    return value


def entries_of(value: object) -> list[object]:
    """All of a list, whatever its entries are; nothing where it is no list."""
    return value if isinstance(value, list) else []


def objects_in(value: object) -> Iterator[JsonObject]:
    """The objects of a list; nothing where it is no list."""
    if isinstance(value, list):
        yield from (v for v in value if isinstance(v, Mapping))


def word(entry: JsonObject, *names: str) -> str:
    """The first of these fields that holds text or a number, fit to print and to store; "" where none does."""
    for name in names:
        value = entry.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return quote(value if isinstance(value, str) else str(value) if abs(value) < 10**15 else "", 200)
    return ""


def entry_name(entry: JsonObject, *names: str) -> str:
    """The entry's id. Raises EntryError where it has none: without, it cannot be told from the next."""
    found = word(entry, *names)
    if not found:
        raise EntryError(f"it has no {names[0]}")
    return found


def updates_of(
    source: FeedSource, listed: object, statuses: tuple[str, ...], times: tuple[str, ...]
) -> tuple[tuple[Update, ...], str]:
    """Posts of a list, each with the first of these fields that holds a status and a time; and what is wrong with the
    first time that cannot be read. A post without a time tells nothing."""
    updates: list[Update] = []
    unread = ""
    for post in objects_in(listed):
        at_s, wrong = source.end(post, *times)
        unread = unread or wrong
        if at_s is not None:
            updates.append(Update(at_s, word(post, *statuses)))
    return tuple(updates), unread


def texts_in(value: object, *fields: str) -> tuple[str, ...]:
    """The names of a list of objects or of plain texts, each once: the components of an incident."""
    found = [word(v, *fields) for v in objects_in(value)]
    found += [quote(v, 200) for v in value if isinstance(v, str)] if isinstance(value, list) else []
    return tuple(dict.fromkeys(name for name in found if name))
