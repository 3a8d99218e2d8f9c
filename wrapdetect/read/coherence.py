"""Does an answer fit its own question? `own_question` (share of the run's other questions that fit it less well) and,
where a fact was planted, `planted` (it is given back)."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.model import Observation
from wrapdetect.prose import strip_think, words
from wrapdetect.read.base import Background, Reading


def read(readings: Sequence[Reading], background: Background) -> Iterator[Observation]:
    bags = {place: Counter(words(q)) for place, q in background.questions.items()}
    weights = idf(list(bags.values()))
    for reading in readings:
        if reading.reply.failure is not None:
            continue
        text = strip_think(reading.reply.text)
        own = (reading.item.id, reading.exchange.turn)
        # Other turns of the same conversation share its words and its planted fact: they are no rivals.
        others = [bag for (item, _), bag in bags.items() if item != reading.item.id]
        answer = Counter(words(text))
        share = share_beaten(overlap(answer, bags[own], weights), [overlap(answer, b, weights) for b in others])
        yield reading.observe("own_question", share, "coherence")
        if reading.last_turn and reading.item.expects:
            yield reading.observe("planted", gives_back(text, reading.item.expects, reading.item.rejects), "coherence")


def gives_back(text: str, expects: Sequence[str], rejects: Sequence[str]) -> bool:
    """Whether a planted fact is in the answer, and the one it replaced is not.

    >>> gives_back("Shelf KR-957.", ["957"], ["812"])
    True
    """
    low = text.lower()
    return any(e.lower() in low for e in expects) and not any(r.lower() in low for r in rejects)


def idf(bags: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Inverse document frequency of each word over the questions of a run (smoothed; Sparck Jones 1972)."""
    seen = Counter(w for bag in bags for w in bag)
    return {w: math.log((1 + len(bags)) / (1 + n)) for w, n in seen.items()}


def overlap(answer: Mapping[str, int], question: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Weight of the question's words that the answer uses, as a share of the question's weight, in [0, 1]."""
    whole = sum(weights.get(w, 0.0) for w in question)
    return sum(weights.get(w, 0.0) for w in question if w in answer) / whole if whole else 0.0


def share_beaten(own: float, others: Sequence[float]) -> float:
    """Share of `others` below `own`, ties half. 0 where the answer shares no word with its own question at all.

    >>> share_beaten(0.5, [0.1, 0.5, 0.0, 0.9]), share_beaten(0.0, [0.0])
    (0.625, 0.0)
    """
    if own == 0:
        return 0.0
    return sum(1.0 if own > o else 0.5 if own == o else 0.0 for o in others) / len(others) if others else 1.0
