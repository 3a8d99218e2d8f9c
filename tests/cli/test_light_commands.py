"""Commands that compare nothing load neither scikit-learn nor scipy, which take a second."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = """
import atexit, sys
atexit.register(lambda: print(sorted({"sklearn", "scipy"} & sys.modules.keys())))
from wrapdetect.cli import main
main()
"""
NOBODY = "http://127.0.0.1:9/v1"
"""Port 9 discards: nothing listens there."""


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["probes", "list"], 0),
        (["target", "detect", NOBODY], 3),
        (["audit", NOBODY, "--model", "m", "--reference", f"r={NOBODY}#m", "--dry-run"], 0),
        (["audit", NOBODY, "--model", "m"], 3),
        (["ask", "--manual", "--dry-run"], 0),
        (["import", "answers.jsonl", "--out", "run.jsonl"], 0),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_what_compares_nothing_loads_nothing_that_compares(argv: list[str], code: int, tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"model": "bot", "prompt": "Hi?", "answer": "Ho."}\n', encoding="utf-8")
    command = [sys.executable, "-c", CODE, *argv]
    env = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, "[]"), done.stderr
