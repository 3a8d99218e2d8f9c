"""Fallback in the text: other answers while the upstream is down, and the old ones before and after."""

from collections.abc import Mapping

import pytest

from tests.lab.histories import DAY_S, HOUR_S, MONDAY_S, Fall, timeline
from wrapdetect.evidence.compare.dependence.fallback import alike, excused, fell_back
from wrapdetect.model.history import History, Print, Service, Timeline

ITEMS = ("capital", "sum", "colour")
USUAL = {
    "capital": "The capital of Australia is Canberra.",
    "sum": "Seventeen and twenty-five make forty-two.",
    "colour": "On a clear day the sky is blue.",
}
OTHER = {
    "capital": "Great question! It's Canberra, mate :)",
    "sum": "42 - let me show you how I got there, step by step",
    "colour": "Blue! Rayleigh scattering does that, did you know?",
}
BEFORE, DURING, AFTER = MONDAY_S + DAY_S, MONDAY_S + 2 * DAY_S, MONDAY_S + 3 * DAY_S
SINCE, UNTIL = DURING - 600.0, DURING + 2 * HOUR_S


def said(at_s: float, texts: Mapping[str, str], *, service: str = "bot") -> list[Print]:
    return [Print(service=service, at_s=int(at_s), item=i, text=t) for i, t in texts.items()]


def only(texts: Mapping[str, str], n: int) -> dict[str, str]:
    return {i: texts[i] for i in ITEMS[:n]}


def test_other_answers_in_the_span_and_the_old_ones_around_it_are_a_fallback() -> None:
    assert fell_back([*said(BEFORE, USUAL), *said(DURING, OTHER), *said(AFTER, USUAL)], SINCE, UNTIL)


def test_the_same_answers_throughout_are_none() -> None:
    assert not fell_back([*said(BEFORE, USUAL), *said(DURING, USUAL), *said(AFTER, USUAL)], SINCE, UNTIL)


def test_a_version_change_that_stays_is_none() -> None:
    assert not fell_back([*said(BEFORE, USUAL), *said(DURING, OTHER), *said(AFTER, OTHER)], SINCE, UNTIL)


def test_a_text_that_never_comes_back_the_same_is_none() -> None:
    wild = {i: f"{k * 7919} {i[::-1]} {k}" for k, i in enumerate(ITEMS)}
    assert not fell_back([*said(BEFORE, USUAL), *said(DURING, OTHER), *said(AFTER, wild)], SINCE, UNTIL)


def test_one_item_is_not_enough_and_two_are() -> None:
    for n, expected in ((1, False), (2, True)):
        prints = [*said(BEFORE, USUAL), *said(DURING, only(OTHER, n)), *said(AFTER, USUAL)]
        assert fell_back(prints, SINCE, UNTIL) is expected


def test_half_of_the_items_must_change() -> None:
    mostly_usual = USUAL | only(OTHER, 1)
    assert not fell_back([*said(BEFORE, USUAL), *said(DURING, mostly_usual), *said(AFTER, USUAL)], SINCE, UNTIL)
    mostly_other = USUAL | only(OTHER, 2)
    assert fell_back([*said(BEFORE, USUAL), *said(DURING, mostly_other), *said(AFTER, USUAL)], SINCE, UNTIL)


def test_the_usual_answer_once_in_the_span_is_no_fallback() -> None:
    """A target that mixes its answers is not excused by the ones that differ."""
    prints = [*said(BEFORE, USUAL), *said(DURING, OTHER), *said(DURING + 600, USUAL), *said(AFTER, USUAL)]
    assert not fell_back(prints, SINCE, UNTIL)


@pytest.mark.parametrize("missing", ["before", "during", "after"])
def test_nothing_is_known_without_answers_on_all_three_sides(missing: str) -> None:
    sides = {"before": said(BEFORE, USUAL), "during": said(DURING, OTHER), "after": said(AFTER, USUAL)}
    assert not fell_back([p for name, side in sides.items() if name != missing for p in side], SINCE, UNTIL)


def test_answers_from_more_than_a_week_away_are_not_compared_with() -> None:
    assert not fell_back([*said(BEFORE - 8 * DAY_S, USUAL), *said(DURING, OTHER), *said(AFTER, USUAL)], SINCE, UNTIL)


def test_small_changes_of_wording_are_alike_and_another_voice_is_not() -> None:
    for item in ITEMS:
        assert alike(USUAL[item], USUAL[item].replace(".", "!"))
        assert not alike(USUAL[item], OTHER[item])


def history(*prints: Print) -> History:
    services = (
        Service(name="bot", kind="target", url="https://bot.example"),
        Service(name="up", kind="candidate", url="https://up.example"),
    )
    return History(cadence_s=300, services=services, prints=prints)


def outage(length_s: float = 2 * HOUR_S) -> Timeline:
    return timeline("up", [Fall(DURING - 300.0, length_s)], 2.0)


def test_the_span_of_the_upstreams_outage_is_excused() -> None:
    prints = (*said(BEFORE, USUAL), *said(DURING, OTHER), *said(AFTER, USUAL))
    ((since, until),) = excused(history(*prints), "bot", [outage()])
    assert since <= DURING <= until


def test_prints_in_any_order_give_the_same() -> None:
    prints = (*said(AFTER, USUAL), *said(DURING, OTHER), *said(BEFORE, USUAL))
    assert len(excused(history(*prints), "bot", [outage()])) == 1


def test_the_upstreams_own_text_excuses_nobody() -> None:
    prints = [p for at, t in ((BEFORE, USUAL), (DURING, OTHER), (AFTER, USUAL)) for p in said(at, t, service="up")]
    assert excused(history(*prints), "bot", [outage()]) == []


def test_no_prints_and_no_outages_excuse_nothing() -> None:
    assert excused(history(), "bot", [outage()]) == []
    prints = (*said(BEFORE, USUAL), *said(DURING, OTHER), *said(AFTER, USUAL))
    assert excused(history(*prints), "bot", [timeline("up", [], 2.0)]) == []
