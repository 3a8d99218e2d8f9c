"""Every stage of every shipped run gives what it gave; shipped formats load; the founding case is judged right."""

import json
from pathlib import Path
from typing import get_args

import pytest

from tests.conftest import ROOT
from tests.make_fixtures import founding_case, small_run
from tests.make_goldens import RUNS, stages
from wrapdetect.model import FailureKind
from wrapdetect.model.history import Outcome, ServiceKind
from wrapdetect.runs.codec import FORMAT, Loaded, dump_run, load_run
from wrapdetect.runs.codec.history import ENTRIES


@pytest.mark.parametrize("folder", RUNS, ids=lambda f: f.name)
def test_every_stage_gives_what_it_gave(folder: Path) -> None:
    for name, text in stages(folder):
        assert text == (folder / name).read_text(encoding="utf-8"), f"{folder.name}: {name} moved"


@pytest.mark.parametrize(("name", "falls"), [("feb21", True), ("feb21_twin", False)])
def test_scripted_runs_are_what_their_script_says(name: str, falls: bool) -> None:
    data = (ROOT / "fixtures" / "runs" / name / "run.jsonl").read_bytes()
    script = founding_case(bot_falls_too=falls)
    assert load_run(data) == Loaded(script, b"", len(data))
    assert data.split(b"\n")[1:] == dump_run(script).encode().split(b"\n")[1:]  # exchanges read alike in every format
    assert b"scripted" in data.partition(b"\n")[0]


def test_the_founding_case_is_a_likely_wrapper_and_the_outage_leads() -> None:
    verdict = json.loads((ROOT / "fixtures" / "runs" / "feb21" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["state"] in ("wrapper", "likely_wrapper")
    leading = verdict["findings"][0]
    assert leading["rule"] == "failures_together"
    assert "2023-02-21 07:1" in leading["witness"]


def test_its_twin_that_stays_up_is_not_accused() -> None:
    verdict = json.loads((ROOT / "fixtures" / "runs" / "feb21_twin" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["state"] not in ("wrapper", "likely_wrapper")
    assert verdict["dependence"] < 0


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("lab_relay", ("wrapper", "likely_wrapper")),
        ("lab_own_voice", ("unlike",)),
        ("lab_same_model", ("same_model",)),
    ],
)
def test_recorded_lab_bots_are_judged_as_what_they_are(name: str, states: tuple[str, ...]) -> None:
    verdict = json.loads((ROOT / "fixtures" / "runs" / name / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["state"] in states


def test_every_format_ever_shipped_still_loads() -> None:
    shipped = sorted((ROOT / "fixtures" / "formats").glob("*.jsonl"), key=lambda f: int(f.stem))
    assert [int(f.stem) for f in shipped] == list(range(1, FORMAT + 1))
    for number, file in enumerate(shipped, start=1):
        loaded = load_run(file.read_bytes(), name=file.name)
        assert loaded.torn == b""
        assert {e.failure.kind for e in loaded.run.exchanges if e.failure} == set(FailureKind)
        assert loaded.run.exchanges == small_run(number).exchanges
        assert loaded.run.history == small_run(number).history
        assert (loaded.run.history is None) == (number < 2)
        assert loaded.run.endpoints == small_run(number).endpoints


def test_the_newest_format_is_written_as_it_was_shipped() -> None:
    data = (ROOT / "fixtures" / "formats" / f"{FORMAT}.jsonl").read_bytes()
    assert dump_run(load_run(data).run).encode() == data


def test_the_shipped_history_holds_every_kind_of_line_and_every_outcome() -> None:
    data = (ROOT / "fixtures" / "formats" / "2.jsonl").read_bytes()
    firsts = {next(iter(json.loads(line))) for line in data.splitlines()}
    assert firsts == {"format", "endpoint", *ENTRIES}
    history = load_run(data).run.history
    assert history is not None
    assert {outcome for b in history.beats for outcome in b.outcome} == set(Outcome)
    assert {s.kind for s in history.services} == set(get_args(ServiceKind))
