"""What a page's own traffic says: the texts in the bodies that it was sent, each put together from its pieces. Pure.

Pieces that stand at the same place of successive events (a JSON path) are one text: added up, or, where each begins
with the one before, the last of them.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

BODIES_LIMIT = 2_000_000
"""Most bytes that are read of a turn."""
VALUES_LIMIT = 50_000
DEPTH = 12
APART = 8
"""Places of a list that are told apart; what stands beyond is one text."""
FOLDED = re.compile(r"[\W_]+")
TAGS = re.compile(r"<[^<>]{0,2000}>")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
PREFIX = re.compile(r"^(?:data:\s*|\d{1,6}(?=[\[{:\"]):?)")
LEAST = 12
"""Characters without which two texts are not compared."""
SLACK = 80
FAR = 1.6
"""One text is far longer than another where it is so many times as long, and SLACK more."""


def fold(text: str) -> str:
    """Letters and digits alone, in one case.

    >>> fold("**Why** two a day?")
    'whytwoaday'
    """
    return FOLDED.sub("", text).casefold()


def texts_of(bodies: Iterable[bytes]) -> tuple[str, ...]:
    """Every text in them, folded, each body's by itself.

    >>> texts_of([b'data: {"d": "Hel"}\\n\\ndata: {"d": "lo"}\\n\\n'])
    ('hello',)
    """
    found: list[str] = []
    left, values = BODIES_LIMIT, VALUES_LIMIT
    for body in bodies:
        if left <= 0 or values <= 0:
            break
        places: dict[str, list[str]] = {}
        for place, value in _values(body[:left].decode("utf-8", "replace")):
            places.setdefault(place, []).append(value)
            values -= 1
            if values <= 0:
                break
        left -= len(body)
        found += [folded for pieces in places.values() if (folded := fold(_whole(pieces)))]
    return tuple(found)


def is_told(text: str, told: Sequence[str], raw: bytes = b"") -> bool:
    """Whether a text that is shown came with the traffic: its beginning or its end stands in one of its texts."""
    shown = fold(text)
    if not shown:
        return False
    ends = {shown[:40], shown[-40:]}
    if any(end in t for end in ends for t in told):
        return True
    everything = fold(ESCAPED.sub(lambda m: chr(int(m[1], 16)), raw[:BODIES_LIMIT].decode("utf-8", "ignore")))
    return any(end in everything for end in ends)


def is_far(text: str, told: Sequence[str]) -> bool:
    """Whether the traffic's text that begins as this one does is far longer, or far shorter, than it.

    >>> is_far("The moon pulls on the seas.", ["themoonpullsontheseas" + "x" * 200])
    True
    """
    shown = fold(text)
    if len(shown) < LEAST:
        return False
    head = shown[: 2 * LEAST]
    lengths = [len(t) - at for t in told if (at := t.find(head)) >= 0]
    if not lengths:
        return False
    nearest = min(lengths, key=lambda n: abs(n - len(shown)))
    return nearest > FAR * len(shown) + SLACK or len(shown) > FAR * nearest + SLACK


def _whole(pieces: list[str]) -> str:
    snapshots = len(pieces) > 1 and all(b.startswith(a) for a, b in pairwise(pieces))
    return pieces[-1] if snapshots else "".join(pieces)


def _values(text: str) -> Iterator[tuple[str, str]]:
    whole = _parsed(text)
    if whole is not None:
        yield from _texts(whole, "", 0)
        return
    for line in text.splitlines():
        bare = PREFIX.sub("", line.strip())
        value = _parsed(bare)
        if value is not None:
            yield from _texts(value, "", 0)
        elif bare and not line.startswith(("event:", "id:", "retry:", ":")):
            yield "line", html.unescape(TAGS.sub(" ", bare)) + " "


def _parsed(text: str) -> object:
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _texts(value: object, place: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEPTH:
        return
    if isinstance(value, str):
        inner = _parsed(value) if value[:1] in ("{", "[") else None
        if inner is not None:
            yield from _texts(inner, place + "/in", depth + 1)
        else:
            yield place, html.unescape(TAGS.sub(" ", value)) if "<" in value else value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, f"{place}.{name}", depth + 1)
    elif isinstance(value, list):
        for k, part in enumerate(value):
            yield from _texts(part, f"{place}[{k if k < APART else ''}]", depth + 1)
