"""One family of models or two: false alarms, shares found and their intervals, on recorded answers.

    python -m bench.match.mixture [--data ../shared/data] [--out FOLDER] [--splits 6] [--skip-general]

Routing: lechmazur/persuasion @ 7c93505, openings (turn 1) of ten models to 16 fixed prompts (topic and side), 9 answers
to each. A target takes a share from model B and the rest from A, over 16 questions or, two answers to each prompt, 32.
The library has three entries of each model, one other answer each; no answer is in it twice. A swap is the same in two
halves. Dialogues: the same source, whole dialogues of 8 turns between two models. A bot is such a dialogue, both sides
of one or two topics, as if one speaker gave all turns: half of them are each model's, turn by turn. Controls are one
role of such dialogues over twice as many topics. The library has other dialogues of the same topic, side and turn:
which pairs play bots is fixed, and no dialogue of theirs is in it.
General: AlpacaEval, 96 prompts, 150 systems; targets are systems whose family (as the product groups them) has further
members. The target itself is not in the library. Strangers are systems that are a family of their own.
Nothing is fitted here. Tests that share models are not independent; intervals are Clopper and Pearson's all the same.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator

from bench.match.measures import clopper_pearson
from bench.match.sets import DATA, load
from bench.match.trials import library_scores
from wrapdetect.library.fingerprint import Fingerprints, Rarities, fingerprints, learn_rarities
from wrapdetect.library.identify import Indices, Sheet, choose_cohort
from wrapdetect.library.index import families
from wrapdetect.library.mixture import Mixture, mixture
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores

WEIGHTS = {"words": 0.25, "chars": 0.35, "layout": 0.05, "opening": 0.17, "refusal": 0.18}
LINK = 0.9
ENTRIES = 3
"""Entries of one model in the library: a family."""
BOTS = 3
"""Partners of each persuader whose dialogues play bots."""
TWO = 0.05


class Case(NamedTuple):
    """A target of known truth. `first` and `second` are families, `share` what is asked of the second."""

    kind: str
    n: int
    first: int
    second: int
    share: float
    swap: int | None
    sheet: Sheet
    family: Indices


class Cell(NamedTuple):
    """Answers to one prompt: rows of targets, then of the library's entries; (n_targets + n_entries, n_entries)."""

    scores: Scores
    n_targets: int

    def sheet_row(self, target: int) -> Scores:
        return np.concatenate([self.scores[[target]], self.scores[self.n_targets :]])


def main() -> int:
    """Print the figures of all three parts; 2 without data."""
    options = _options()
    file = options.data / "persuasion_multiturn" / "turns.parquet"
    if not file.exists():
        print(f"bench.match.mixture: {file} is missing; this benchmark needs the dialogues of lechmazur/persuasion")
        return 2
    started, rng = time.monotonic(), np.random.default_rng(1)
    turns = pd.read_parquet(file).assign(text=lambda t: t.text.fillna(""))
    turns["partner"] = np.where(turns.role == "persuader", turns.target, turns.persuader)
    rarities = learn_rarities(turns.text.tolist()[::2])
    parts: list[Iterator[Case]] = [routing(turns, rarities, options.splits, rng), dialogues(turns, rarities, rng)]
    if not options.skip_general:
        parts.append(general(options.data, rng))
    found = [(case, mixture(case.sheet, case.family, rng)) for part in parts for case in part]
    table(found)
    write(found, options.out or Path(tempfile.mkdtemp(prefix="mixture-")))
    print(f"{len(found)} targets in {time.monotonic() - started:.0f} s")
    return 0


def scored(targets: Sequence[Sequence[str]], entries: Sequence[Sequence[str]], rarities: Rarities) -> Cell:
    """One prompt: any number of targets, scored alone, and the library's entries, all of them the cohort."""
    prints = fingerprints([*targets, *entries], rarities)
    n = len(targets)
    models: Fingerprints = prints.rows(slice(n, None))
    known = np.concatenate([np.full(n, -1), np.arange(len(entries))]).astype(np.intp)
    return Cell(combined(question_scores(Rows(prints, known), models, first_judge=n), WEIGHTS), n)


def sheet_of(cells: Sequence[Cell], targets: Sequence[int]) -> Sheet:
    """Of the cells in the order asked, and which of a cell's targets answers each."""
    scores = np.stack([cell.sheet_row(t) for cell, t in zip(cells, targets, strict=True)])
    return Sheet(tuple(f"q{k}" for k in range(len(cells))), scores, np.arange(scores.shape[2]))


