"""Invented histories are what they say: rates, busy hours, bursts, followers, and heartbeats that show the falls."""

import random
from itertools import pairwise

import pytest

from tests.lab.histories import DAY_S, HOUR_S, MONDAY_S, WEEK_S, Fall, Habit, beats, follow, is_busy, timeline
from wrapdetect.evidence.compare.dependence.episodes import timelines
from wrapdetect.model.history import History, Service

WEEKS = 400.0


@pytest.mark.parametrize("busy", [1.0, 4.0, 10.0])
def test_a_service_falls_as_often_as_its_habit_says(busy: float) -> None:
    """800 falls are expected: within 3.5 standard deviations of a Poisson."""
    falls = Habit(per_week=2.0, busy=busy).falls(random.Random(1), WEEKS)
    assert len(falls) == pytest.approx(800, abs=100)


def test_every_fall_comes_with_as_many_more_as_the_burst_says() -> None:
    falls = Habit(per_week=1.0, burst=2.0).falls(random.Random(2), WEEKS)
    assert len(falls) == pytest.approx(1200, abs=180)


def test_in_working_hours_falls_are_so_many_times_more_frequent() -> None:
    falls = Habit(per_week=5.0, busy=4.0).falls(random.Random(3), WEEKS)
    within = sum(is_busy(f.onset_s) for f in falls)
    rate = (within / 40) / ((len(falls) - within) / 128)
    assert rate == pytest.approx(4.0, rel=0.15)


def test_working_hours_are_monday_to_friday_from_14_to_22() -> None:
    assert not is_busy(MONDAY_S + 13.99 * HOUR_S)
    assert is_busy(MONDAY_S + 14 * HOUR_S)
    assert not is_busy(MONDAY_S + 22 * HOUR_S)
    assert is_busy(MONDAY_S + 4 * DAY_S + 15 * HOUR_S)
    assert not is_busy(MONDAY_S + 5 * DAY_S + 15 * HOUR_S)
    assert is_busy(MONDAY_S - WEEK_S + 15 * HOUR_S)


def test_falls_are_in_order_and_within_the_weeks() -> None:
    falls = Habit(per_week=3.0, busy=4.0, burst=2.0).falls(random.Random(4), 10.0)
    assert all(a.onset_s <= b.onset_s for a, b in pairwise(falls))
    assert falls[0].onset_s >= MONDAY_S
    assert falls[-1].onset_s < MONDAY_S + 10 * WEEK_S


def test_a_follower_falls_with_its_share_soon_after_and_never_before() -> None:
    rng = random.Random(5)
    upstream = [Fall(MONDAY_S + k * DAY_S, 3600.0) for k in range(1000)]
    found = follow(upstream, rng, s=0.3)
    assert len(found) == pytest.approx(300, abs=50)
    lags = [(f.onset_s - MONDAY_S) % DAY_S for f in found]
    assert sum(lags) / len(lags) == pytest.approx(180, rel=0.2)


def test_the_same_seed_gives_the_same_falls() -> None:
    habit = Habit(per_week=3.0, busy=4.0, burst=1.0)
    assert habit.falls(random.Random(6), 10) == habit.falls(random.Random(6), 10)


def test_overlapping_falls_are_one_episode_known_as_well_as_the_slack() -> None:
    falls = [Fall(MONDAY_S + 1000.0, 5000.0), Fall(MONDAY_S + 2000.0, 100.0), Fall(MONDAY_S + 7000.0, 1000.0)]
    found = timeline("bot", falls, 1.0, slack_s=60.0, vendor="maker")
    (episode,) = found.episodes
    assert (episode.onset_low_s, episode.onset_high_s) == (MONDAY_S + 940, MONDAY_S + 1060)
    assert (episode.end_low_s, episode.end_high_s) == (MONDAY_S + 7940, MONDAY_S + 8060)
    assert found.vendor == "maker"
    assert found.watched == ((MONDAY_S, MONDAY_S + WEEK_S),)


def test_heartbeats_show_the_same_episodes_as_the_timeline() -> None:
    falls = Habit(per_week=4.0, busy=4.0, burst=1.0, length_s=3600.0).falls(random.Random(7), 8.0)
    long_enough = [f for f in falls if f.length_s >= 1200]
    known = timeline("bot", long_enough, 8.0, slack_s=0.0)
    service = Service(name="bot", kind="target", url="https://bot.example")
    history = History(cadence_s=300, services=(service,), beats=(beats("bot", long_enough, 8.0),))
    seen = timelines(history)["bot"].episodes
    assert len(seen) == pytest.approx(len(known.episodes), abs=2)
    for episode in known.episodes:
        assert any(e.onset_low_s <= episode.onset_s <= e.onset_high_s for e in seen)
