"""Ten minutes of structure-aware fuzzing: does anything hostile bring a part down, slow it, or come out unreadable?

    python -m bench.fuzz [--minutes 10] [--seed 1] [--only codec,dialects,...] [--batch N]

Parts take turns, a batch of 200 inputs each. A fault is an exception other than the part's own named error, CPU time
out of proportion to the input, or a result that cannot be written and read again. Exit code 1 where one was found.
`--batch N` tries that one batch of each part again: the same inputs for the same seed.
"""

import argparse
import time
from itertools import count

from bench.fuzz.hunting import Fault, Hunt
from bench.fuzz.registry import PARTS

SHOWN = 1500
"""Characters of an input that are printed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--batch", type=int)
    options = parser.parse_args()
    chosen = [name.strip() for name in options.only.split(",")]
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"--only {', '.join(sorted(unknown))}: no such part; expected some of {', '.join(PARTS)}")
    hunts = [Hunt(PARTS[name], options.seed) for name in chosen]
    until = time.monotonic() + 60 * options.minutes
    for number in count() if options.batch is None else (options.batch,):
        for hunt in hunts:
            hunt.batch(number)
        if time.monotonic() > until:
            break
    for hunt in hunts:
        print(
            f"{hunt.part.name:10} {hunt.tried:8,} inputs  {hunt.refused:8,} refused  slowest {hunt.slowest:4.0%} of its"
            f" limit  {len(hunt.faults)} faults"
        )
        for fault in hunt.faults.values():
            print(told(fault, hunt))
    return int(any(h.faults for h in hunts))


def told(fault: Fault, hunt: Hunt) -> str:
    """A fault in a few lines: what, where, how to see it again, and its smallest input."""
    again = f"--seed {hunt.seed} --only {hunt.part.name} --batch {fault.batch}"
    return f"  {fault.what}\n    in {fault.where}, {fault.times} times; {again}\n    {shortened(fault.shown)}"


def shortened(text: str) -> str:
    """The start and the end of a long text.

    >>> shortened("ab" * 2000)[740:780]
    'abababababab ... 2,500 more ... abababab'
    """
    if len(text) <= SHOWN:
        return text
    return f"{text[: SHOWN // 2]} ... {len(text) - SHOWN:,} more ... {text[-SHOWN // 2 :]}"


if __name__ == "__main__":
    raise SystemExit(main())
