"""An exchange during which our own loop stood still: a fact that is kept, and that no rule of times or outages uses."""

from dataclasses import replace
from pathlib import Path

import pytest

from wrapdetect.evidence.analysis import analyse
from wrapdetect.evidence.compare.samples import collect
from wrapdetect.evidence.judge import lagged_of
from wrapdetect.evidence.read import read_run
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Failure, FailureKind, Run
from wrapdetect.runs.codec import dump_lines, load_run

RUN = Path(__file__).parents[2] / "fixtures" / "runs" / "feb21" / "run.jsonl"


@pytest.fixture
def run() -> Run:
    return load_run(RUN.read_bytes(), name="feb21").run


def lagging(run: Run, lag_s: float, kind: str = "") -> Run:
    failure = Failure(kind=FailureKind(kind), detail="x") if kind else None
    return replace(
        run, exchanges=tuple(replace(e, lag_s=lag_s, failure=failure or e.failure, ended_s=10.0) for e in run.exchanges)
    )


def test_a_lag_is_kept_in_the_run_file_and_written_only_where_there_is_one(run: Run) -> None:
    lines = "".join(dump_lines(lagging(run, 0.25)))
    assert '"lag_s":0.25' in lines
    assert {e.lag_s for e in load_run(lines.encode(), name="x").run.exchanges} == {0.25}
    assert "lag_s" not in "".join(dump_lines(run))


def test_no_time_is_read_of_a_lagged_exchange(run: Run, seeds: Seeds) -> None:
    def timed(of: Run) -> int:
        return sum(o.reader == "timing" for o in read_run(of, seeds.vendors)[0])

    assert timed(run) > 0
    assert timed(lagging(run, 0.05)) == 0


@pytest.mark.parametrize(
    ("kind", "lag_s", "known"),
    [
        ("timeout", 1.0, False),
        ("cut_off", 1.0, False),
        ("timeout", 0.0, True),
        ("cut_off", 0.05, True),
        ("server", 1.0, True),
        ("connect", 1.0, True),
    ],
)
def test_a_failure_by_our_own_lag_is_neither_up_nor_down(
    run: Run, seeds: Seeds, kind: str, lag_s: float, known: bool
) -> None:
    failing = lagging(run, lag_s, kind)
    beats = collect(failing, read_run(failing, seeds.vendors)[0], seeds).beats
    assert sum(len(b) for b in beats.values()) == (len(run.exchanges) if known else 0)


def test_the_verdict_says_how_many_were_left_out(run: Run, seeds: Seeds) -> None:
    assert lagged_of(run) == []
    verdict = analyse(lagging(run, 0.05), seeds, embed=None).verdict
    (said,) = [line for line in verdict.limits if "stood still" in line]
    assert f"during {len(run.exchanges)} exchanges" in said
