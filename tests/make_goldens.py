"""Writes the golden of each stage beside each run of fixtures/runs: `python -m tests.make_goldens`.

Look at the difference before committing it: it says which stage moved.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.conftest import ROOT
from wrapdetect.evidence.analysis import analyse
from wrapdetect.model import Finding, Observation, Verdict
from wrapdetect.runs.codec import rounded
from wrapdetect.runs.codec.lines import line_text
from wrapdetect.store import run_file
from wrapdetect.store.shipped import load_seeds

RUNS = sorted((ROOT / "fixtures" / "runs").iterdir())


def stages(folder: Path) -> Iterator[tuple[str, str]]:
    """File name and text of each stage, without the embedding view."""
    analysis = analyse(run_file.load_file(folder).run, load_seeds(), embed=None)
    yield "observations.json", observations_to_json(analysis.observations)
    yield "findings.json", findings_to_json(analysis.findings)
    yield "verdict.json", verdict_to_json(analysis.verdict)


def observations_to_json(observations: Iterable[Observation]) -> str:
    """One JSON list, one observation a line: the golden of the reading stage."""
    rows = [[o.exchange, o.feature, o.value, o.reader] for o in observations]
    return "[\n" + ",\n".join(line_text(rounded(r)) for r in rows) + "\n]\n"


def findings_to_json(findings: Iterable[Finding]) -> str:
    """One JSON list, one finding a line: the golden of the comparing stage."""
    return "[\n" + ",\n".join(line_text(rounded(asdict(f))) for f in findings) + "\n]\n"


def verdict_to_json(verdict: Verdict) -> str:
    """The verdict as indented JSON: the golden of the judging stage."""
    return json.dumps(rounded(asdict(verdict)), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    for folder in RUNS:
        for name, text in stages(folder):
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
