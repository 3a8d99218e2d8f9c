"""From a history to findings: what is said of each candidate, the control by shifted weeks, and what it would take."""

import random
from dataclasses import replace
from math import log

import pytest

from tests.lab.histories import HOUR_S, MONDAY_S, Fall, Habit, beats, follow, timeline
from wrapdetect.evidence.compare.dependence.coincidence import WEEK_S
from wrapdetect.evidence.compare.dependence.outages import Setting, TargetOutages, dependence
from wrapdetect.evidence.compare.dependence.together import (
    UNPROVEN,
    checks,
    compare,
    evidence,
    moved_by,
    outages_of,
    witness,
)
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model.history import History, Service, ServiceKind, Timeline

WEEKS = 16.0
SCATTERED = [20 + 185.0 * k for k in range(12)]


def falls_at(*hours: float) -> list[Fall]:
    return [Fall(MONDAY_S + h * HOUR_S, 2400.0) for h in hours]


def service(name: str, kind: ServiceKind) -> Service:
    return Service(name=name, kind=kind, url=f"https://{name}.example")


def a_wrappers_history(*, s: float = 1.0, weeks: float = WEEKS) -> History:
    """A bot behind `up`; `else` and the panel have falls of their own; a site never fails."""
    rng = random.Random(11)
    up = Habit(per_week=1.0, length_s=3600).falls(rng, weeks)
    lives = {
        "bot": follow(up, rng, s=s),
        "up": up,
        "else": Habit(per_week=0.5, length_s=3600).falls(rng, weeks),
        "p": Habit(per_week=0.3, length_s=3600).falls(rng, weeks),
        "q": Habit(per_week=0.3, length_s=3600).falls(rng, weeks),
        "page": [],
    }
    kinds: dict[str, ServiceKind] = {"bot": "target", "up": "candidate", "else": "candidate", "page": "site"}
    return History(
        cadence_s=900,
        services=tuple(service(n, kinds.get(n, "panel")) for n in lives),
        beats=tuple(beats(n, falls, weeks, cadence_s=900) for n, falls in lives.items()),
    )


def outages(target: Timeline, candidates: list[Timeline], panel: list[Timeline]) -> TargetOutages:
    setting = Setting()
    found = tuple(dependence(target, candidates, panel, setting))
    return TargetOutages(target=target, candidates=tuple(candidates), panel=tuple(panel), setting=setting, found=found)


def line(name: str, *hours: float, weeks: float = WEEKS) -> Timeline:
    return timeline(name, falls_at(*hours), weeks)


@pytest.fixture(scope="module")
def of_a_wrapper(seeds: Seeds) -> TargetOutages:
    found = outages_of(a_wrappers_history(), "bot", seeds)
    assert found is not None
    return found


def test_the_upstream_of_a_wrapper_is_named_and_no_other(of_a_wrapper: TargetOutages) -> None:
    assert [d.upstream for d in of_a_wrapper.found if d.named] == ["up"]
    findings = {f.upstream: f for f in compare(of_a_wrapper)}
    assert findings["up"].llr > log(100)
    assert findings["up"].low <= findings["up"].effect <= findings["up"].high
    assert findings["up"].axis == "dependence"
    assert findings["else"].llr <= UNPROVEN


def test_the_finding_shows_its_counts_and_both_sides_of_its_witness(of_a_wrapper: TargetOutages) -> None:
    (found,) = [f for f in compare(of_a_wrapper) if f.upstream == "up"]
    assert f"fell together in {found.n_target} of {found.n_upstream} incidents" in found.evidence
    assert "after correction over the candidates tested" in found.evidence
    assert found.witness.startswith("up: ")
    assert "; bot, +" in found.witness
    assert "heartbeats failed" in found.witness


def test_the_control_by_shifted_weeks_names_nobody(of_a_wrapper: TargetOutages) -> None:
    (control,) = checks(of_a_wrapper).controls
    assert (control.id, control.passed) == ("week_shift:outages", True)
    assert "moved by 1 to 4 weeks names nobody" in control.evidence


def test_the_control_fails_where_shifted_records_are_named() -> None:
    """Made so: the target falls as the upstream does, a week early."""
    early = line("bot", *[h - 168 for h in SCATTERED[1:]])
    (control,) = checks(outages(early, [line("up", *SCATTERED)], [])).controls
    assert control.passed is False
    assert "up at 1 weeks" in control.evidence


