"""The adaptive audit on recorded answers: questions until it is decided, and what was named.

    python -m bench.match.adaptive [--data ../shared/data] [--out FOLDER] [--sets pm_v2,alpaca] [--targets 40]

Effect: targets whose own model is in the library (bench/match/truth.py). Null: targets without any of their kin in it.
Each goes through a `Course` over a library in memory, question by question and to the end; what it said at each look
is kept. Beside it the same rule, learned and asked in random order. `rule` is the stopping rule alone, `decided` what
the product does: the rule, and a calibrated probability of the family above seeds/match.toml's family_at. Families, how
rare n-grams are and how much a question tells are learned from the whole set once, the target within it.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.match.measures import clopper_pearson
from bench.match.sets import DATA, SETS, Recorded, load
from bench.match.trials import kin, library_scores
from bench.match.truth import related
from wrapdetect.evidence.compare.arrays import Array
from wrapdetect.evidence.compare.ngrams import GRAMS
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.library.adaptive import STEP, Course
from wrapdetect.library.answers import AnswersSource, Head
from wrapdetect.library.fingerprint import Rarities, learn_rarities
from wrapdetect.library.identify import Indices, choose_cohort, score_question
from wrapdetect.library.index import families
from wrapdetect.library.matching import Shelf
from wrapdetect.library.member import membership
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores
from wrapdetect.library.sequential import Pace, Pool, audits, threshold_of
from wrapdetect.store.shipped import load_seeds

LEAST_MODELS = 12
NEVER = 10**6
"""Questions of an audit that was never decided rightly, for the quartiles."""


class Told(NamedTuple):
    """A data set as a library in memory, and what its speakers said."""

    recorded: Recorded
    texts: Mapping[tuple[str, str], str]
    rarities: Rarities
    models: tuple[int, ...]
    family: Indices
    telling: Mapping[str, float]


class Audit(NamedTuple):
    """One audit. `n` questions answered when it named somebody (None: never), `right` whether it was kin by name."""

    set: str
    condition: str
    target: str
    how: str
    n: int | None
    right: bool | None
    nearest: str


def told(name: str, data: Path, seeds: Seeds) -> Told:
    """Reads a data set. The rarities are those of `load`."""
    recorded = load(name, data)
    rows, _ = SETS[name](data)
    rows = rows[["speaker", "prompt", "text"]].drop_duplicates(["speaker", "prompt"])
    rows = rows.assign(text=rows.text.fillna("").astype(str), prompt=rows.prompt.astype(str))
    rows = rows[rows.prompt.isin(recorded.prompts) & rows.speaker.isin(recorded.speakers)]
    rarities = learn_rarities(rows.text.tolist()[:: max(1, len(rows) // 8000)])
    texts = {(s, p): t for s, p, t in zip(rows.speaker, rows.prompt, rows.text, strict=True)}
    models = tuple(i for i, s in enumerate(recorded.speakers) if s not in recorded.targets)
    family = families(library_scores(recorded, list(models), seeds.matching.weight), seeds.matching.link)
    cohort = choose_cohort(len(models), seeds.matching.cohort)
    own = family[cohort][:, None] == family[None, :]
    telling = {}
    for prompt, prints in zip(recorded.prompts, recorded.prints, strict=True):
        library = prints.rows(np.array(models))
        scores = combined(question_scores(Rows(library.rows(cohort), cohort), library), seeds.matching.weight)
        telling[prompt] = float(np.nanmean(scores[own]) - np.nanmean(scores[~own]))
    return Told(recorded, texts, rarities, models, family, telling)


def a_shelf(data: Told, stay: Sequence[int]) -> Shelf:
    """A library in memory of those models that stay (places among the models)."""
    chosen = np.array([data.models[i] for i in stay])
    prints = dict(zip(data.recorded.prompts, data.recorded.prints, strict=True))
    whole: dict[str, Array] = {f"rarity_{kind}": rarity for kind, rarity in data.rarities.items()}
    whole["family"] = data.family[np.array(stay)]
    whole["telling"] = np.array([data.telling[p] for p in data.recorded.prompts])

    def read(key: str) -> Array:
        if key in whole:
            return whole[key]
        part, _, prompt = key.partition("_")
        rows = prints[prompt].rows(chosen)
        match part:
            case "marks":
                return np.stack([rows.answered, rows.refused]).astype(np.float16)
            case "opening":
                return rows.opening
            case _:
                return np.stack([rows.sketches[kind] for kind in GRAMS]).astype(np.float16)

    names = tuple(data.recorded.speakers[i] for i in chosen)
    source = AnswersSource(collected=datetime.now(tz=UTC).date())
    head = Head(source=source, digest="", n_models=len(names), n_questions=len(prints), n_answers=0)
    questions = dict.fromkeys(data.recorded.prompts, "")
    return Shelf(name=data.recorded.name, head=head, models=names, questions=questions, read=read, embedded=False)


def by_course(data: Told, shelf: Shelf, seeds: Seeds, target: str) -> Iterator[tuple[str, int | None, str]]:
    """The product's own audit, to its end: for each rule the answers until somebody was named, and who."""
    course = Course(shelf, seeds, most=None, embed=None)
    first: dict[str, tuple[int, str]] = {}
    while wanted := course.ask_next(STEP):
        for question in wanted:
            text = data.texts.get((target, question))
            course.tell(question, [text] if text else [])
        found, standing = course.found, course.standing()
        if found and course.rule and found.n_questions >= course.rule.fewest:
            nearest = shelf.models[found.nearest]
            if found.standard > course.rule.threshold:
                first.setdefault("rule", (found.n_questions, nearest))
            if standing.named:
                first.setdefault("decided", (found.n_questions, nearest))
    for how in ("rule", "decided"):
        yield (how, *first[how]) if how in first else (how, None, "")


