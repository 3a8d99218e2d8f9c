"""200 kills over audit, import, monitor and packing, resumed after each: is anything lost, or there twice?

    python -m bench.kills [--kills 200] [--seed 1] [--only audit,import,monitor,packing]

Kills are shared evenly between the parts: SIGKILL mostly, SIGTERM, SIGHUP and SIGINT, at moments that the seed draws
(what runs then differs from run to run). Exit code 1 where something was lost, doubled, ended in a traceback or by a
code that no document names.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from bench.kills import runs, stores
from bench.kills.killing import Tally

Part = Callable[[Path, int, Random], Tally]
PARTS: Mapping[str, Part] = {
    "audit": runs.audit,
    "import": runs.import_,
    "monitor": stores.monitor,
    "packing": stores.packing,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    chosen = [name.strip() for name in options.only.split(",")]
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"--only {', '.join(sorted(unknown))}: no such part; expected some of {', '.join(PARTS)}")
    runs.warm()
    faults = 0
    for name in chosen:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            tally = PARTS[name](Path(folder), options.kills // len(chosen), Random(f"{options.seed}/{name}"))
        print(told(tally, time.monotonic() - begun), flush=True)
        faults += len(tally.faults)
    return int(faults > 0)


def told(tally: Tally, seconds: float) -> str:
    """A part in a few lines."""
    figures = ", ".join(f"{name} {value:,}" for name, value in tally.figures.items())
    lines = [
        f"{tally.name:8} {tally.kills.total():3} kills {dict(tally.kills)}, {seconds:.0f} s",
        f"         exit codes {dict(tally.codes)}",
        f"         {figures}; {len(tally.faults)} faults",
        *(f"         {fault}" for fault in tally.faults[:10]),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
