"""Writes the golden of each stage beside each run of fixtures/runs: `python -m tests.make_goldens`.

Look at the difference before committing it: it says which stage moved.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT
from wrapdetect.evidence.analysis import analyse
from wrapdetect.runs.codec import findings_to_json, observations_to_json, verdict_to_json
from wrapdetect.store import run_file
from wrapdetect.store.shipped import load_seeds

RUNS = sorted((ROOT / "fixtures" / "runs").iterdir())


def stages(folder: Path) -> Iterator[tuple[str, str]]:
    """File name and text of each stage, without the embedding view."""
    analysis = analyse(run_file.load_file(folder).run, load_seeds(), embed=None)
    yield "observations.json", observations_to_json(analysis.observations)
    yield "findings.json", findings_to_json(analysis.findings)
    yield "verdict.json", verdict_to_json(analysis.verdict)


def main() -> None:
    for folder in RUNS:
        for name, text in stages(folder):
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