def by_chance(
    data: Told, shelf: Shelf, seeds: Seeds, target: str, pace: Pace, rng: np.random.Generator
) -> Iterator[tuple[str, int | None, str]]:
    """The same in random order, over all prompts; the rule is learned from random orders too."""
    place = data.recorded.speakers.index(target)
    names = [data.recorded.speakers.index(m) for m in shelf.models]
    family, cohort = np.asarray(shelf.read("family"), np.intp), choose_cohort(len(names), seeds.matching.cohort)
    asked = rng.permutation(len(data.recorded.prints))[: pace.most]
    scores: Scores = np.stack(
        [
            score_question(p.rows(np.array([place])), p.rows(np.array(names)), cohort, seeds.matching.weight, family)
            for p in (data.recorded.prints[q] for q in asked)
        ]
    )
    pool = Pool(scores[:, 1:], np.ones(len(scores), np.float32), cohort, family)
    orders = np.stack([rng.permutation(len(scores)) for _ in cohort])
    highest = audits(pool, pool.scores, pool.own, pace, orders).highest
    known = np.isfinite(highest)
    threshold = threshold_of(highest[known], family[cohort][known], seeds.matching.sequential.alpha)
    straight = np.arange(len(scores))[None]
    looks = audits(pool, scores[:, :1], np.zeros((1, len(names)), bool), pace, straight)
    rows = list(zip(looks.answers[:, 0], looks.standard[:, 0], looks.nearest[:, 0], strict=True))
    passed = [] if threshold is None else [r for r in rows if r[1] > threshold]
    sure = [r for r in passed if membership(float(r[1]), 0, int(r[0]), "unknown", seeds.matching).family
            >= seeds.matching.states.family_at]  # fmt: skip
    for how, found in (("rule, random", passed), ("decided, random", sure)):
        yield (how, int(found[0][0]), shelf.models[found[0][2]]) if found else (how, None, "")


def run(data: Told, seeds: Seeds, n: int, rng: np.random.Generator) -> Iterator[Audit]:
    """Up to `n` targets of each condition, drawn at random."""
    names = [data.recorded.speakers[i] for i in data.models]
    rule = seeds.matching.sequential
    pace = Pace(STEP, max(rule.fewest, seeds.matching.states.fewest_questions), rule.most)
    for condition in ("same", "none"):
        stays = {t: kin(t, names, condition) for t in data.recorded.speakers}
        can = [t for t, stay in stays.items() if stay is not None and len(stay) >= LEAST_MODELS]
        for target in rng.permutation(can)[:n].tolist():
            shelf = a_shelf(data, stays[target] or [])
            for part in (by_course(data, shelf, seeds, target), by_chance(data, shelf, seeds, target, pace, rng)):
                for how, questions, nearest in part:
                    right = related(target, nearest) if nearest else None
                    yield Audit(data.recorded.name, condition, target, how, questions, right, nearest)


def summary(found: Sequence[Audit]) -> Iterator[str]:
    """One line for each set, condition and way. Each target is one audit, so that intervals are over targets."""
    for name in dict.fromkeys(a.set for a in found):
        for how in dict.fromkeys(a.how for a in found):
            same = [a for a in found if (a.set, a.condition, a.how) == (name, "same", how)]
            none = [a for a in found if (a.set, a.condition, a.how) == (name, "none", how)]
            if not same or not none:
                continue
            n = [a.n if a.n is not None and a.right else NEVER for a in same]
            low, middle, high = ("never" if q >= NEVER / 2 else f"{q:g}" for q in np.quantile(n, (0.25, 0.5, 0.75)))
            right, wrong = sum(a.right is True for a in same), sum(a.right is False for a in same)
            false = sum(a.n is not None for a in none)
            ends = clopper_pearson(false, len(none))
            yield (
                f"{name:7} {how:16} right {right / len(same):.2f} wrong {wrong / len(same):.2f} never "
                f"{1 - (right + wrong) / len(same):.2f} of {len(same)}; questions {middle} ({low} to {high}); "
                f"strangers named {false} of {len(none)}: {false / len(none):.3f} ({ends[0]:.3f} to {ends[1]:.3f})"
            )


def main() -> None:
    """Print the figures, and write each audit where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", default="pm_v2,alpaca")
    parser.add_argument("--targets", type=int, default=40)
    options = parser.parse_args()
    seeds, rng, found = load_seeds(), np.random.default_rng(1), []
    for name in options.sets.split(","):
        start = time.monotonic()
        data = told(name, options.data, seeds)
        print(f"{name}: read in {time.monotonic() - start:.0f} s", file=sys.stderr)
        for audit in run(data, seeds, options.targets, rng):
            found.append(audit)
        print(f"{name}: audited in {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(*summary(found), sep="\n")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        with (options.out / "adaptive.csv").open("w", newline="") as file:
            csv.writer(file).writerows([Audit._fields, *found])


if __name__ == "__main__":
    main()
