"""Records the small lab runs of fixtures/runs over real HTTP: `python -m tests.make_lab_runs`.

The demo's three bots, audited with the pack short, plain answers. Times differ at each recording, so make the goldens
again afterwards.
"""

import subprocess

from tests.conftest import ROOT
from wrapdetect.cli.demo.command import audit_command, lab

RUNS = {"relay": "lab_relay", "own voice": "lab_own_voice", "same model": "lab_same_model"}


def main() -> None:
    for bot, name in RUNS.items():
        folder = ROOT / "fixtures" / "runs" / name
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "run.jsonl"
        file.unlink(missing_ok=True)
        with lab(seed=1) as bots:
            more = ("--plain", "--no-embed", "--vantage", "lab")
            subprocess.run(audit_command(bots, bot, file, *more), check=True)


if __name__ == "__main__":
    main()
