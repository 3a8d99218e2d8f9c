"""A report is one interface: a new one is its file and its line in the registry, and all commands give it."""

import gc
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from tests.conftest import ROOT
from tests.report.test_match_report import a_match
from wrapdetect.cli.commands.replay import judge_again
from wrapdetect.cli.present import judged_run
from wrapdetect.errors import SpecError
from wrapdetect.report import REPORTS, report_of
from wrapdetect.report.interface import Report, as_bytes, as_text
from wrapdetect.report.nouns import Judged, Matched, Screen
from wrapdetect.store import run_file

RELAY = ROOT / "fixtures" / "runs" / "lab_relay"
NOUNS = ("verdict", "match", "outages", "status", "incidents")


class LineReport(Report):
    """What a file of a new report holds, all of it."""

    id: ClassVar[str] = "line"

    def verdict(self, judged: Judged, screen: Screen) -> bytes:
        return as_bytes(f"{judged.run.target.name}: {judged.verdict.state}\n")


@pytest.fixture
def _line_is_registered() -> Iterator[None]:
    REPORTS["line"] = LineReport()  # the line of the registry
    yield
    del REPORTS["line"]


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judged_run(run_file.load_file(RELAY).run, embed=False)


@pytest.mark.usefixtures("_line_is_registered")
def test_a_report_of_one_file_and_one_line_is_given_by_replay(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert judge_again(Path("lab_relay"), report="line", embed=False, fail_at=None) == 0
        assert judge_again(Path("lab_relay"), report="line", embed=False, fail_at=0.9) == 10
    finally:
        gc.enable()  # a command turns it off until its process ends
    assert capsys.readouterr().out == "target: likely_wrapper\n" * 2


class BrokenReport(Report):
    """One that another package added, and that cannot do what it should."""

    id: ClassVar[str] = "broken"

    def verdict(self, judged: Judged, screen: Screen) -> bytes:
        raise KeyError(judged.run.target.name)


def test_a_report_of_another_package_that_breaks_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REPORTS, "broken", BrokenReport())
    try:
        with pytest.raises(
            SpecError, match=r"^report broken of package tests broke \(KeyError: 'target'\); choose anoth"
        ):
            judge_again(Path("lab_relay"), report="broken", embed=False, fail_at=None)
    finally:
        gc.enable()


def test_a_report_refuses_by_name_what_it_does_not_show() -> None:
    with pytest.raises(SpecError, match=r"^report line does not show a match; console and json do$"):
        LineReport().match(Matched(match=a_match(), top=1), Screen())


def test_the_reports_of_our_own_show_every_noun_and_are_called_as_they_are_registered() -> None:
    for id_, report in REPORTS.items():
        assert report.id == id_
        assert [n for n in NOUNS if getattr(type(report), n) is getattr(Report, n)] == []


def test_nobody_outside_the_room_of_reports_chooses_between_their_forms() -> None:
    forms = re.compile(r"wrapdetect\.report(\.console\.\w+|\.\w+_v1| import \w+_v1)|\bas_json\b")
    outside = [f for f in (ROOT / "wrapdetect").rglob("*.py") if "report" not in f.relative_to(ROOT).parts]
    assert [f.name for f in outside if forms.search(f.read_text(encoding="utf-8"))] == []


def test_of_several_targets_the_console_gives_one_after_the_other_and_json_a_list(judged: Judged) -> None:
    twin = replace(judged, verdict=replace(judged.verdict, state="unlike"))
    console, as_json = report_of("console"), report_of("json")
    screen = Screen(width=90)
    assert console.verdicts([judged, twin], screen) == console.verdict(judged, screen) + console.verdict(twin, screen)
    assert as_json.verdicts([judged], screen) == as_json.verdict(judged, screen)
    listed = json.loads(as_json.verdicts([judged, twin], screen))
    assert [one["state"] for one in listed] == ["likely_wrapper", "unlike"]


def test_the_screen_shapes_the_console_and_never_json(judged: Judged) -> None:
    narrow, coloured = Screen(width=60), Screen(colour=True)
    told = report_of("console").verdict(judged, narrow).decode()
    assert max(len(line) for line in told.splitlines()) <= 60
    assert "\x1b[" not in told
    assert b"\x1b[" in report_of("console").verdict(judged, coloured)
    assert report_of("json").verdict(judged, narrow) == report_of("json").verdict(judged, coloured)


def test_half_a_surrogate_comes_through_a_report_as_it_is() -> None:
    assert as_text(as_bytes("a \ud83d \u00e9\n")) == "a \ud83d \u00e9\n"
