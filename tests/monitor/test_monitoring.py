"""A monitor's history as runs: one for each target, with what others know and nothing of other targets."""

from dataclasses import replace

import pytest

from tests.cli.monitor_lab import a_service, constant_beats
from wrapdetect.model import Instrument
from wrapdetect.model.history import Coverage, History, Incident, Outcome, Print
from wrapdetect.monitor.as_runs import restricted, run_of, seen_from, targets_of

NAMES = ("nova", "luna", "heron", "plover", "wren", "page")
INSTRUMENT = Instrument(versions=(("wrapdetect", "test"),), host="test", vantage="")


def an_incident(service: str) -> Incident:
    return Incident(
        service=service,
        feed="f",
        id="1",
        title="Down",
        began_s=600,
        early_s=0,
        late_s=0,
        ended_s=1200,
        severity=2,
    )


@pytest.fixture
def history() -> History:
    """Two targets; plover is known by its feed alone; page is a plain site."""
    return History(
        cadence_s=300,
        services=(
            a_service("heron", "candidate", "http://heron.example/v1"),
            a_service("nova", "target", "http://nova.example/v1"),
            a_service("luna", "target", "http://luna.example/v1"),
            a_service("plover", "candidate", None),
            a_service("wren", "panel", "http://wren.example/v1"),
            a_service("page", "site", "http://page.example/"),
        ),
        beats=tuple(
            constant_beats(name, until_s=3000, n=10, outcome=Outcome.UP, said="", cadence_s=300)
            for name in NAMES
            if name != "plover"
        ),
        incidents=tuple(an_incident(name) for name in NAMES),
        coverage=tuple(Coverage(service=name, feed="f", since_s=0, until_s=3000) for name in NAMES),
        prints=tuple(Print(service=name, at_s=300, item="i", text="x") for name in NAMES),
    )


def named(history: History) -> list[set[str]]:
    """Whom each kind of fact speaks of."""
    facts = (history.beats, history.incidents, history.coverage, history.prints)
    return [{fact.service for fact in some} for some in facts]


def test_each_target_has_a_run_that_knows_nothing_of_the_others(history: History) -> None:
    assert targets_of(history) == ["nova", "luna"]
    run = run_of(history, "luna", id_="monitor-luna", instrument=INSTRUMENT)
    assert run.history is not None
    assert "nova" not in {s.name for s in run.history.services}
    assert named(run.history) == [
        {"luna", "heron", "wren", "page"},
        *[{"luna", "heron", "plover", "wren", "page"}] * 3,
    ]


def test_the_target_comes_first_and_panel_and_sites_are_no_references(history: History) -> None:
    run = run_of(history, "nova", id_="monitor-nova", instrument=INSTRUMENT)
    assert [(e.name, e.role) for e in run.endpoints] == [
        ("nova", "target"),
        ("heron", "reference"),
        ("plover", "reference"),
    ]
    assert run.target.url == "http://nova.example/v1"


def test_a_candidate_that_only_a_feed_tells_of_has_neither_url_nor_model(history: History) -> None:
    run = run_of(history, "nova", id_="monitor-nova", instrument=INSTRUMENT)
    plover = next(e for e in run.references if e.name == "plover")
    assert (plover.url, plover.model, plover.key_env) == ("", "", None)


def test_a_run_asks_nothing_and_says_so(history: History) -> None:
    run = run_of(history, "nova", id_="monitor-nova", instrument=INSTRUMENT, seed=7)
    assert (run.packs, run.exchanges, run.draws, run.seed) == ((), (), 0, 7)
    assert "no questions were asked" in run.note


def test_a_target_that_the_history_does_not_have_is_a_key_error(history: History) -> None:
    for name in ("heron", "nobody"):
        with pytest.raises(KeyError, match=name):
            run_of(history, name, id_="x", instrument=INSTRUMENT)


def test_what_is_known_of_some_services_is_all_of_it_and_no_more(history: History) -> None:
    some = [s for s in history.services if s.kind == "panel"]
    kept = restricted(history, iter(some))
    assert kept.services == tuple(some)
    assert named(kept) == [{"wren"}] * 4
    assert kept.cadence_s == 300
    assert restricted(history, history.services) == history


@pytest.mark.parametrize(
    ("inside", "file", "ours", "found"),
    [
        ("", "", "", ""),
        ("", "", "oslo", ""),
        ("", "oslo", "oslo", ""),
        ("", "tokyo", "oslo", "tokyo"),
        ("", "tokyo", "", "tokyo"),
        ("lima", "tokyo", "oslo", "lima"),
        ("lima", "", "", "lima"),
        ("oslo", "tokyo", "oslo", ""),
        ("tokyo", "tokyo", "oslo", "tokyo"),
    ],
)
def test_what_a_file_holds_is_named_by_whence_it_was_seen(
    history: History, inside: str, file: str, ours: str, found: str
) -> None:
    """`inside` is what the file says of a heartbeat, `file` whose the file is, `ours` whose store it comes into."""
    coming = replace(
        history,
        beats=tuple(replace(b, vantage=inside) for b in history.beats),
        prints=tuple(replace(p, vantage=inside) for p in history.prints),
    )
    seen = seen_from(coming, file, ours=ours)
    assert {b.vantage for b in seen.beats} == {p.vantage for p in seen.prints} == {found}
