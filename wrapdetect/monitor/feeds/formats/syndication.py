"""RSS and Atom feeds of status pages: Statuspage's, whose text holds every update with its time; incident.io's, whose
text holds the last status only; and others, with an item for each update.

Times of a feed's own fields are no onsets: Statuspage puts the last update (or a schedule) in pubDate and the end in
Atom's `published`. Only given bytes are parsed, and only well-formed XML without entities of its own.
"""

import io
import re
from collections.abc import Iterable, Mapping
from functools import partial
from xml.parsers import expat

import feedparser  # type: ignore[import-untyped]  # ships no types

from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds import base, document, wording
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.posts import Post, together
from wrapdetect.monitor.feeds.status import UNSTATED, Update, is_planned, phase, severity_of
from wrapdetect.monitor.feeds.titles import marked
from wrapdetect.monitor.feeds.wording import UPDATE

__all__ = ["UPDATE", "parse_atom", "parse_rss"]

PROLOG_LIMIT = 4_096
"""Bytes before the first element: feedparser takes time that grows with the square of the white space there."""
DEPTH_LIMIT = 64
ENTRY_LIMIT = 2000
"""Levels of elements, and entries, of one feed; status pages have 5 levels (XHTML text some more), 25 or 50 entries."""
TEXT_READ = 100_000
"""Characters of one entry's text."""

_TAG = re.compile(r"<[^<>]{0,500}>")
OF_UPDATE = re.compile(r"/updates?/[^/?]{1,100}/?\Z")
"""The end of a link to an update, behind that of its incident."""
STATUS = re.compile(
    r"\bStatus:\s{0,3}((?:Maintenance\s)?(?:Investigating|Identified|Monitoring|Resolved|Scheduled|In progress|"
    r"Verifying|Completed?|Postmortem|False alarm)\b)",
    re.IGNORECASE,
)
"""incident.io's: "Status: Resolved"."""
_PLANNED = re.compile(r"SCHEDULED EVENT|\bType:\s{0,3}Maintenance\b")
"""Statuspage's and Instatus's."""
COMPONENT = re.compile(
    r"<li>\s{0,9}([^<>()]{1,200}?)\s{0,9}\((Operational|Full outage|Major outage|Partial outage|Degraded performance|"
    r"Under maintenance)\)",
    re.IGNORECASE,
)
"""incident.io's: "<li>Chat (Partial outage)</li>"."""
AFFECTED = re.compile(r"\bAffected Components?:\s{0,3}(?:</?[a-z]{1,8}>\s{0,3}){0,3}([^<>\n]{1,500})", re.IGNORECASE)
"""Instatus's: "Affected Components: API, Web<br>"."""


