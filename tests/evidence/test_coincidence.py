"""Event coincidence: what is a trial, what is a hit, and how often a stranger would have as many."""

import random
from dataclasses import replace
from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.histories import HOUR_S, MONDAY_S, Fall, Habit, timeline
from wrapdetect.evidence.compare.dependence.coincidence import (
    BURST_S,
    FALLS_APART_S,
    SMALLEST_P,
    WEEK_S,
    WEEKS,
    Falls,
    hit,
    overlap,
    p_value,
    record,
    tail,
    trials,
    units,
)
from wrapdetect.model.history import Timeline

WINDOW = 1800.0


def line(service: str, *hours: float, weeks: float = 12, slack_s: float = 150.0, length_s: float = 1200.0) -> Timeline:
    """Falls at so many hours after the first Monday."""
    falls = [Fall(MONDAY_S + h * HOUR_S, length_s) for h in hours]
    return timeline(service, falls, weeks, slack_s=slack_s)


def kept(service: str, *hours: float, weeks: float = 12, length_s: float = 1200.0) -> Falls:
    return record(line(service, *hours, weeks=weeks, length_s=length_s), slack_s=WINDOW)


def test_episodes_close_to_the_last_are_one_unit_by_the_first() -> None:
    bad_day = line("u", 10, 11, 13.5, 19, 40)
    assert [u.onset_s for u in units(bad_day.episodes, apart_s=BURST_S, slack_s=WINDOW)] == [
        MONDAY_S + h * HOUR_S for h in (10, 40)
    ]
    assert [u.onset_s for u in units(bad_day.episodes, apart_s=FALLS_APART_S, slack_s=WINDOW)] == [
        MONDAY_S + h * HOUR_S for h in (10, 13.5, 19, 40)
    ]


def test_an_onset_known_too_badly_is_no_unit_but_still_hides_those_after_it() -> None:
    first, second = line("u", 10, 11).episodes
    wide = replace(first, onset_low_s=first.onset_low_s - 2 * HOUR_S)
    assert not units([wide, second], apart_s=FALLS_APART_S, slack_s=WINDOW)
    assert len(units([first, second], apart_s=FALLS_APART_S, slack_s=WINDOW)) == 1


def test_an_unknown_onset_is_no_unit() -> None:
    (only,) = line("u", 10).episodes
    assert not units([replace(only, onset_low_s=float("-inf"))], apart_s=FALLS_APART_S, slack_s=WINDOW)


def test_a_fall_within_the_window_before_or_after_is_a_hit_and_one_outside_is_none() -> None:
    upstream = kept("u", 100, 200, 300, 400)
    found = trials(kept("t", 100.4, 199.6, 300.6), upstream, window_s=WINDOW)
    assert found.actual.tolist() == [True, True, False, False]
    assert (found.n, found.hits) == (4, 2)


def test_no_trial_where_the_target_was_not_watched_around_it() -> None:
    target = line("t", 100)
    blind = replace(target, watched=((MONDAY_S, MONDAY_S + 99.9 * HOUR_S), (MONDAY_S + 110 * HOUR_S, 2e9)))
    found = trials(record(blind, slack_s=WINDOW), kept("u", 100, 200), window_s=WINDOW)
    assert found.telling.tolist() == [False, True]
    assert found.hits == 0


def test_no_trial_where_the_target_was_down_already() -> None:
    found = trials(kept("t", 98, length_s=3 * HOUR_S), kept("u", 100, 200), window_s=WINDOW)
    assert found.telling.tolist() == [False, True]


def test_a_service_never_watched_gives_no_trial_and_no_p() -> None:
    empty = record(Timeline(service="t", vendor="t", episodes=(), watched=()), slack_s=WINDOW)
    found = trials(empty, kept("u", 100, 200), window_s=WINDOW)
    assert (found.n, found.hits, p_value(found)) == (0, 0, None)
    nothing = trials(kept("t", 100), record(line("u"), slack_s=WINDOW), window_s=WINDOW)
    assert (nothing.n, p_value(nothing)) == (0, None)


def test_shifted_hits_are_those_that_brute_force_counts() -> None:
    rng = random.Random(3)
    target = kept("t", *(rng.uniform(0, 12 * 168) for _ in range(40)))
    upstream = kept("u", *(rng.uniform(0, 12 * 168) for _ in range(15)))
    found = trials(target, upstream, window_s=WINDOW)
    weeks = [j for k in range(1, WEEKS + 1) for j in (k, -k)]
    for row, week in enumerate(weeks):
        for k, at in enumerate(upstream.burst + week * WEEK_S):
            near = any(abs(f - at) <= WINDOW for f in target.fell)
            assert found.shifted[row, k] == (near and found.shift_telling[row, k])
            inside = MONDAY_S + WINDOW <= at <= MONDAY_S + 12 * WEEK_S - WINDOW
            down = any(a < at - WINDOW < b for a, b in target.down)
            if inside:
                assert found.shift_telling[row, k] == (not down)
            if not MONDAY_S - WINDOW <= at <= MONDAY_S + 12 * WEEK_S + WINDOW:
                assert not found.shift_telling[row, k]


def test_a_weekly_habit_of_both_makes_the_chance_high_and_the_p_of_no_note() -> None:
    hours = [39 + 168 * w for w in range(20)]
    found = trials(kept("t", *hours, weeks=20), kept("u", *hours, weeks=20), window_s=WINDOW)
    assert found.hits == 20
    assert float(found.chance.min()) > 0.7
    p = p_value(found)
    assert p is not None
    assert p > 0.05


