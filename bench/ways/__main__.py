"""Whether a bot gets the same verdict through every way in, and what evidence is lost by way.

    python -m bench.ways [--only WAY ...] [--truths ...] [--seeds 1 2 3] [--weights closed]
                         [--jobs 2] [--embed] [--keep FOLDER]

The demo's bots (an own voice, the same model, a relay behind a persona) are each audited by the real command line
through every way, against three references over the OpenAI API, with the pack short. The same model is asked with the
first seed only, and against open weights; the others against --weights. Ends with 1 where a bot with its own voice is
accused, or where a state differs by way.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, get_args

from bench.ways.audits import Outcome, audited
from bench.ways.lab import FIRST, USUAL, WAYS, Truth
from bench.ways.table import ACCUSED, markdown
from wrapdetect.model import Weights

SLOW = ("page", "pasted_by_hand")
"""Begun first, so that nothing waits for them at the end."""


class Trial(NamedTuple):
    """One bot by one way."""

    truth: Truth
    way: str
    seed: int


def main() -> int:
    given = _options()
    ways = [w for w in WAYS if w in given.only or w == FIRST]
    trials = [
        Trial(truth, way, seed)
        for truth in given.truths
        for way in ways
        for seed in (given.seeds[:1] if truth == "same model" else given.seeds)
    ]
    with _folder(given.keep) as folder:
        outcomes = _all(trials, folder, given)
    print(markdown(outcomes))
    accused = [o for o in outcomes if o.truth == "own voice" and o.state in ACCUSED]
    states = {(o.truth, o.seed, o.state) for o in outcomes}
    return 1 if accused or len(states) > len({(o.truth, o.seed) for o in outcomes}) else 0


def _all(trials: Sequence[Trial], folder: Path, given: argparse.Namespace) -> list[Outcome]:
    """In the order of the trials, made by as many processes."""
    weights: dict[Truth, Weights] = {"own voice": given.weights, "same model": "open", "relay": given.weights}
    with ProcessPoolExecutor(given.jobs, initializer=logging.disable) as pool:  # a lab that is down says so at length
        order = sorted(trials, key=lambda t: (t.seed, t.way not in SLOW))
        running = {t: pool.submit(audited, *t, folder, weights=weights[t.truth], embed=given.embed) for t in order}
        for number, (trial, future) in enumerate(running.items(), 1):
            done = future.result()
            print(
                f"[{number} of {len(trials)}] {', '.join(map(str, trial))}: {done.state} "
                f"p {done.probability:.2f} nats {done.behaviour:+.1f} {done.dependence:+.1f}, {done.seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        return [running[t].result() for t in trials]


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=USUAL, help=f"beside {FIRST}")
    parser.add_argument("--truths", nargs="+", choices=get_args(Truth), default=list(get_args(Truth)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--weights", choices=get_args(Weights), default="closed", help="known of the references")
    parser.add_argument("--jobs", type=int, default=2, help="audits at a time")
    parser.add_argument("--embed", action="store_true", help="with the embedding view")
    parser.add_argument("--keep", type=Path, help="keep the runs there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