def test_with_too_few_weeks_there_is_no_control() -> None:
    (control,) = checks(outages(line("bot", 20, weeks=2), [line("up", 20, weeks=2)], [])).controls
    assert control.passed is None


def test_a_target_that_is_not_one_of_the_history_gives_nothing(seeds: Seeds) -> None:
    history = a_wrappers_history(weeks=1.0)
    assert outages_of(history, "nobody", seeds) is None
    assert outages_of(history, "up", seeds) is None
    assert outages_of(History(cadence_s=300, services=()), "bot", seeds) is None


def test_a_candidate_without_an_incident_gives_no_finding() -> None:
    assert list(compare(outages(line("bot", 20), [line("up")], []))) == []


def test_one_shared_incident_alone_is_capped_short_of_a_word() -> None:
    few = outages(line("bot", 500, weeks=6), [line("up", 500, weeks=6)], [])
    (found,) = compare(few)
    assert not few.found[0].named
    assert few.found[0].llr > UNPROVEN
    assert found.llr == found.llr_high == UNPROVEN


def test_a_finding_that_speaks_against_is_not_raised_by_the_cap() -> None:
    (found,) = compare(outages(line("bot"), [line("up", *SCATTERED)], []))
    assert found.llr < -2
    assert found.llr_low <= found.llr <= found.llr_high
    assert found.witness.endswith("bot did not fall")


def test_the_evidence_says_what_was_not_counted() -> None:
    bot = line("bot", *SCATTERED)
    panel = [line("p", SCATTERED[0]), line("q", SCATTERED[0])]
    (found,) = dependence(bot, [line("up", *SCATTERED)], panel)
    assert "1 not counted: had a common cause" in evidence(found)
    assert "11 of 11" in evidence(found)
    (blind,) = dependence(replace(bot, watched=((MONDAY_S, MONDAY_S + 2 * WEEK_S),)), [line("up", *SCATTERED)], [])
    assert "10 not counted: while bot was not watched or down already" in evidence(blind)
    assert "too few weeks for a p" in evidence(blind)


def test_the_witness_is_the_incident_that_says_most() -> None:
    hours = [500.0, 700.0]
    (found,) = dependence(line("bot", 500.45, 700.01), [line("up", *hours)], [])
    assert "+1 min" in witness(found)


def test_what_it_would_take_is_said_for_those_not_named() -> None:
    needs = checks(outages(line("bot", 500, weeks=6), [line("up", 500, 700, weeks=6)], [])).needs
    assert len(needs) == 1
    assert "more incidents of up while all are watched, if bot falls with" in needs[0]
    assert "0% of them" not in needs[0]


def test_of_those_named_nothing_more_is_needed(of_a_wrapper: TargetOutages) -> None:
    assert not any("of up while" in n for n in checks(of_a_wrapper).needs)


def test_a_panel_of_fewer_than_two_is_said() -> None:
    bot, up = line("bot", 20), line("up", 20)
    alone = checks(outages(bot, [up], [line("p", 30)])).limits
    assert any("common cause" in limit for limit in alone)
    beside = checks(outages(bot, [up], [line("p", 30), line("q", 40)])).limits
    assert not any("common cause" in limit for limit in beside)
    assert any("bot was watched for 112.0 days since 2026-01-05" in limit for limit in beside)


def test_the_targets_own_notes_are_limits() -> None:
    bot = replace(line("bot", 20), notes=("bot has refused the prober",))
    assert "bot has refused the prober" in checks(outages(bot, [line("up", 20)], [])).limits


def test_a_target_never_watched_says_so_without_a_crash() -> None:
    empty = Timeline(service="bot", vendor="bot", episodes=(), watched=())
    made = checks(outages(empty, [line("up", 20)], []))
    assert made.controls[0].passed is None


def test_a_record_moved_and_moved_back_is_the_same() -> None:
    bot = line("bot", *SCATTERED)
    assert moved_by(moved_by(bot, WEEK_S), -WEEK_S) == bot
    endless = replace(bot, episodes=(replace(bot.episodes[0], end_low_s=None, end_high_s=None),))
    assert moved_by(endless, 60.0).episodes[0].end_low_s is None