def test_hits_off_the_weekly_pattern_are_unlikely_under_week_shifts() -> None:
    hours = [(31 + 168.0 * w + 17 * w) for w in range(12)]
    found = trials(kept("t", *hours, weeks=20), kept("u", *hours, weeks=20), window_s=WINDOW)
    p = p_value(found)
    assert p is not None
    assert p == SMALLEST_P


def test_the_chance_rises_with_the_targets_own_rate() -> None:
    rng = random.Random(5)
    upstream = kept("u", *(rng.uniform(0, 12 * 168) for _ in range(20)))
    means = []
    for n in (2, 20, 200):
        target = kept("t", *(rng.uniform(0, 12 * 168) for _ in range(n)), length_s=300.0)
        means.append(float(trials(target, upstream, window_s=WINDOW).chance.mean()))
    assert means == sorted(means)
    assert means[2] == pytest.approx(1 - exp(-200 / (12 * 168)), rel=0.5)


def test_there_is_no_p_with_too_few_weeks() -> None:
    assert p_value(trials(kept("t", 100, weeks=4), kept("u", 100, weeks=4), window_s=WINDOW)) is None
    assert p_value(trials(kept("t", 1000, weeks=12), kept("u", 1000, weeks=12), window_s=WINDOW)) is not None


def test_p_of_one_hit_is_the_tail_at_the_expected_number_of_hits() -> None:
    found = trials(kept("t", 1000), kept("u", 500, 1000, 1500), window_s=WINDOW)
    assert not found.shifted.any()
    assert p_value(found) == pytest.approx(1 - exp(-float(found.chance.sum())))


def test_p_falls_as_hits_rise_all_else_equal() -> None:
    found = trials(kept("t", 1000), kept("u", 300, 500, 700, 1000, 1500), window_s=WINDOW)
    p_values = []
    for k in range(4):
        p = p_value(found._replace(actual=np.arange(5) < k))
        assert p is not None
        p_values.append(p)
    assert p_values[0] == 1.0
    assert p_values == sorted(p_values, reverse=True)
    assert len(set(p_values)) == 4


@pytest.mark.parametrize("mean", [0.01, 0.3, 2.0, 9.0])
@pytest.mark.parametrize("hits", [1, 2, 5])
def test_the_tail_is_poissons_summed_by_hand(mean: float, hits: int) -> None:
    by_hand = 1 - sum(exp(-mean) * mean**k / factorial(k) for k in range(hits))
    assert tail(hits, mean, mean) == pytest.approx(by_hand, rel=1e-6, abs=1e-12)


def test_a_wider_tail_is_that_of_a_gamma_mixture_of_poissons() -> None:
    mean, variance, draws = 2.0, 6.0, 400_000
    rng = np.random.default_rng(1)
    scale = variance / mean - 1
    counts = rng.poisson(rng.gamma(mean / scale, scale, draws))
    for hits in (1, 4, 10):
        assert tail(hits, mean, variance) == pytest.approx(float(np.mean(counts >= hits)), abs=0.004)


@given(st.integers(0, 30), st.floats(0.01, 20), st.floats(1.0, 6.0))
def test_a_tail_is_a_probability_and_falls_with_hits(hits: int, mean: float, wider: float) -> None:
    here, further = tail(hits, mean, mean * wider), tail(hits + 1, mean, mean * wider)
    assert 0 <= further <= here <= 1


@given(
    st.lists(st.integers(0, 1000), min_size=2, max_size=20, unique=True),
    st.lists(st.integers(-100, 1100), min_size=1, max_size=9),
    st.integers(0, 200),
)
def test_overlap_is_what_counting_seconds_gives(edges: list[int], lows: list[int], width: int) -> None:
    edges = sorted(edges)[: len(edges) // 2 * 2]
    spans = np.array(edges, dtype=float).reshape(-1, 2)
    inside = {s for a, b in spans.astype(int).tolist() for s in range(a, b)}
    low = np.array(lows, dtype=float)
    expected = [sum(s in inside for s in range(x, x + width)) for x in lows]
    assert overlap(spans, low, low + width).tolist() == expected


@given(
    st.lists(st.floats(0, 1000), max_size=20).map(sorted),
    st.lists(st.floats(0, 1000), min_size=1, max_size=9),
    st.floats(0, 50),
)
def test_a_hit_is_any_onset_within_the_window(onsets: list[float], at: list[float], window: float) -> None:
    found = hit(np.array(onsets), np.array(at), window)
    assert found.tolist() == [any(a - window <= o <= a + window for o in onsets) for a in at]


def test_p_keeps_its_level_for_strangers_with_the_same_busy_hours_and_bursts() -> None:
    """Of 200 pairs at most 6 with p <= .01: with a level of .01, more come once in 200 runs."""
    habit = Habit(per_week=1.0, busy=4, burst=1.5)
    low = 0
    for seed in range(200):
        rng = random.Random(seed)
        target, upstream = (record(timeline(n, habit.falls(rng, 26), 26), slack_s=WINDOW) for n in "tu")
        p = p_value(trials(target, upstream, window_s=WINDOW))
        low += p is not None and p <= 0.01
    assert low <= 6