def routing(turns: pd.DataFrame, rarities: Rarities, splits: int, rng: Generator) -> Iterator[Case]:
    """Openings, dealt anew `splits` times into targets and library."""
    openings = turns[(turns.turn == 1) & (turns.role == "persuader")]
    for _ in range(splits):
        cells = [c for _, group in openings.groupby(["topic", "side"]) for c in _dealt(group, rarities, rng)]
        n_models = cells[0].n_targets
        for first in range(n_models):
            others = rng.permutation([m for m in range(n_models) if m != first])[:2]
            for n in (16, 32):
                order = rng.permutation(np.arange(0, 32, 32 // n))
                asked = [cells[k] for k in order]
                for share, second in [(0.0, int(others[0])), *((w, int(m)) for w in (0.25, 0.5) for m in others)]:
                    sources = rng.permutation(np.repeat([second, first], [round(share * n), n - round(share * n)]))
                    yield _openings_case("routing", asked, sources.tolist(), first, second, share, None)
                second = int(others[0])
                sources = np.repeat([first, second], n // 2)
                yield _openings_case("swap", asked, sources.tolist(), first, second, 0.5, n // 2)


def _dealt(group: pd.DataFrame, rarities: Rarities, rng: Generator) -> Iterator[Cell]:
    """Two questions of one prompt: for each, ENTRIES answers of each model in the library and one as a target."""
    texts = [rng.permutation(own.to_numpy()) for _, own in group.sort_values("partner").groupby("model").text]
    for k in range(2):
        entries = [[t[k * ENTRIES + e]] for e in range(ENTRIES) for t in texts]
        yield scored([[t[2 * ENTRIES + k]] for t in texts], entries, rarities)


def _openings_case(
    kind: str, asked: Sequence[Cell], sources: Sequence[int], first: int, second: int, share: float, swap: int | None
) -> Case:
    family = np.tile(np.arange(asked[0].n_targets), ENTRIES)
    return Case(kind, len(asked), first, second, share, swap, sheet_of(asked, sources), family)


def dialogues(turns: pd.DataFrame, rarities: Rarities, rng: Generator) -> Iterator[Case]:
    """Bots and controls of the dialogues between fixed pairs, over the topics in turn."""
    names = [str(m) for m in rng.permutation(sorted(turns.model.unique()))]
    pairs = [(i, (i + step) % len(names)) for i in range(len(names)) for step in range(1, BOTS + 1)]
    topics = rng.permutation(sorted(turns.topic.unique()))
    cells = {key: _turn(group, names, pairs, rarities) for key, group in turns.groupby(["topic", "side", "turn"])}
    family = np.tile(np.arange(len(names)), ENTRIES)
    for size in (1, 2):
        for start in range(0, len(topics), 2 * size):
            chosen = topics[start : start + 2 * size]
            for at, (persuader, target) in enumerate(pairs):
                for half in (chosen[:size], chosen[size:]):
                    asked = [cells[t, side, k] for t in half for side in ("con", "pro") for k in range(1, 9)]
                    sheet = sheet_of(asked, [at] * len(asked))
                    yield Case("dialogue", len(asked), persuader, target, 0.5, None, sheet, family)
                for role, own in enumerate((persuader, target)):
                    asked = [
                        cells[t, side, k] for t in chosen for side in ("con", "pro") for k in range(1 + role, 9, 2)
                    ]
                    sheet = sheet_of(asked, [at] * len(asked))
                    yield Case("control", len(asked), own, -1, 0.0, None, sheet, family)


def _turn(group: pd.DataFrame, names: Sequence[str], pairs: Sequence[tuple[int, int]], rarities: Rarities) -> Cell:
    """One turn of all dialogues on one topic and side. Each library entry has a third of its model's other texts."""
    texts = {(p, t): text for p, t, text in zip(group.persuader, group.target, group.text, strict=True)}
    bots = [texts.pop((names[p], names[t])) for p, t in pairs]
    by = "persuader" if group.role.iloc[0] == "persuader" else "target"
    own = [[x for (p, t), x in sorted(texts.items()) if (p if by == "persuader" else t) == name] for name in names]
    return scored([[b] for b in bots], [o[e::ENTRIES] for e in range(ENTRIES) for o in own], rarities)


def general(data: Path, rng: Generator, times: int = 60) -> Iterator[Case]:
    """Systems of AlpacaEval, alone and mixed, each `times` times."""
    recorded = load("alpaca", data)
    place = [i for i, s in enumerate(recorded.speakers) if s not in recorded.targets]
    family = families(library_scores(recorded, place, WEIGHTS), LINK)
    scores = []
    for prints in recorded.prints:
        own = prints.rows(np.array(place))
        scores.append(combined(question_scores(Rows(own, np.arange(len(place))), own), WEIGHTS))
    every, size = np.stack(scores), np.bincount(family)[family]
    for kind, share in (("single", 0.0), ("stranger", 0.0), ("mixed", 0.25), ("mixed", 0.5)):
        for n in (32, 64):
            for _ in range(times):
                first = int(rng.choice(np.flatnonzero(size == 1 if kind == "stranger" else size > 1)))
                second = int(rng.choice(np.flatnonzero((size > 1) & (family != family[first]))))
                yield _systems_case(kind, every, family, first, second, share, n, rng)


def _systems_case(
    kind: str, every: Scores, family: Indices, first: int, second: int, share: float, n: int, rng: Generator
) -> Case:
    """The target's models are neither in its library nor in its cohort."""
    asked = rng.permutation(len(every))[:n]
    sources = np.where(rng.permutation(n) < round(share * n), second, first)
    used = [first, second] if share else [first]
    cohort = np.array([c for c in choose_cohort(len(family), 96) if c not in used])
    scores = np.concatenate([every[asked, sources][:, None], every[asked][:, cohort]], axis=1)
    scores[:, :, used] = np.nan
    sheet = Sheet(tuple(map(str, asked)), scores, cohort)
    return Case(kind, n, int(family[first]), int(family[second]), share, None, sheet, family)


def table(found: Sequence[tuple[Case, Mixture | None]]) -> None:
    """A row for each kind, number of questions and share."""
    print(
        "kind        n  share  targets  called two (95 %)        both right   found share, sd   covered        change"
    )
    for key in dict.fromkeys((c.kind, c.n, c.share) for c, _ in found):
        kept = [(c, m) for c, m in found if (c.kind, c.n, c.share) == key and m is not None]
        if kept:
            print(_row(*key, kept))


def _row(kind: str, n: int, share: float, kept: Sequence[tuple[Case, Mixture]]) -> str:
    two = np.array([m.p_two <= TWO for _, m in kept])
    low, high = clopper_pearson(int(two.sum()), len(two))
    row = f"{kind:10} {n:3}  {share:4.2f}   {len(two):5}   {two.mean():.3f} ({low:.3f} to {high:.3f})"
    changed = np.mean([m.p_change <= TWO for _, m in kept])
    if share == 0:
        return f"{row}   {'':9}   {'':15}   {'':12}   {changed:.3f}"
    right = np.array([_families(c, m) == {c.first, c.second} for c, m in kept])
    shares = np.array([_of_second(c, m) for c, m in kept])[right]
    covers = np.array([_covers(c, m) for c, m in kept])[right]
    low, high = clopper_pearson(int(covers.sum()), len(covers))
    near = [abs(m.change - c.swap) <= 2 for c, m in kept if c.swap is not None and m.change is not None]
    row += (
        f"   {right.mean():.2f} ({right[two].mean() if two.any() else 0:.2f})   {shares.mean():.3f}, {shares.std():.3f}"
    )
    row += f"      {covers.mean():.2f} ({low:.2f} to {high:.2f})   {changed:.3f}"
    return row + (f", {np.mean(near):.2f} of them within 2 of the swap" if near else "")


def _families(case: Case, found: Mixture) -> set[int]:
    return {int(case.family[found.first]), int(case.family[found.second])}


def _of_second(case: Case, found: Mixture) -> float:
    return found.share if case.family[found.second] == case.second else 1 - found.share


def _covers(case: Case, found: Mixture) -> bool:
    share = case.share if case.family[found.second] == case.second else 1 - case.share
    return found.low <= share <= found.high


def write(found: Sequence[tuple[Case, Mixture | None]], folder: Path) -> None:
    """One line a target."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "mixture.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["kind", "n", "first", "second", "share", "found", "low", "high", "gain", "p_two", "p_change"])
        for c, m in found:
            if m is not None:
                rows.writerow([*c[:5], m.share, m.low, m.high, m.gain, m.p_two, m.p_change])
    print(f"table: {folder / 'mixture.csv'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="folder of the table (default: a temporary one)")
    parser.add_argument("--splits", type=int, default=6, help="times that the openings are dealt anew")
    parser.add_argument("--skip-general", action="store_true", help="the dialogues alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
