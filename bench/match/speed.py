"""Time and memory of `wrapdetect match` and `wrapdetect library import`, as processes of their own.

    python -m bench.match.speed [--quick] [--runs 5] [--out DIR]

Libraries are synthetic: sketches drawn at random, in families of three, saved as an import saves them; the table that
is imported holds words drawn by Zipf's law, about 1,000 characters an answer. Prints wall and CPU seconds (median and
range over the runs) and the most memory, and fits how cost grows: the slope on a log-log scale of the CPU seconds
beyond start-up. CPU seconds say more than wall seconds on a shared machine. `--out` writes the curves as speed.png.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from wrapdetect.evidence.compare.arrays import Array
from wrapdetect.evidence.compare.ngrams import BUCKETS, GRAMS, SKETCH_DIMENSIONS, unit
from wrapdetect.library.answers import AnswersSource, Library, Row, build_library
from wrapdetect.library.fingerprint import OPENING_WORDS, Fingerprints
from wrapdetect.library.index import dump_prints, dump_texts
from wrapdetect.store import libraries

MODELS, MODELS_QUICK = (50, 160, 500, 1600, 5000), (50, 200)
PROMPTS, PROMPTS_QUICK = (8, 16, 32, 64, 128), (8, 32)
IMPORTED, IMPORTED_QUICK = ((100, 50), (200, 100), (500, 200)), ((50, 20), (100, 20))
"""Models and prompts; their product is the number of answers."""
USUAL_MODELS, USUAL_PROMPTS = 500, 64
ANSWER_CHARACTERS = 1000
SIBLINGS = 3
PROGRAM = (sys.executable, "-m", "wrapdetect")


class Spent(NamedTuple):
    """Of one process."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class Curve(NamedTuple):
    """`points`: size -> what each run spent; `start`: what a process spends before it does anything."""

    title: str
    unit: str
    points: Mapping[int, Sequence[Spent]]
    start: Sequence[Spent]

    @property
    def slope(self) -> float:
        """Of log (median CPU seconds beyond start-up) over log size: 1 where cost is linear."""
        start_s = statistics.median(s.cpu_s for s in self.start)
        beyond_s = [max(statistics.median(s.cpu_s for s in runs) - start_s, 1e-2) for runs in self.points.values()]
        return float(np.polyfit(np.log(list(self.points)), np.log(beyond_s), 1)[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes and two runs: does it work at all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for speed.png")
    options = parser.parse_args()
    runs = 2 if options.quick else options.runs
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        os.environ["WRAPDETECT_LIBRARIES"] = str(folder / "libraries")
        curves = measure(folder, runs, quick=options.quick)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        draw(curves, options.out / "speed.png")
    return 0


def measure(folder: Path, runs: int, *, quick: bool) -> list[Curve]:
    """All curves, printed point by point."""
    print(f"{'':44}  {'wall s':22}  {'CPU s':22}  peak MB")
    start = spent([sys.executable, "-c", "import wrapdetect.cli.commands.match"], runs)
    show("start-up: imports alone", start)
    models, prompts = (MODELS_QUICK, PROMPTS_QUICK) if quick else (MODELS, PROMPTS)
    imported = IMPORTED_QUICK if quick else IMPORTED
    by_models = {n: matched(folder, n, USUAL_PROMPTS, runs) for n in models}
    by_prompts = {n: matched(folder, USUAL_MODELS, n, runs) for n in prompts}
    by_answers = {m * p: imported_once(folder, m, p) for m, p in imported}
    curves = [
        Curve(f"match, {USUAL_PROMPTS} prompts", "models", by_models, start),
        Curve(f"match, {USUAL_MODELS} models", "prompts", by_prompts, start),
        Curve("import", "answers", by_answers, start),
    ]
    for curve in curves:
        print(f"{curve.title}: cost grows as {curve.unit} to the power of {curve.slope:.2f}")
    return curves


def matched(folder: Path, n_models: int, n_prompts: int, runs: int) -> list[Spent]:
    """What `wrapdetect match` spends on answers to all prompts of a library."""
    name, table = "speed", folder / "target.jsonl"
    libraries.save(*synthetic(name, n_models, n_prompts), replace=True)
    write_table(table, 1, n_prompts)
    found = spent([*PROGRAM, "match", str(table), "--library", name, "--no-embed"], runs)
    show(f"match: {n_models} models, {n_prompts} prompts", found)
    libraries.drop_library(name)
    return found


def imported_once(folder: Path, n_models: int, n_prompts: int) -> list[Spent]:
    """What `wrapdetect library import` spends on a table of JSON lines."""
    table = folder / "table.jsonl"
    write_table(table, n_models, n_prompts)
    found = spent([*PROGRAM, "library", "import", "speed", str(table), "--replace"], 1, warm=False)
    show(f"import: {n_models} models, {n_prompts} prompts, {n_models * n_prompts} answers", found)
    libraries.drop_library("speed")
    table.unlink()
    return found


def spent(command: Sequence[str], runs: int, *, warm: bool = True) -> list[Spent]:
    """The command run that often, once more before where `warm`: the first run warms the disk."""
    return [_spent(command) for _ in range(runs + warm)][int(warm) :]


def _spent(command: Sequence[str]) -> Spent:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}, expected 0: {said}")
    return Spent(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def show(what: str, runs: Sequence[Spent]) -> None:
    """One line of the table."""
    wall, cpu = _spread([r.wall_s for r in runs]), _spread([r.cpu_s for r in runs])
    print(f"{what:44}  {wall:22}  {cpu:22}  {max(r.peak_mb for r in runs):7.0f}", flush=True)


def synthetic(name: str, n_models: int, n_prompts: int) -> tuple[Library, Iterator[tuple[str, Array]]]:
    """A library of short texts, and an index as large as that of long ones."""
    rows = (
        Row(f"model {m:05}", prompt(q), f"Model {m} says {q}.", "synthetic")
        for m in range(n_models)
        for q in range(n_prompts)
    )
    library, _ = build_library(name, rows, AnswersSource(origin="bench.match.speed"))
    return library, index(library)


def index(library: Library) -> Iterator[tuple[str, Array]]:
    """Arrays of an index, drawn at random; siblings are alike."""
    n, rng = len(library.models), np.random.default_rng(1)
    yield from dump_texts("models", library.models)
    yield from dump_texts("questions", [q.text for q in library.questions])
    yield from ((f"rarity_{kind}", np.ones(BUCKETS, np.float32)) for kind in GRAMS)
    family = np.arange(n) // SIBLINGS
    drawn = rng.standard_normal((n, SKETCH_DIMENSIONS), dtype=np.float32)
    for question in library.questions:
        # New rows for each question would take minutes: the same are dealt out in another order.
        own = unit(rng.permutation(drawn)[family] + rng.permutation(drawn))
        opening = rng.integers(1, 4, (n, OPENING_WORDS + 1)).astype(np.uint32)
        opening[:, -1] = np.arange(1, n + 1)
        prints = Fingerprints(np.ones(n, bool), np.zeros(n, np.float32), opening, dict.fromkeys(GRAMS, own))
        yield from dump_prints(question.id, prints)
    yield "family", family
    yield "telling", np.ones(len(library.questions), np.float32)


def prompt(k: int) -> str:
    return f"Question {k}?"


def write_table(file: Path, n_models: int, n_prompts: int) -> None:
    """Answers of sentences of 12 words, drawn by Zipf's law."""
    say = speaker(np.random.default_rng(2))
    with file.open("w", encoding="utf-8") as lines:
        for m in range(n_models):
            for q in range(n_prompts):
                lines.write(json.dumps({"model": f"model {m:05}", "prompt": prompt(q), "answer": say()}) + "\n")


def speaker(rng: np.random.Generator) -> Callable[[], str]:
    """Gives a new answer of ANSWER_CHARACTERS at each call."""
    words = ["".join(rng.choice(list("etaoinshrdlu"), k)) for k in rng.integers(2, 10, 4000)]
    shares = np.cumsum(1 / (np.arange(len(words)) + 3.0))

    def say() -> str:
        drawn = [words[i] for i in np.searchsorted(shares, rng.random(200) * shares[-1])]
        sentences = [" ".join(drawn[k : k + 12]).capitalize() for k in range(0, len(drawn), 12)]
        return ". ".join(sentences)[:ANSWER_CHARACTERS]

    return say


def draw(curves: Sequence[Curve], file: Path) -> None:
    """One panel a curve: CPU and wall seconds over size, both scales logarithmic."""
    mpl.use("Agg")
    figure, panels = plt.subplots(1, len(curves), figsize=(5 * len(curves), 4), constrained_layout=True)
    for panel, curve in zip(panels, curves, strict=True):
        sizes = list(curve.points)
        for name, place, style in (("wall", 0, "o--"), ("CPU", 1, "s-")):
            times = [[run[place] for run in runs] for runs in curve.points.values()]
            middle = np.array([statistics.median(t) for t in times])
            range_ = [middle - [min(t) for t in times], [max(t) for t in times] - middle]
            panel.errorbar(sizes, middle, yerr=range_, fmt=style, capsize=3, label=name)
        start_s = statistics.median(s.cpu_s for s in curve.start)
        panel.axhline(start_s, color="grey", linestyle=":", label="start-up, CPU")
        panel.set(xscale="log", yscale="log", xlabel=curve.unit, ylabel="seconds")
        panel.set_title(f"{curve.title}\nslope beyond start-up {curve.slope:.2f}")
        panel.grid(visible=True, which="both", alpha=0.2)
        panel.legend()
    figure.savefig(file, dpi=100)
    plt.close(figure)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    sys.exit(main())
