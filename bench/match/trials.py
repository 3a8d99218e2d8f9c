"""Trials: each recorded speaker as a target, with its own model, its siblings or nobody of its kin in the library.

    python -m bench.match.trials [--data ../shared/data] [--out FOLDER] [--sets alpaca,pm_v1,...]

The library of a trial is built anew from the fingerprints of those who may stay, and scored by the product's own code.
"""

import argparse
import pickle
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.match.sets import DATA, SETS, Recorded, load
from bench.match.truth import line, related, same_model
from wrapdetect.library.identify import Indices, Sheet, choose_cohort, exact_matches, identify, ranking, score_question
from wrapdetect.library.index import families
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores

LENGTHS = (8, 16, 32, 64)
COHORT = 96


class Trial(NamedTuple):
    """What came out of one target, one library and one draw of prompts."""

    set: str
    target: str
    condition: str  # same, sibling, stranger: the nearest kin that was left in the library
    n: int
    standard: float
    low: float
    high: float
    margin: float
    nearest: str
    family: tuple[str, ...]
    ranked: tuple[str, ...]
    within: tuple[float, ...]  # scores of the family's members behind the nearest, in its order of names
    exact: int
    n_models: int


def kin(target: str, models: list[str], condition: str) -> list[int] | None:
    """Places of the models that stay for a target; None where that condition cannot be made."""
    others = [(i, m) for i, m in enumerate(models) if m != target]
    same = [i for i, m in others if same_model(target, m)]
    sibling = [i for i, m in others if related(target, m) and line(target) == line(m) and i not in same]
    relative = [i for i, m in others if related(target, m)]
    match condition:
        case "same":
            return [i for i, _ in others] if same else None
        case "sibling":
            return [i for i, _ in others if i not in same] if sibling else None
        case _:
            return [i for i, _ in others if i not in relative and i not in same]


def library_scores(recorded: Recorded, models: list[int], weights: Mapping[str, float]) -> Scores:
    """Mean combined scores between all models, over 64 prompts at most: what families are made of."""
    place = np.array(models)
    total, count = np.zeros((len(place),) * 2, np.float32), np.zeros((len(place),) * 2, np.float32)
    for prints in recorded.prints[:64]:
        own = prints.rows(place)
        found = combined(question_scores(Rows(own, np.arange(len(place))), own), weights)
        total += np.nan_to_num(found)
        count += np.isfinite(found)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def run(
    recorded: Recorded, weights: Mapping[str, float], link: float, conditions: tuple[str, ...], seed: int
) -> Iterator[Trial]:
    """All trials of one data set."""
    models = [i for i, s in enumerate(recorded.speakers) if s not in recorded.targets]
    names = [recorded.speakers[i] for i in models]
    family = families(library_scores(recorded, models, weights), link)
    rng = np.random.default_rng(seed)
    for place, target in enumerate(recorded.speakers):
        order = rng.permutation(len(recorded.prompts))[: max(LENGTHS)]
        for condition in conditions:
            stay = kin(target, names, condition)
            if stay is None or len(stay) < 12:
                continue
            chosen = np.array([models[i] for i in stay])
            yield from one(recorded, place, chosen, family[np.array(stay)], order, weights, condition)


def one(
    recorded: Recorded,
    target: int,
    models: Indices,
    family: Indices,
    order: Indices,
    weights: Mapping[str, float],
    condition: str,
) -> Iterator[Trial]:
    """The trial of one target at each number of prompts."""
    cohort = choose_cohort(len(models), COHORT)
    names = [recorded.speakers[i] for i in models]
    order = np.array([q for q in order if recorded.prints[q].answered[target]])
    ours = [recorded.prints[q].rows(np.array([target])) for q in order]
    theirs = [recorded.prints[q].rows(models) for q in order]
    scores = [score_question(a, b, cohort, weights, family) for a, b in zip(ours, theirs, strict=True)]
    for n in LENGTHS:
        if n > len(scores) and n > LENGTHS[0] and n - len(scores) > n / 4:
            continue
        chosen = np.stack(scores[:n])
        sheet = Sheet(tuple(map(str, range(len(chosen)))), chosen, cohort)
        found = identify(sheet, family, np.random.default_rng(0))
        if found is None:
            continue
        ranked = ranking(found.totals)
        members = [i for i in range(len(names)) if family[i] == family[found.nearest] and np.isfinite(found.totals[i])]
        yield Trial(
            set=recorded.name,
            target=recorded.speakers[target],
            condition=condition,
            n=n,
            standard=found.standard,
            low=found.low,
            high=found.high,
            margin=found.margin,
            nearest=names[found.nearest],
            family=tuple(names[i] for i in members),
            ranked=tuple(names[i] for i in ranked[:5]),
            within=tuple(float(found.totals[found.nearest] - found.totals[i]) for i in members),
            exact=exact_matches(ours[: len(chosen)], theirs[: len(chosen)], found.nearest),
            n_models=len(names),
        )


def _of_set(name: str, data: Path, weights: Mapping[str, float], link: float, seed: int) -> list[Trial]:
    return list(run(load(name, data), weights, link, ("same", "sibling", "stranger"), seed))


def every(names: tuple[str, ...], data: Path, weights: Mapping[str, float], link: float, seed: int = 1) -> list[Trial]:
    """Trials of several sets, two at a time."""
    with ProcessPoolExecutor(2) as pool:
        parts = pool.map(_of_set, names, *([x] * len(names) for x in (data, weights, link, seed)))
        return [trial for part in parts for trial in part]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--link", type=float, default=0.9)
    options = parser.parse_args()
    WEIGHTS = {"words": 0.25, "chars": 0.35, "layout": 0.05, "opening": 0.17, "refusal": 0.18}
    start = time.monotonic()
    found = every(tuple(options.sets.split(",")), options.data, WEIGHTS, options.link)
    options.out.write_bytes(pickle.dumps([t._asdict() for t in found]))
    print(f"{len(found)} trials in {time.monotonic() - start:.0f} s", file=sys.stderr)
