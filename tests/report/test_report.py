"""Reports: the schema is frozen, the words are true to the verdict, and no answer can drive a terminal."""

import hashlib
import json
from dataclasses import replace

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.make_goldens import RUNS
from wrapdetect.evidence.analysis import analyse
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Run, State, Verdict
from wrapdetect.report import json_v1
from wrapdetect.report.console import share
from wrapdetect.report.console import verdict as console
from wrapdetect.store import run_file

SCHEMA = ROOT / "wrapdetect" / "report" / "json_v1.schema.json"
FROZEN = "f9bdcea2932e44502f5af06227562ff700d97355a1b1073a36d1e96981e61b62"


@pytest.fixture(scope="module")
def judged(seeds: Seeds) -> tuple[Verdict, Run]:
    run = run_file.load_file(next(f for f in RUNS if f.name == "lab_relay")).run
    return analyse(run, seeds, embed=None).verdict, run


def test_the_schema_of_report_v1_is_frozen() -> None:
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == FROZEN, "v1 may not change: a new shape is v2"


def test_the_report_fits_its_schema_and_says_what_the_verdict_says(judged: tuple[Verdict, Run]) -> None:
    verdict, run = judged
    report = json.loads(json_v1.render(verdict, run))
    jsonschema.validate(report, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (report["state"], report["upstream"]) == (verdict.state, verdict.upstream)
    assert len(report["findings"]) == len(verdict.findings) > 0


def test_a_field_more_or_less_does_not_fit_the_schema(judged: tuple[Verdict, Run]) -> None:
    report = json.loads(json_v1.render(*judged))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for broken in ({**report, "more": 1}, {k: v for k, v in report.items() if k != "state"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def test_state_and_probability_come_first(judged: tuple[Verdict, Run]) -> None:
    verdict, run = judged
    first = console.render(verdict, run).strip().splitlines()[0]
    assert first.startswith(f"{verdict.state} of {verdict.upstream}")
    assert share(verdict.probability) in first


@pytest.mark.parametrize("state", ["wrapper", "likely_wrapper", "same_model", "unlike", "insufficient"])
def test_every_state_has_its_words(judged: tuple[Verdict, Run], state: State) -> None:
    verdict, run = judged
    text = console.render(replace(verdict, state=state), run)
    assert console.SAYS[state].format(u=verdict.upstream).split(";")[0][:30] in " ".join(text.split())


def test_every_finding_control_limit_need_and_bug_is_shown(judged: tuple[Verdict, Run]) -> None:
    verdict, run = judged
    verdict = replace(verdict, bugs=("rule x: ValueError: y",))
    text = " ".join(console.render(verdict, run, width=130).split())
    for finding in verdict.findings:
        assert finding.rule in text
    for control in verdict.controls:
        assert control.id in text
    for sentence in (*verdict.limits, *verdict.needs, *verdict.bugs):
        assert sentence[:40] in text


@pytest.mark.parametrize("colour", [False, True])
def test_no_answer_can_drive_the_terminal(judged: tuple[Verdict, Run], colour: bool) -> None:
    verdict, run = judged
    hostile = "\x1b]0;owned\x07\x1b[2J[bold red]markup[/]\u202e\x00"
    findings = tuple(replace(f, witness=hostile, evidence=hostile) for f in verdict.findings)
    target = replace(run.target, url=f"http://x/{hostile}", model=hostile)
    hostile_run = replace(run, endpoints=(target, *run.references), note=hostile)
    text = console.render(replace(verdict, findings=findings, limits=(hostile,)), hostile_run, colour=colour)
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert not {"\x07", "\x00", "\u202e"} & set(text)
    assert "[bold red]markup[/]" in text


def test_lines_fit_the_width(judged: tuple[Verdict, Run]) -> None:
    verdict, run = judged
    wide = [line for line in console.render(verdict, run, width=90).splitlines() if len(line) > 90]
    assert wide == []


def test_nothing_is_ever_shown_as_certain() -> None:
    assert [share(p) for p in (0.0, 0.5, 0.999, 1.0)] == ["under .01", ".50", "over .99", "over .99"]
