"""Ranks of true upstreams among all candidates by number of prompts, and the scores of pairs for verification."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.match.sets import Recorded
from bench.match.truth import related, same_model
from wrapdetect.library.identify import mean_scores
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores

DRAWS = 50


class Everyone(NamedTuple):
    """Combined scores of all speakers of a set with its models: (n_prompts, n_speakers, n_models)."""

    scores: Scores
    speakers: tuple[str, ...]
    models: tuple[str, ...]


def everyone(recorded: Recorded, weights: Mapping[str, float], *, targets_too: bool) -> Everyone:
    """`targets_too` puts the wrappers among the models, as AlpacaEval's task asks."""
    names = recorded.speakers
    models = [i for i, s in enumerate(names) if targets_too or s not in recorded.targets]
    strangers = [i for i in range(len(names)) if i not in models]
    order = np.array(strangers + models)
    own = np.array([-1] * len(strangers) + list(range(len(models))))
    scores = []
    for prints in recorded.prints:
        found = question_scores(Rows(prints.rows(order), own), prints.rows(np.array(models)), len(strangers))
        scores.append(combined(found, weights))
    return Everyone(np.stack(scores), tuple(names[i] for i in order), tuple(names[i] for i in models))


class Ranked(NamedTuple):
    """How often, over draws of prompts, the true upstream stood first; and who stood there instead."""

    target: str
    n: int
    first: float
    instead: Mapping[str, int]


def telling_order(all_: Everyone, family: Mapping[str, int]) -> list[int]:
    """Places of the prompts, those first on which models are nearest within families and farthest between them.

    As the library's index measures it (library/index.py), from the models alone.
    """
    rows = [all_.speakers.index(m) for m in all_.models]
    own = np.array([[family[a] == family[b] for b in all_.models] for a in all_.models])
    telling = []
    for scores in all_.scores[:, rows]:
        there = np.isfinite(scores)
        telling.append(float(scores[own & there].mean() - scores[~own & there].mean()))
    return sorted(range(len(telling)), key=lambda q: -telling[q])


def ranks(
    all_: Everyone,
    truth: Sequence[tuple[str, str]],
    lengths: Sequence[int],
    aside: frozenset[str] = frozenset(),
    order: Sequence[int] | None = None,
) -> list[Ranked]:
    """`truth` holds target and upstream; models in `aside` are no candidates. `order` takes the first prompts of it,
    else prompts are drawn at random."""
    rng = np.random.default_rng(1)
    found = []
    for n in lengths:
        draws = [rng.permutation(len(all_.scores))[:n] for _ in range(DRAWS if n < len(all_.scores) else 1)]
        draws = draws if order is None else [np.array(order[:n])]
        for target, upstream in truth:
            row = all_.speakers.index(target)
            instead: dict[str, int] = {}
            for chosen in draws:
                heard = [q for q in chosen if np.isfinite(all_.scores[q, row]).any()]
                total = mean_scores(all_.scores[heard][:, [row]])[0]
                total = np.where([m in aside or m == target for m in all_.models], np.nan, total)
                winner = all_.models[int(np.nanargmax(total))]
                instead[winner] = instead.get(winner, 0) + 1
            found.append(Ranked(target, n, instead.pop(upstream, 0) / len(draws), instead))
    return found


class Verification(NamedTuple):
    """Pairs of a speaker and a model: score at n prompts, whether it is one model, the speaker."""

    score: NDArray[np.float64]
    true: NDArray[np.bool_]
    target: tuple[str, ...]


def verification(all_: Everyone, n: int) -> Verification:
    """All pairs of one model (by another route, draw or prompt), and all pairs without kinship."""
    chosen = np.random.default_rng(2).permutation(len(all_.scores))[:n]
    total = mean_scores(all_.scores[chosen])
    score, true, target = [], [], []
    for i, speaker in enumerate(all_.speakers):
        for j, model in enumerate(all_.models):
            if speaker == model or not np.isfinite(total[i, j]):
                continue
            one = same_model(speaker, model)
            if one or not related(speaker, model):
                score.append(float(total[i, j]))
                true.append(one)
                target.append(speaker)
    return Verification(np.array(score), np.array(true), tuple(target))
