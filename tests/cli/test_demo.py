"""The demo, whole: three bots of known truth are judged right, whatever the seed."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_three_verdicts_are_right(seed: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wrapdetect", "demo", "--seed", str(seed), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "right: 3 of 3" in done.stdout
    assert len(list(tmp_path.rglob("*.jsonl"))) == 3
