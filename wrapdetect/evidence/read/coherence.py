"""Does an answer fit its own question? `own_question` (share of other questions that it fits less well); where
a fact was planted, `planted` (it is given back); `reply` for quoting."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.model import Observation
from wrapdetect.model.prose import quote, strip_think, words

READER = Reader(
    id="coherence",
    features=("own_question", "reply", "planted"),
    read=lambda readings, background: read(readings, background),
    paragraph="""`own_question`: the share of the run's other questions that the answer fits less well than its own
    (weighted shared words; 0 where it shares none with its own). `planted`: the fact planted earlier came back, and not
    the one it replaced. `reply`: the last answer, for quoting.""",
)


def read(readings: Sequence[Reading], background: Background) -> Iterator[Observation]:
    questions = {place: frozenset(words(q)) for place, q in background.questions.items()}
    weights = idf(list(questions.values()))
    whole = {place: sum(weights[w] for w in question) for place, question in questions.items()}
    for reading in readings:
        if reading.reply.failure is not None:
            continue
        text = strip_think(reading.reply.text)
        answer = frozenset(words(text)) & weights.keys()
        fits = {p: word_overlap(answer, question, weights, whole[p]) for p, question in questions.items()}
        # Other turns of the same conversation share its words and its planted fact: they are no rivals.
        others = [fit for (item, _), fit in fits.items() if item != reading.item.id]
        share = share_beaten(fits[reading.item.id, reading.exchange.turn], others)
        if _fits_what_came_before(reading, fits):
            share = 0.0
        yield reading.observe("own_question", share, READER.id)
        if reading.last_turn:
            yield reading.observe("reply", quote(text), READER.id)
        if reading.last_turn and reading.item.expects:
            yield reading.observe("planted", gives_back(text, reading.item.expects, reading.item.rejects), READER.id)


def _fits_what_came_before(reading: Reading, fits: Mapping[tuple[str, int], float]) -> bool:
    """An answer nearer to an earlier question of its conversation is stale; where a fact is asked back, it may be."""
    turn = reading.exchange.turn
    before = [fits[reading.item.id, t] for t in range(turn)]
    return not reading.item.expects and bool(before) and max(before) > fits[reading.item.id, turn]


def gives_back(text: str, expects: Sequence[str], rejects: Sequence[str]) -> bool:
    """Whether a planted fact is in the answer, and the one it replaced is not.

    >>> gives_back("Shelf KR-957.", ["957"], ["812"])
    True
    """
    low = text.lower()
    return any(e.lower() in low for e in expects) and not any(r.lower() in low for r in rejects)


def idf(questions: Sequence[frozenset[str]]) -> dict[str, float]:
    """Inverse document frequency of each word over the questions of a run (smoothed; Sparck Jones 1972)."""
    seen = Counter(w for question in questions for w in question)
    return {w: math.log((1 + len(questions)) / (1 + n)) for w, n in seen.items()}


def word_overlap(answer: frozenset[str], question: frozenset[str], weights: Mapping[str, float], whole: float) -> float:
    """Weight of the question's words that the answer uses, as a share of the question's weight `whole`, in [0, 1]."""
    return sum(weights[w] for w in sorted(question & answer)) / whole if whole else 0.0


def share_beaten(own: float, others: Sequence[float]) -> float:
    """Share of `others` below `own`, ties half. 0 where the answer shares no word with its own question at all.

    >>> share_beaten(0.5, [0.1, 0.5, 0.0, 0.9]), share_beaten(0.0, [0.0])
    (0.625, 0.0)
    """
    if own == 0:
        return 0.0
    return sum(1.0 if own > o else 0.5 if own == o else 0.0 for o in others) / len(others) if others else 1.0
