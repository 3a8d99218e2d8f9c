"""Which entries of a syndicated feed tell of one incident?"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from wrapdetect.monitor.feeds.status import Update, phase
from wrapdetect.monitor.feeds.wording import Stated

NOUNS = frozenset({"incident", "incidents", "issue", "issues", "event", "events", "notice", "notices", "maintenance"})
NOUNS |= {"maintenances", "outage", "outages", "status-report", "status-reports"}
"""Words of a path after which an incident's own name stands."""
PLACES = frozenset({"all", "archive", "atom", "current", "feed", "history", "index", "latest", "past", "recent", "rss"})
PLACES |= {"dashboard", "health", "home", "status", *NOUNS}
"""Last words of a path that are no incident's name, with or without an ending such as .html."""
_NAME = re.compile(r"(?=.*\d)(?!(19|20)\d\d(-?\d\d){0,2}$)[\w.-]{3,80}")
"""An identifier: with a digit, and no date."""
STAMPED = re.compile(r"(.*[^0-9])(\d{10})")
STAMP_S = 120
"""An id that ends in the time of its own post, within this, names the post and what comes before it a stream."""
SILENCE_S = 86_400
"""A stream that is silent for longer tells of another incident: AWS posts every 7 hours at least while one lasts."""


class Post(NamedTuple):
    """One entry of a feed. `guid`: its own id, "" for none. `page`: its link without the fragment. `title` is without
    marks, `status` what it says now ("" for nothing), `whole`: its text holds all updates, and not only the last."""

    guid: str
    page: str
    title: str
    status: str
    updates: tuple[Update, ...]
    whole: bool
    planned: bool
    components: tuple[str, ...]
    severity: int
    posted_s: int
    stated: Stated


def together(posts: Sequence[Post]) -> dict[str, list[Post]]:
    """Posts by incident, each in order of time. The first of these rules that fits an entry decides:

    1. Its link is an incident's own page: the path goes on after a word such as /incidents/, or its last part, an
       identifier, stands in the entry's id too. Entries of one such page are one incident, whatever their titles and
       ids (Google Cloud and Better Stack: one for each update; Statuspage, incident.io, Instatus: one for each).
    2. Its id ends in the second at which it was posted (AWS: #ec2-us-east-1_1795766400): it names a post in a stream.
       The posts of a stream are one incident until one says that it is over, or the stream is silent for a day.
    3. It says its status (and does not hold all updates), or has no id at all: entries of one title are a stream, as in
       rule 2, and the incident has the id of the first of them.
    4. Its own id (guid, Atom's id) is the incident.

    A link that many entries share (Azure: one page for all) is no identity in any of them, and neither is an id that is
    that link.
    """
    shared = _shared(posts)
    streams: dict[str, list[Post]] = {}
    for post in sorted(posts, key=lambda p: p.posted_s):
        nobodys = post.page in shared or is_page_of_all(post.page)
        owned = post._replace(guid="") if post.guid == post.page and nobodys else post
        streams.setdefault(_stream(owned), []).append(owned)
    return {key: story for stream, some in streams.items() for key, story in _stories(stream, some)}


def is_incident_page(page: str, guid: str = "") -> bool:
    """Whether a link names an incident, and not a page of all.

    >>> is_incident_page("https://status.example/incidents/x7"), is_incident_page("https://status.example/incidents/history")
    (True, False)
    >>> is_incident_page("https://status.example/r/ab12", "tag:ab12.update-2"), is_incident_page("https://azure.example/status")
    (True, False)
    """
    parts = _parts(page)
    if is_page_of_all(page):
        return False
    follows = any(part.lower() in NOUNS for part in parts[:-1])
    return follows or bool(_NAME.fullmatch(parts[-1]) and guid.partition("#")[0] != page and parts[-1] in guid)


def is_page_of_all(page: str) -> bool:
    """Whether a link is that of a site, or of a place in it such as its history."""
    parts = _parts(page)
    return not parts or parts[-1].partition(".")[0].lower() in PLACES


def _parts(page: str) -> list[str]:
    """The path of a link; nothing for one that is none."""
    try:
        return [part for part in urlsplit(page).path.split("/") if part]
    except ValueError:
        return []


def _shared(posts: Iterable[Post]) -> frozenset[str]:
    """Links that entries of different titles have."""
    titles: dict[str, set[str]] = {}
    for post in posts:
        titles.setdefault(post.page, set()).add(post.title.casefold())
    return frozenset(page for page, some in titles.items() if len(some) > 1)


def _stream(post: Post) -> str:
    """The key under which posts may be of one incident; it ends in a space where time decides whether they are."""
    if is_incident_page(post.page, post.guid):
        return post.page
    stamped = STAMPED.fullmatch(post.guid)
    if stamped and abs(int(stamped[2]) - post.posted_s) <= STAMP_S:
        return f"{stamped[1]} "
    if post.guid and (post.whole or not post.status):
        return post.guid
    return f"{'' if post.guid else post.page} {post.title.casefold()} "


def _stories(stream: str, posts: list[Post]) -> Iterable[tuple[str, list[Post]]]:
    """A stream cut where an incident is over, or all is silent; what is no stream is one incident."""
    if not stream.endswith(" "):
        return [(stream, posts)]
    stories: list[list[Post]] = []
    for post in posts:
        if stories and _goes_on(stories[-1][-1], post):
            stories[-1].append(post)
        else:
            stories.append([post])
    return [(story[0].guid or f"{stream.strip()} {story[0].posted_s}", story) for story in stories]


def _goes_on(last: Post, post: Post) -> bool:
    if phase(post.status) == "afterword" or (last.guid and last.guid == post.guid):
        return True
    return phase(last.status) in (None, "open") and post.posted_s - last.posted_s <= SILENCE_S
