"""The two-sample test on recorded answers: its level, its power, its time.

    python -m bench.match.two_sample [--data ../shared/data] [--out FOLDER] [--splits 50] [--seed 1]

Data: lechmazur/persuasion @ 7c93505, openings (turn 1) of ten models, 16 prompts (topic and side), 9 answers to each.
A test takes 4 answers against 4 of each of 1 to 10 prompts: 4 v 4 up to 40 v 40. Nothing is fitted on labels: the
n-gram weights come from all answers alike.
Level: halves of one model's answers, drawn anew for each prompt (right by construction: this checks the code), and
halves by partner, the model that the opening was put to (the same partners at every prompt: right only where answers
really are alike). Power: two models; two models of one family; one model of which 1 answer in 4 comes from another.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib import pyplot
from numpy.random import Generator
from numpy.typing import NDArray

from bench.match.measures import clopper_pearson
from wrapdetect.evidence.compare.ngrams import GRAMS, counts, folded, rarity
from wrapdetect.library.two_sample import mmd, mmd_from_gram

ROOT = Path(__file__).resolve().parents[2]
EACH = 4
"""Answers a prompt and side of a test: two halves of 9."""
SIZES = (1, 2, 3, 4, 6, 8, 10)
"""Numbers of prompts in a test."""
SIBLINGS = ("gemini-3.1-flash-lite-preview", "gemini-3.1-pro-preview")
Cells = Sequence[Sequence[int]]
"""Rows of one model's answers by prompt, in the order of partners."""


class Openings(NamedTuple):
    """Inner products of all answers, and where each model's are."""

    gram: NDArray[np.float64]
    cells: Mapping[str, Cells]


def main() -> int:
    """Print level, power and time; 0 where the level holds within its interval, 1 where it does not, 2 without data."""
    options = _options()
    file = Path(options.data) / "persuasion_multiturn" / "turns.parquet"
    if not file.exists():
        print(f"bench.match.two_sample: {file} is missing; this benchmark needs the openings of lechmazur/persuasion")
        return 2
    openings = load(file)
    rng = np.random.default_rng(options.seed)
    print(
        f"{len(openings.cells)} models, {len(openings.gram)} answers; {EACH} v {EACH} a prompt, 2,000 draws, p <= .05"
    )
    held = level(openings, options.splits, rng)
    curves = power(openings, options.splits, rng)
    speed()
    picture(curves, Path(options.out or tempfile.mkdtemp(prefix="two_sample-")))
    return 0 if held else 1


def load(file: Path) -> Openings:
    """The openings, sketched by words, characters and layout side by side."""
    import pandas as pd  # noqa: PLC0415  # an extra that only benchmarks need

    frame = pd.read_parquet(file)
    frame = frame[(frame.turn == 1) & (frame.role == "persuader")]
    frame = frame.sort_values(["model", "topic", "side", "target"]).reset_index(drop=True)
    views = []
    for grams in GRAMS.values():
        counted = counts(frame.text.tolist(), grams)
        holding = np.bincount(counted.indices, minlength=counted.shape[1])
        views.append(folded(counted, rarity(holding, len(frame))))
    sketches = np.hstack(views).astype(np.float64)
    cells: dict[str, list[list[int]]] = {}
    for (model, _, _), group in frame.groupby(["model", "topic", "side"]):
        cells.setdefault(str(model), []).append(group.index.tolist())
    return Openings(sketches @ sketches.T, cells)


def level(openings: Openings, splits: int, rng: Generator) -> bool:
    """Share of rejections where both samples are one model's. True where that of random halves is not above 5 %.

    Random halves are independent tests, whose interval is exact. Halves by partner are so only from model to model;
    a share above 5 % says that some model's openings depend on the partner, not that the test fails.
    """
    print("\nlevel, 40 v 40            rejected        share   Clopper-Pearson   bootstrap of models   models from, to")
    held = True
    for name, by_partner in (("halves drawn by prompt", False), ("halves by partner", True)):
        found = np.array(
            [
                [rejects(openings, *halves(cells, by_partner, max(SIZES), rng), rng) for _ in range(splits)]
                for cells in openings.cells.values()
            ]
        )
        (exact, _), (low, high) = clopper_pearson(int(found.sum()), found.size), clustered(found, rng)
        held &= by_partner or exact <= 0.05
        print(_level_row(name, found, low, high))
    return held


