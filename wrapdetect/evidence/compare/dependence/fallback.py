"""Fallback in the text: while an upstream is down, does a target that stays up answer the fixed questions unlike
before, and like before again afterwards? Then it may have another upstream to fall back on, and staying up speaks of
nothing."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from wrapdetect.model.history import History, Print, Timeline

UNLIKE = 0.6
"""Similarity of characters below which two answers to one question at temperature 0 are unlike."""
_FEWEST_ITEMS = 2
AROUND_S = 7 * 86_400.0
"""Fingerprints this long before and after are compared with."""


def excused(history: History, target: str, candidates: Sequence[Timeline]) -> list[tuple[float, float]]:
    """Spans (since, until) around candidates' episodes in which the target's text showed a fallback."""
    prints = sorted((p for p in history.prints if p.service == target), key=lambda p: p.at_s)
    found = []
    for candidate in candidates:
        for episode in candidate.episodes:
            since = episode.onset_low_s
            until = episode.end_high_s if episode.end_high_s is not None else episode.onset_high_s + 3600
            if fell_back(prints, since, until):
                found.append((since, until))
    return found


def fell_back(prints: Sequence[Print], since: float, until: float) -> bool:
    """Whether at least half of the items asked in the span, two or more, were answered unlike both the last before and
    the first after, while those two are alike."""
    changed = list(_items(prints, since, until))
    return len(changed) >= _FEWEST_ITEMS and 2 * sum(changed) >= len(changed)


def _items(prints: Sequence[Print], since: float, until: float) -> Iterator[bool]:
    for item in sorted({p.item for p in prints if since <= p.at_s <= until}):
        of = [p for p in prints if p.item == item]
        before = [p.text for p in of if since - AROUND_S <= p.at_s < since]
        during = [p.text for p in of if since <= p.at_s <= until]
        after = [p.text for p in of if until < p.at_s <= until + AROUND_S]
        if before and after and alike(before[-1], after[0]):
            yield not any(alike(d, before[-1]) for d in during)


def alike(a: str, b: str) -> bool:
    """Whether two answers share most of their characters in order.

    >>> alike("The answer is 42.", "The answer is 42!")
    True
    """
    return SequenceMatcher(None, a, b, autojunk=False).ratio() >= UNLIKE
