"""Dependence in time: known edges, controls, common days, the founding outage, simulations, speed. Prints Markdown.

    ./run bench outages [--data ../shared/data/outages] [--quick] [--only PART ...]

Intervals are of 95 % (Jeffreys). --quick makes a tenth of the simulations; --only some of the parts.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import scipy

from bench.outages.controls import print_controls, print_placebo
from bench.outages.edges import print_common, print_edges
from bench.outages.feb21 import print_feb21
from bench.outages.sims import print_attacks, print_level, print_until
from bench.outages.speed import print_speed
from bench.outages.truth import DATA, Missing, Truth, load

WORKERS, QUICK = 2, 10
HELD_OUT = (
    "Held out: edges and controls are labels that no part of the statistic reads. The prior of s (mean .73 for "
    "products that depend on one provider) and the chance of a common cause came from lists of this kind, the latter "
    "from Claude and ChatGPT 2023 to 2024, so that pair is not blind to it. Simulations are fitted to nothing."
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench outages", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of incidents.parquet and dependencies.json")
    parser.add_argument("--quick", action="store_true", help="a tenth of the simulations")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    asked = parser.parse_args()
    try:
        truth = load(asked.data)
    except Missing as error:
        print(f"bench outages: {error}", file=sys.stderr)
        return 2
    begun = time.perf_counter()
    _head(truth, quick=asked.quick)
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        for part in asked.only:
            PARTS[part](truth, pool, asked.quick)
            sys.stdout.flush()
    print(f"The whole took {time.perf_counter() - begun:.0f} s.")
    return 0


PARTS: Mapping[str, Callable[[Truth, ProcessPoolExecutor, bool], None]] = {
    "speed": lambda truth, pool, quick: print_speed(),
    "feb21": lambda truth, pool, quick: print_feb21(truth),
    "edges": lambda truth, pool, quick: print_edges(truth),
    "controls": lambda truth, pool, quick: print_controls(truth),
    "common": lambda truth, pool, quick: print_common(truth),
    "placebo": print_placebo,
    "until": lambda truth, pool, quick: print_until(pool, QUICK if quick else 1),
    "level": lambda truth, pool, quick: print_level(pool, QUICK if quick else 1),
    "attacks": lambda truth, pool, quick: print_attacks(pool, QUICK if quick else 1),
}


def _head(truth: Truth, *, quick: bool) -> None:
    print(f"{len(truth.incidents)} incidents of {len(truth.lines)} services; "
          f"providers: {', '.join(truth.providers)}; "
          f"numpy {np.__version__}, scipy {scipy.__version__}{'; --quick' if quick else ''}."
          f"\n\n{HELD_OUT}\n")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