def power(openings: Openings, splits: int, rng: Generator) -> dict[str, list[tuple[float, float, float]]]:
    """Share of rejections by size with its interval over pairs, for two models, siblings and one answer in four."""
    pairs, few = list(combinations(sorted(openings.cells), 2)), max(splits // 5, 1)
    curves: dict[str, list[tuple[float, float, float]]] = {}
    print("\npower, by n v n           " + "  ".join(f"{EACH * s:>17}" for s in SIZES))
    for name, swapped, chosen, times in (
        ("two models", EACH, pairs, few),
        ("siblings", EACH, [SIBLINGS], 5 * few),
        ("1 answer in 4 foreign", 1, [p if rng.random() < 0.5 else (p[1], p[0]) for p in pairs], few),
    ):
        for size in SIZES:
            found = np.array(
                [
                    [rejects(openings, *between(openings, pair, swapped, size, rng), rng) for _ in range(times)]
                    for pair in chosen
                ]
            )
            ends = clustered(found, rng) if len(chosen) > 1 else clopper_pearson(int(found.sum()), found.size)
            curves.setdefault(name, []).append((float(found.mean()), *ends))
        print(f"{name:25} " + "  ".join(f"{m:.2f} ({a:.2f} to {b:.2f})" for m, a, b in curves[name]))
    print(f"intervals: 95 %, bootstrap over the {len(pairs)} pairs, {few} tests each; siblings Clopper-Pearson")
    return curves


def speed() -> None:
    """Time of 40 v 40 vectors of 384 dimensions, 2,000 draws."""
    rng, took = np.random.default_rng(1), []
    for _ in range(20):
        x, y = rng.normal(size=(2, 40, 384))
        started = time.perf_counter()
        mmd(x, y, rng=rng)
        took.append(1000 * (time.perf_counter() - started))
    print(
        f"\n40 v 40, 384 dimensions, 2,000 draws {np.median(took):.0f} ms ({min(took):.0f} to {max(took):.0f}), 20 runs"
    )


def picture(curves: Mapping[str, Sequence[tuple[float, float, float]]], folder: Path) -> None:
    """Power against n, as a PNG."""
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, points in curves.items():
        mean, low, high = np.array(points).T
        axes.errorbar([EACH * s for s in SIZES], mean, [mean - low, high - mean], label=name, marker="o", capsize=3)
    axes.axhline(0.05, color="grey", linestyle=":", label="level 5 %")
    axes.set(xlabel="answers on each side, 4 a prompt", ylabel="share of tests with p <= .05", ylim=(0, 1.03))
    axes.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "two_sample_power.png", dpi=120, bbox_inches="tight")
    print(f"plot: {folder / 'two_sample_power.png'}")


def rejects(openings: Openings, x: Sequence[int], y: Sequence[int], rng: Generator) -> bool:
    """One test at 5 %, x and y being rows, EACH of a prompt after the other."""
    rows, labels = [*x, *y], [k // EACH for k in range(len(x))]
    return mmd_from_gram(openings.gram[np.ix_(rows, rows)], len(x), rng=rng, strata=labels + labels).p <= 0.05


def halves(cells: Cells, by_partner: bool, prompts: int, rng: Generator) -> tuple[list[int], list[int]]:
    """Two halves of one model's answers, drawn for each prompt or, by partner, once for all."""
    chosen = rng.choice(len(cells), prompts, replace=False)
    partners = rng.permutation(len(cells[0]))
    x: list[int] = []
    y: list[int] = []
    for cell in (cells[k] for k in chosen):
        order = partners if by_partner else rng.permutation(len(cell))
        x += [cell[k] for k in order[:EACH]]
        y += [cell[k] for k in order[EACH : 2 * EACH]]
    return x, y


def between(
    openings: Openings, pair: tuple[str, str], swapped: int, prompts: int, rng: Generator
) -> tuple[list[int], list[int]]:
    """One model against itself, `swapped` of the EACH answers on the second side being the other model's."""
    own, other = (openings.cells[name] for name in pair)
    x: list[int] = []
    y: list[int] = []
    for k in rng.choice(len(own), prompts, replace=False):
        ours, theirs = rng.permutation(own[k]).tolist(), rng.permutation(other[k]).tolist()
        x += ours[:EACH]
        y += theirs[:swapped] + ours[EACH : 2 * EACH - swapped]
    return x, y


def clustered(found: NDArray[np.bool_], rng: Generator) -> tuple[float, float]:
    """95 % interval of the mean share, whole rows (models, pairs) drawn again 5,000 times."""
    shares = found.mean(axis=1)
    drawn = shares[rng.integers(0, len(shares), (5000, len(shares)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _level_row(name: str, found: NDArray[np.bool_], low: float, high: float) -> str:
    ends, shares = clopper_pearson(int(found.sum()), found.size), found.mean(axis=1)
    row = f"{name:25} {found.sum():3} of {found.size:5}   {found.mean():.3f}   {ends[0]:.3f} to {ends[1]:.3f}"
    return f"{row}    {low:.3f} to {high:.3f}        {shares.min():.2f}, {shares.max():.2f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--out", help="folder of the plot (default: a temporary one)")
    parser.add_argument("--splits", type=int, default=50, help="tests of each model for the level; a fifth for power")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
