"""What does a title say beside the incident's name? "RESOLVED: ", "[Update] ", " - Resolved", "Service impact: "."""

import re
from typing import NamedTuple

from wrapdetect.monitor.feeds.status import PHASES, RANK, letters, phase

GRAVITY = {"serviceisoperatingnormally": 1, "informationalmessage": 1, "performanceissues": 2, "servicedegradation": 2}
GRAVITY |= {"serviceimpact": 2, "servicedisruption": 3}
"""AWS's words before a colon, as severities."""
NO_MARKS = frozenset(
    {"operational", "available", "done", "ended", "finished", "degraded", "downtime", "planned", "started"}
)
"""Statuses that may as well be a part of the name."""
_MARKS = (frozenset(PHASES) - NO_MARKS) | {"update", "updated", "new", "maintenance", *GRAVITY}
_ALIKE = r"[A-Za-z][A-Za-z ]{1,50}(?:\([A-Za-z]{2,5}\))?"
BEFORE = re.compile(rf"\s*(?:[\[(]({_ALIKE})[\])]\s*[:–—-]?|({_ALIKE})(?::|\s[–—|-]))\s*")
AFTER = re.compile(rf"\s*(?:[\[(]({_ALIKE})[\])]|\s[–—|-]\s({_ALIKE}))\s*\Z")
MOST_MARKS = 4
TITLE_CHARS = 300


class Marked(NamedTuple):
    """A title without its marks; the status they give, "" for none; and their severity, None for none."""

    bare: str
    status: str
    severity: int | None


def marked(title: str) -> Marked:
    """Of several statuses that which says most: over counts more than open.

    >>> marked("Service is operating normally: [RESOLVED] Slow launches")
    Marked(bare='Slow launches', status='RESOLVED', severity=1)
    >>> marked("UPDATE: Errors - East").bare, marked("Login fails – Resolved").bare, marked("API: login").bare
    ('Errors - East', 'Login fails', 'API: login')
    """
    bare, found = title[:TITLE_CHARS].strip(), list[str]()
    for _ in range(MOST_MARKS):
        before, after = BEFORE.match(bare), AFTER.search(bare)
        if before and letters(word := before[1] or before[2]) in _MARKS and bare[before.end() :].strip():
            bare = bare[before.end() :]
        elif after and letters(word := after[1] or after[2]) in _MARKS and bare[: after.start()].strip():
            bare = bare[: after.start()]
        else:
            break
        found.append(word.strip())
    known = [(RANK.index(p), i, word) for i, word in enumerate(found) if (p := phase(word)) is not None]
    severities = [GRAVITY[letters(word)] for word in found if letters(word) in GRAVITY]
    return Marked(bare.strip(), max(known)[2] if known else found[0] if found else "", max(severities, default=None))