def parse_rss(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Raises FeedError for what is no well-formed RSS."""
    return _parse(data, source, {"rss", "RDF"}, "an RSS feed, <rss>")


def parse_atom(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Raises FeedError for what is no well-formed Atom."""
    return _parse(data, source, {"feed"}, "an Atom feed, <feed>")


def _parse(data: bytes, source: base.FeedSource, roots: set[str], expected: str) -> base.Parsed:
    data = data.lstrip(b" \t\r\n")  # some programs print a line before it
    root = _root(data, source, expected)
    if root not in roots:
        raise source.wrong(
            document.describe(data) if root == "html" else f"XML whose root is <{quote(root, 40)}>", expected
        )
    # a stream: bytes that happen to be a path would be opened. Ill-formed XML, for which its loose parser is, is gone.
    tree = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    posts: list[Post] = []
    unread: list[tuple[str, object]] = []
    for i, raw in enumerate(tree.entries, 1):
        try:
            posts.append(_post(raw, source))
        except EntryError as error:
            unread.append((f"entry {i}", error))
    found = [(f"entry {key}", (key, some)) for key, some in together(posts).items()]
    return base.latest(base.gather_entries([*found, *unread], partial(_entry, source=source), source), source)


def _root(data: bytes, source: base.FeedSource, expected: str) -> str:
    """The name of the root element. Raises FeedError for XML that is ill-formed, declares entities (bombs), nests or
    lists more than any feed does: feedparser takes time that grows with the square of the depth."""
    root, depth, entries = "", 0, 0
    parser = expat.ParserCreate()

    def start(name: str, _: object) -> None:
        nonlocal root, depth, entries
        local = name.rpartition(":")[2]
        if not root and parser.CurrentByteIndex > PROLOG_LIMIT:
            raise source.wrong(f"XML with {parser.CurrentByteIndex:,} bytes before its first element", expected)
        root = root or local
        depth += 1
        entries += local in ("item", "entry")
        if depth > DEPTH_LIMIT or entries > ENTRY_LIMIT:
            raise source.wrong(f"XML of more than {DEPTH_LIMIT} levels or {ENTRY_LIMIT:,} entries", expected)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def entity(*_: object) -> None:
        raise source.wrong("XML that declares entities of its own", expected)

    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = start, end, entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise source.wrong(f"{document.describe(data)} ({quote(str(error), 80)})", expected) from error
    return root


def _post(raw: Mapping[str, object], source: base.FeedSource) -> Post:
    markup = str(_content(raw) or "")[:TEXT_READ]
    title, text = marked(quote(_plain(raw.get("title")), 200)), _plain(markup)
    posted_s = _own_time(raw, source)
    updates = wording.updates(text, posted_s, source.zone)
    said = STATUS.search(text)
    newest = max(updates, key=lambda u: (u.at_s, phase(u.status) == "over"), default=None)
    status = newest.status if newest else said[1].removeprefix("Maintenance ") if said else title.status
    page = quote(OF_UPDATE.sub("", str(raw.get("link") or "").partition("#")[0]), 200)
    guid = quote(str(raw.get("id") or ""), 200)
    if not page and not guid:
        raise EntryError(f"{title.bare or 'it'} has neither link nor id")
    hurt = [word for _, word in COMPONENT.findall(markup) if word.lower() != "operational"]
    worst = [severity_of(word) for word in hurt] or [title.severity or UNSTATED]
    return Post(
        guid=guid,
        page=page,
        title=title.bare,
        status=status,
        updates=updates or (Update(posted_s, status),),
        whole=bool(updates),
        planned=bool(_PLANNED.search(text)) or is_planned(status, title.status),
        components=_components(raw, markup),
        severity=max(worst),
        posted_s=posted_s,
        stated=wording.Stated(None, None) if updates else _not_ahead(wording.stated(text, posted_s), posted_s),
    )


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    """Posts about one incident, put together."""
    if isinstance(raw, EntryError):
        raise raw
    assert isinstance(raw, tuple)
    key: str = raw[0]
    posts: list[Post] = raw[1]
    updates = sorted({u for p in posts for u in p.updates})
    # one last post only, "resolved": its beginning is not told, so that it is no note of zero length
    several = any(p.whole for p in posts) or len(updates) > 1
    stated, doubt = _stated(posts, updates)
    told = base.Told(
        id=key,
        title=posts[-1].title,
        posted_s=posts[0].posted_s,
        began=_onset(updates, several) if stated.began_s is None else base.onset(stated.began_s, updates[0].at_s),
        severity=0 if any(p.planned for p in posts) or _planned(updates) else max(p.severity for p in posts),
        updates=tuple(updates),
        stated_s=stated.ended_s,
        components=tuple(dict.fromkeys(name for p in posts for name in p.components)),
        unread=doubt,
        noted=several,
    )
    return base.entry_of(told, source)


def _not_ahead(stated: wording.Stated, posted_s: int) -> wording.Stated:
    """A beginning after the post that states it is one of a plan, or of something else."""
    ahead = stated.began_s is not None and stated.began_s > posted_s
    return wording.Stated(None, None) if ahead else stated


def _stated(posts: list[Post], updates: list[Update]) -> tuple[wording.Stated, str]:
    """What the texts state, by the newest that does; and a doubt. Posts that it is open, half an hour after the stated
    end and later, are believed before the text."""
    began_s = next((p.stated.began_s for p in reversed(posts) if p.stated.began_s is not None), None)
    ended_s = next((p.stated.ended_s for p in reversed(posts) if p.stated.ended_s is not None), None)
    lasting = [u.at_s for u in updates if phase(u.status) in (None, "open")]
    if ended_s is not None and lasting and max(lasting) - ended_s > base.POSTED_LATE_S:
        return wording.Stated(None, None), "its text states an end before a post that it lasts: the posts count"
    if not any(u.status for u in updates) and ended_s is None:
        return wording.Stated(began_s, None), "no status is told: whether it is over is not known"
    return wording.Stated(began_s, ended_s), ""


def _planned(updates: Iterable[Update]) -> bool:
    return any(is_planned(u.status) for u in updates)


def _onset(updates: list[Update], several: bool) -> base.Onset:
    first = updates[0]
    if several:
        return base.onset(None, first.at_s)
    return base.Onset(first.at_s, base.POST_ONLY_S if phase(first.status) in (None, "open") else base.LAST_POST_S, 0)


def _own_time(raw: Mapping[str, object], source: base.FeedSource) -> int:
    """The entry's own time: RSS pubDate, Atom published, else updated. Raises EntryError where it has none."""
    fields = {name: raw[name] for name in ("published", "updated") if name in raw}
    at_s = source.time(fields, "published", "updated")
    if at_s is None:
        raise EntryError("it has no time that can be read (pubDate, published or updated)")
    return at_s


def _components(raw: Mapping[str, object], markup: str) -> tuple[str, ...]:
    """Those that the text names as affected; else its categories."""
    listed = AFFECTED.search(markup)
    named = [name for name, _ in COMPONENT.findall(markup)]
    named += [name.strip() for name in listed[1].split(",")] if listed else []
    return document.texts_in(named) or document.texts_in(raw.get("tags"), "term")


def _content(raw: Mapping[str, object]) -> object:
    content = raw.get("content")
    first = content[0] if isinstance(content, list) and content else None
    value = first.get("value") if isinstance(first, Mapping) else None
    return value or raw.get("summary")


def _plain(markup: object) -> str:
    """Text without tags, on one line."""
    return " ".join(_TAG.sub(" ", str(markup or "")[:TEXT_READ]).split())
