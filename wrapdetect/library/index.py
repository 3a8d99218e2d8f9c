"""A reference library -> arrays kept beside it, so that a match reads fingerprints and not texts; and back.

By question (its id in the name): `marks_` (2, n_models) answered and refused, `opening_` (n_models, OPENING_WORDS + 1),
`sketches_` (n_kinds, n_models, dimensions) and, where texts were embedded, `embedding_` (n_models, dimensions).
For the whole: `models` and `questions` (texts as UTF-8 end to end, and where each ends), `rarity_` of each kind of
n-gram, `family` of each model, `telling` of each question.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from wrapdetect.evidence.compare.arrays import Array
from wrapdetect.evidence.compare.ngrams import GRAMS, Sketch
from wrapdetect.library.answers import Library
from wrapdetect.library.fingerprint import EmbedTexts, Fingerprints, Rarities, SketchId, fingerprints, learn_rarities
from wrapdetect.library.identify import FEWEST_COMMON_QUESTIONS, Indices, choose_cohort
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores

Read = Callable[[str], Array]
"""Name of an array -> the array."""

LEARN_FROM = 8000
"""Answers, spread over the library, from which it is learned how rare n-grams are."""
GOLDEN = (5**0.5 - 1) / 2
FAMILY_QUESTIONS = 64
"""Questions from which families are learned, at most."""
FAMILY_CELLS = 64_000_000
"""Pairs of models times questions that are compared for the families, at most: fewer questions for many models."""


def build_index(
    library: Library,
    progress: Callable[[int, int], None],
    *,
    weights: Mapping[str, float],
    link: float,
    embed: EmbedTexts | None = None,
) -> Iterator[tuple[str, Array]]:
    """The arrays one by one, each with its name. `progress` is told questions done, of how many."""
    yield from dump_texts("models", library.models)
    yield from dump_texts("questions", [q.text for q in library.questions])
    rarities = learn_rarities(_spread(library))
    for kind, rarity in rarities.items():
        yield f"rarity_{kind}", rarity
    asked = _most_answered(library)
    n = len(library.models)
    total, count = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32)
    kept: dict[str, Scores] = {}
    cohort = choose_cohort(n, TELLING_COHORT)
    for done, question in enumerate(library.questions):
        answers = [library.answers[m].get(question.id, ()) for m in library.models]
        prints = fingerprints(answers, rarities, embed)
        yield from dump_prints(question.id, prints)
        if question.id in asked:
            scores = combined(question_scores(Rows(prints, np.arange(n)), prints), weights)
            total += np.nan_to_num(scores)
            count += np.isfinite(scores)
            kept[question.id] = scores[cohort]
        progress(done + 1, len(library.questions))
    enough = count >= min(FEWEST_COMMON_QUESTIONS, len(asked))
    family = families(np.where(enough, total / np.maximum(count, 1), np.nan), link)
    yield "family", family
    yield "telling", np.array([_telling(kept.get(q.id), cohort, family) for q in library.questions], np.float32)


TELLING_COHORT = 96
"""Models over which it is measured how much a question tells, at most."""


def read_prints(question: str, read: Read, *, embedded: bool) -> Fingerprints:
    """Fingerprints of all models of a library on one question."""
    marks = read(f"marks_{question}")
    sketches = np.asarray(read(f"sketches_{question}"), dtype=np.float32)
    kinds: dict[SketchId, Sketch] = dict(zip(GRAMS, sketches, strict=True))
    if embedded:
        kinds["embedding"] = np.asarray(read(f"embedding_{question}"), np.float32)
    return Fingerprints(
        answered=np.asarray(marks[0] > 0),
        refused=np.asarray(marks[1], dtype=np.float32),
        opening=np.asarray(read(f"opening_{question}"), dtype=np.uint32),
        sketches=kinds,
    )


def read_texts(key: str, read: Read) -> list[str]:
    """The texts kept under that name: "models" or "questions"."""
    whole, ends = np.asarray(read(f"{key}_utf8"), np.uint8).tobytes(), [int(e) for e in read(f"{key}_ends")]
    return [whole[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]


def read_rarities(read: Read) -> Rarities:
    """What build_index learned of n-grams."""
    return {kind: np.asarray(read(f"rarity_{kind}"), dtype=np.float32) for kind in GRAMS}


def read_family(read: Read) -> Indices:
    """Number of each model's family."""
    return np.asarray(read("family"), dtype=np.intp)


def dump_texts(key: str, texts: Sequence[str]) -> Iterator[tuple[str, Array]]:
    raw = [t.encode() for t in texts]
    yield f"{key}_utf8", np.frombuffer(b"".join(raw), np.uint8)
    yield f"{key}_ends", np.cumsum([len(r) for r in raw])


def dump_prints(question: str, prints: Fingerprints) -> Iterator[tuple[str, Array]]:
    yield f"marks_{question}", np.stack([prints.answered, prints.refused]).astype(np.float16)
    yield f"opening_{question}", prints.opening
    yield f"sketches_{question}", np.stack([prints.sketches[k] for k in GRAMS]).astype(np.float16)
    if "embedding" in prints.sketches:
        yield f"embedding_{question}", prints.sketches["embedding"].astype(np.float16)


def _spread(library: Library) -> list[str]:
    texts = [t for by_question in library.answers.values() for draws in by_question.values() for t in draws]
    if len(texts) <= LEARN_FROM:
        return texts
    # By the golden ratio, not in equal steps: a step that shares a factor with the number of questions skips questions.
    places = (np.arange(LEARN_FROM) * GOLDEN % 1 * len(texts)).astype(np.intp)
    return [texts[i] for i in np.unique(places)]


def _most_answered(library: Library) -> frozenset[str]:
    """Questions from which families are learned: those that most models answered, ties in the order of the library."""
    heard = [sum(q.id in library.answers[m] for m in library.models) for q in library.questions]
    most = int(np.clip(FAMILY_CELLS // len(library.models) ** 2, 8, FAMILY_QUESTIONS))
    order = sorted(range(len(heard)), key=lambda i: -heard[i])
    return frozenset(library.questions[i].id for i in order[:most])


def _telling(scores: Scores | None, cohort: Sequence[int] | Indices, family: Indices) -> float:
    """By how much answers to a question are nearer within families than between them; 0 where it was not measured."""
    if scores is None:
        return 0.0
    own = family[np.asarray(cohort)][:, None] == family[None, :]
    there = np.isfinite(scores)
    if not (own & there).any() or not (~own & there).any():
        return 0.0
    return float(scores[own & there].mean() - scores[~own & there].mean())


def families(scores: Scores, link: float) -> NDArray[np.intp]:
    """Number of each model's family, shape (n_models,), counted from 0 in the order of the models.

    `scores` (n, n) are mean scores between models, NaN where unknown (taken as no likeness). Families are merged while
    the mean score between their members is at least `link` (average linkage, Sokal & Michener 1958).
    """
    n = len(scores)
    if n < 2:
        return np.zeros(n, np.intp)
    known = np.nan_to_num((scores + scores.T) / 2)
    farness = np.maximum(known.max() + 1.0 - known, 0.0).astype(np.float64)
    np.fill_diagonal(farness, 0.0)
    groups = fcluster(linkage(squareform(farness, checks=False), "average"), known.max() + 1.0 - link, "distance")
    _, first = np.unique(groups, return_index=True)
    order = {int(groups[i]): place for place, i in enumerate(sorted(first))}
    return np.array([order[int(g)] for g in groups], np.intp)
