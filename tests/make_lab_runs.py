"""Records the small lab runs of fixtures/runs over real HTTP: `python -m tests.make_lab_runs`.

The demo's three bots, audited with the pack short, plain answers. Times differ at each recording, so make the goldens
again afterwards.
"""

import subprocess
import sys

from tests.conftest import ROOT
from wrapdetect.commands.demo import lab

RUNS = {"relay": "lab_relay", "own voice": "lab_own_voice", "same model": "lab_same_model"}


def main() -> None:
    for bot, name in RUNS.items():
        folder = ROOT / "fixtures" / "runs" / name
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "run.jsonl"
        file.unlink(missing_ok=True)
        with lab(seed=1) as bots:
            target, model = bots.targets[bot]
            command = [
                sys.executable,
                "-m",
                "wrapdetect",
                "audit",
                target.url,
                "--model",
                model,
                "--plain",
                "--no-embed",
            ]
            for reference, (served, its_model) in bots.references.items():
                command += ["--reference", f"{reference}={served.url}#{its_model}"]
            command += [
                "--pack",
                "short",
                "--concurrency",
                "8",
                "--pace",
                "0.14",
                "--out",
                str(file),
                "--vantage",
                "lab",
            ]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
