"""Episodes from heartbeats and feeds: what is an outage, what is our own fault, what is unknown."""

from array import array
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.histories import DAY_S, HOUR_S, MONDAY_S, Fall, beats
from wrapdetect.evidence.compare.dependence.coincidence import record
from wrapdetect.evidence.compare.dependence.episodes import (
    PAGE_LATE_S,
    from_beats,
    from_incidents,
    own_faults,
    timelines,
    union,
)
from wrapdetect.model.history import (
    Beats,
    Coverage,
    Episode,
    History,
    Incident,
    Outcome,
    Service,
    ServiceKind,
    Timeline,
)

CADENCE = 300
UP, DOWN, REFUSED, LIMITED, GONE = 0, int(Outcome.SERVER), int(Outcome.REFUSED), int(Outcome.LIMITED), -1


def life(
    service: str, outcomes: Sequence[int], *, cadence_s: int = CADENCE, offsets_ms: Sequence[int] | None = None
) -> Beats:
    """One outcome for each round; GONE leaves the round out."""
    kept = [k for k, o in enumerate(outcomes) if o != GONE]
    return Beats(
        service=service,
        round_s=array("q", [MONDAY_S + k * cadence_s for k in kept]),
        offset_ms=array("i", [offsets_ms[k] if offsets_ms else 0 for k in kept]),
        outcome=bytes(outcomes[k] for k in kept),
        latency_ms=array("i", [100] * len(kept)),
        said={MONDAY_S + k * cadence_s: "502 Bad Gateway" for k in kept if outcomes[k] == DOWN},
    )


def service(name: str, kind: ServiceKind = "target") -> Service:
    return Service(name=name, kind=kind, url=f"https://{name}.example")


def history(
    *lives: Beats, sites: Sequence[str] = (), cadence_s: int = CADENCE, incidents: Sequence[Incident] = ()
) -> History:
    services = tuple(service(b.service, "site" if b.service in sites else "candidate") for b in lives)
    return History(cadence_s=cadence_s, services=services, beats=lives, incidents=tuple(incidents))


def line(outcomes: Sequence[int], *, cadence_s: int = CADENCE, offsets_ms: Sequence[int] | None = None) -> Timeline:
    """The timeline of one service watched alone."""
    one = life("bot", outcomes, cadence_s=cadence_s, offsets_ms=offsets_ms)
    return timelines(history(one, cadence_s=cadence_s))["bot"]


def incident(began: float, ended: float | None, *, severity: int = 2, late_s: int = 600) -> Incident:
    return Incident(
        service="bot",
        feed="page",
        id=str(began),
        title="Elevated errors",
        began_s=int(began),
        early_s=300,
        late_s=late_s,
        ended_s=None if ended is None else int(ended),
        severity=severity,
    )


def test_an_outage_lies_between_the_last_sign_of_life_and_the_next() -> None:
    (episode,) = line([UP, UP, DOWN, DOWN, DOWN, UP]).episodes
    onset, end = (MONDAY_S + 1 * CADENCE, MONDAY_S + 2 * CADENCE), (MONDAY_S + 4 * CADENCE, MONDAY_S + 5 * CADENCE)
    assert (episode.onset_low_s, episode.onset_high_s) == onset
    assert (episode.end_low_s, episode.end_high_s) == end
    assert episode.condition == "down"
    assert "3 of 3 heartbeats failed (502 Bad Gateway)" in episode.witness


def test_one_failure_is_none() -> None:
    assert not line([UP] * 5 + [DOWN] + [UP] * 5).episodes


def test_a_flickering_outage_is_one_and_a_later_one_another() -> None:
    flicker = [UP, DOWN, DOWN, UP, UP, UP, DOWN, DOWN, UP]
    assert len(line(flicker).episodes) == 1
    assert len(line([UP, DOWN, DOWN, *[UP] * 7, DOWN, DOWN, UP]).episodes) == 2


def test_failures_half_an_hour_apart_are_one_episode_and_beyond_it_two() -> None:
    """Failures at 5 and 35 min are 30 min apart; alone each, they make one episode only if merged."""
    assert len(line([UP, DOWN, *[UP] * 5, DOWN, UP]).episodes) == 1
    assert not line([UP, DOWN, *[UP] * 6, DOWN, UP]).episodes


def test_where_most_beats_still_come_through_it_is_degraded() -> None:
    (episode,) = line([UP, DOWN, UP, UP, DOWN, UP, UP, DOWN, UP]).episodes
    assert episode.condition == "degraded"
    assert "3 of 7" in episode.witness
    (half,) = line([UP, DOWN, UP, DOWN, DOWN, UP, UP]).episodes
    assert half.condition == "down"


def test_missing_rounds_are_unknown_and_not_watched() -> None:
    found = line([UP] * 5 + [GONE] * 12 + [UP] * 5)
    assert [b - a for a, b in found.watched] == [5 * CADENCE, 5 * CADENCE]


def test_failures_on_both_sides_of_missing_rounds_are_not_one_outage() -> None:
    assert not line([UP, DOWN, GONE, GONE, DOWN, UP]).episodes
    assert len(line([UP, DOWN, DOWN, UP]).episodes) == 1


def test_one_missing_round_makes_a_gap_and_a_late_beat_does_not() -> None:
    assert len(line([UP, UP, GONE, UP, UP]).watched) == 2
    late = line([UP] * 6, offsets_ms=[0, 0, 120_000, 0, 0, 0])
    assert len(late.watched) == 1


def test_an_onset_in_the_dark_is_wide_and_is_no_onset_for_the_statistics() -> None:
    found = line([UP] * 5 + [GONE] * 20 + [DOWN] * 3 + [UP] * 3)
    (episode,) = found.episodes
    assert episode.onset_high_s - episode.onset_low_s == 21 * CADENCE
    assert not record(found, slack_s=1800).fell.size


def test_down_from_the_first_beat_has_no_known_onset_and_is_never_used() -> None:
    found = line([DOWN, DOWN, DOWN, UP, UP])
    (episode,) = found.episodes
    assert episode.onset_low_s == float("-inf")
    assert not record(found, slack_s=1800).fell.size
    assert record(found, slack_s=1800).down.tolist() == [[MONDAY_S, MONDAY_S + 2 * CADENCE]]


def test_an_outage_that_lasts_still_has_no_end() -> None:
    (episode,) = line([UP, UP, DOWN, DOWN]).episodes
    assert episode.end_low_s is None
    assert episode.end_high_s is None


def test_an_outage_that_lasts_still_is_time_down_to_the_end_of_the_watch() -> None:
    found = line([UP] * 3 + [DOWN] * 500)
    assert record(found, slack_s=1800).down[0, 1] == found.watched[-1][1]


def test_down_before_and_after_an_unknown_stretch_is_no_new_onset() -> None:
    """Else two services in long outages would fall together whenever our own network fails for half an hour."""
    found = line([UP, DOWN, DOWN, DOWN, *[GONE] * 6, DOWN, DOWN, DOWN, UP])
    assert len(found.episodes) == 2
    assert found.episodes[1].onset_low_s == float("-inf")
    assert record(found, slack_s=3600).fell.size <= 1


def test_an_unknown_onset_does_not_make_all_time_before_it_time_down() -> None:
    found = line([UP] * 300 + [DOWN] * 3 + [GONE] * 6 + [DOWN] * 3 + [UP])
    down = record(found, slack_s=1800).down
    assert (down[:, 1] - down[:, 0]).sum() <= 7 * CADENCE


def test_an_end_in_the_dark_is_no_end_for_the_statistics() -> None:
    """Else all that was down when our host went to sleep would end together, in the middle of the night."""
    found = line([UP, UP, DOWN, DOWN, *[GONE] * 90, UP, UP])
    (unit,) = record(found, slack_s=1800).falls
    assert unit.end_s is None


def test_refused_and_limited_are_unknown_and_not_down() -> None:
    for unknown in (REFUSED, LIMITED):
        found = line([UP] * 4 + [unknown] * 5 + [UP] * 4)
        assert not found.episodes
        assert len(found.watched) == 2


def test_a_target_that_refuses_for_a_day_to_the_end_has_blocked_us() -> None:
    day = int(DAY_S / CADENCE)
    found = line([UP] * 10 + [REFUSED] * (day + 2))
    assert len(found.notes) == 1
    assert "blocks us, which is no outage" in found.notes[0]
    assert "2026-01-05 00:50 UTC" in found.notes[0]
    assert not line([UP] * 10 + [REFUSED] * (day + 2) + [UP]).notes
    assert not line([UP] * 10 + [REFUSED] * (day - 2)).notes


def test_a_target_that_never_did_anything_but_refuse_has_blocked_us() -> None:
    found = line([REFUSED] * 300)
    assert "blocks us" in found.notes[0]
    assert not found.watched


def test_too_many_429_are_said() -> None:
    assert "said 429 to 20%" in line([UP, UP, LIMITED, UP, UP] * 10).notes[0]


def test_a_round_in_which_half_of_the_sites_failed_says_nothing_of_anybody() -> None:
    fall = [UP] * 4 + [DOWN] * 3 + [UP] * 4
    steady = [UP] * len(fall)
    found = timelines(history(life("a", fall), life("b", fall), life("s", fall), life("r", steady), sites=("s", "r")))
    assert not found["a"].episodes
    assert len(found["a"].watched) == 2


def test_sites_that_answer_leave_an_outage_of_all_others_standing() -> None:
    fall = [UP] * 4 + [DOWN] * 3 + [UP] * 4
    found = timelines(history(life("a", fall), life("b", fall), life("s", [UP] * len(fall)), sites=("s",)))
    assert len(found["a"].episodes) == len(found["b"].episodes) == 1


def test_without_sites_a_round_in_which_nobody_answered_is_our_own_fault() -> None:
    fall = [UP] * 4 + [DOWN] * 3 + [UP] * 4
    assert own_faults(history(life("a", fall), life("b", fall))).tolist() == [
        MONDAY_S + k * CADENCE for k in range(4, 7)
    ]
    assert not own_faults(history(life("a", fall), life("b", fall), life("c", [UP] * len(fall)))).size
    assert not own_faults(history(life("a", fall))).size


def test_sites_that_were_never_asked_do_not_turn_joint_outages_into_our_own_fault() -> None:
    fall, steady = [UP] * 4 + [DOWN] * 3 + [UP] * 4, [UP] * 11
    lives = (life("a", fall), life("b", fall), life("c", steady), life("d", steady), life("s", []))
    assert not own_faults(history(*lives, sites=("s",))).size


def test_where_the_sites_fell_silent_a_round_without_an_answer_is_still_our_own_fault() -> None:
    fall = [UP] * 4 + [DOWN] * 3 + [UP] * 4
    assert own_faults(history(life("a", fall), life("b", fall), life("s", [UP, UP]), sites=("s",))).size == 3


def test_a_site_that_refuses_for_good_does_not_blind_the_monitor() -> None:
    fall = [UP] * 600 + [DOWN] * 3 + [UP] * 4
    lives = (life("a", fall), life("b", [UP] * len(fall)), life("s", [UP] * 10 + [REFUSED] * (len(fall) - 10)))
    assert len(timelines(history(*lives, sites=("s",)))["a"].episodes) == 1


def test_a_beat_that_failed_at_the_edge_of_our_own_fault_is_no_outage() -> None:
    ours = [UP] * 4 + [UP, DOWN, DOWN, UP] + [UP] * 4
    theirs = [UP] * 4 + [DOWN] * 4 + [UP] * 4
    assert not timelines(history(life("a", theirs), life("s", ours), sites=("s",)))["a"].episodes


@pytest.mark.parametrize("cadence_s", [60, 300, 1800, 3600])
def test_an_outage_of_four_rounds_is_seen_at_every_cadence(cadence_s: int) -> None:
    found = line([UP] * 5 + [DOWN] * 4 + [UP] * 5, cadence_s=cadence_s, offsets_ms=[(k % 4) * 9_000 for k in range(14)])
    assert [e.condition for e in found.episodes] == ["down"]


def test_jitter_moves_the_onset_and_keeps_what_was_said() -> None:
    (episode,) = line([UP, UP, DOWN, DOWN, UP], offsets_ms=[0, 0, 45_000, 10_000, 0]).episodes
    assert episode.onset_high_s == MONDAY_S + 2 * CADENCE + 45
    assert "502 Bad Gateway" in episode.witness


def test_a_clock_that_was_set_back_does_not_turn_an_onset_round() -> None:
    (episode,) = line([UP, UP, DOWN, DOWN, UP], offsets_ms=[0, 400_000, 0, 0, 0]).episodes
    assert episode.onset_low_s <= episode.onset_high_s


def test_empty_columns_are_a_service_of_which_nothing_is_known() -> None:
    assert line([]) == Timeline(service="bot", vendor="bot", episodes=(), watched=())
    assert from_beats(life("bot", []), own=own_faults(history()), cadence_s=CADENCE) == ([], ())
    assert timelines(history(life("a", []), life("s", []), sites=("s",)))["a"].watched == ()


def test_a_service_without_beats_or_feed_was_never_watched() -> None:
    found = timelines(History(cadence_s=CADENCE, services=(service("bot"),)))
    assert found["bot"].watched == ()


def test_overlapping_incidents_are_one_with_the_first_onset_the_last_end_and_the_graver_condition() -> None:
    t = MONDAY_S
    (one,) = from_incidents([incident(t, t + 7200, severity=1), incident(t + 3600, t + 9000, severity=3)])
    assert one.condition == "down"
    assert (one.onset_low_s, one.onset_high_s) == (t - 300, t + 600)
    assert one.end_high_s == t + 9000


def test_incidents_within_half_an_hour_of_one_another_are_one() -> None:
    t = MONDAY_S
    assert len(from_incidents([incident(t, t + 3600), incident(t + 3600 + 1900, t + 9000)])) == 1
    assert len(from_incidents([incident(t, t + 3600), incident(t + 3600 + 2400, t + 9000)])) == 2


@pytest.mark.parametrize("ended", [None, MONDAY_S, MONDAY_S - 60, MONDAY_S + 30 * DAY_S])
def test_an_incident_without_a_believable_end_has_none(ended: float | None) -> None:
    (one,) = from_incidents([incident(MONDAY_S, ended)])
    assert one.end_low_s is None
    assert one.end_high_s is None


def test_an_endless_incident_does_not_swallow_those_after_it() -> None:
    t = MONDAY_S
    assert len(from_incidents([incident(t, None), incident(t + DAY_S, t + DAY_S + 3600)])) == 2


def test_a_notice_is_no_incident() -> None:
    assert not from_incidents([incident(MONDAY_S, MONDAY_S + 3600, severity=0)])


def test_an_incident_that_heartbeats_saw_as_well_adds_nothing_and_one_unseen_does() -> None:
    seen = life("bot", [UP] * 12 + [DOWN] * 6 + [UP] * 400)
    began = MONDAY_S + 12 * CADENCE
    posted = [incident(began + 900, began + 3600), incident(began + DAY_S, began + DAY_S + 3600)]
    found = timelines(history(seen, incidents=posted))["bot"]
    assert len(found.episodes) == 2
    assert "heartbeats" in found.episodes[0].witness
    assert "page: Elevated errors" in found.episodes[1].witness


def test_coverage_of_a_feed_is_time_watched_but_for_what_may_be_posted_late() -> None:
    known = Coverage(service="bot", feed="page", since_s=MONDAY_S, until_s=MONDAY_S + int(DAY_S))
    found = timelines(History(cadence_s=CADENCE, services=(service("bot"),), coverage=(known, known)))["bot"]
    assert found.watched == ((MONDAY_S, MONDAY_S + DAY_S - PAGE_LATE_S),)


def test_a_month_of_beats_gives_back_the_falls_that_made_it() -> None:
    falls = [Fall(MONDAY_S + k * 2 * DAY_S + 5 * HOUR_S + 70.0, 3000.0) for k in range(10)]
    found = timelines(history(beats("bot", falls, 4.0)))["bot"]
    assert len(found.episodes) == 10
    for episode, fall in zip(found.episodes, falls, strict=True):
        assert episode.onset_low_s <= fall.onset_s <= episode.onset_high_s
        assert episode.end_low_s is not None
        assert episode.end_high_s is not None
        assert episode.end_low_s <= sum(fall) <= episode.end_high_s


OUTCOMES = st.lists(
    st.tuples(st.sampled_from([UP, UP, DOWN, DOWN, REFUSED, LIMITED, GONE]), st.integers(1, 9)), max_size=12
).map(lambda runs: [outcome for outcome, n in runs for _ in range(n)])


@given(OUTCOMES, st.integers(0, 59_000))
def test_any_beats_give_episodes_in_order_and_inside_the_time_watched(outcomes: list[int], offset_ms: int) -> None:
    found = line(outcomes, offsets_ms=[offset_ms * (k % 2) for k in range(len(outcomes))])
    for one, two in pairwise(found.episodes):
        assert one.onset_high_s < two.onset_high_s
        assert one.end_high_s is None or one.end_high_s <= two.onset_high_s
    for (_, until), (since, _) in pairwise(found.watched):
        assert until < since
    for episode in found.episodes:
        assert watched(found, episode)
        assert episode.onset_low_s < episode.onset_high_s
        assert episode.end_low_s is None or episode.onset_high_s <= episode.end_low_s


def watched(found: Timeline, episode: Episode) -> bool:
    """From the first failure to the last."""
    last = episode.end_low_s if episode.end_low_s is not None else episode.onset_high_s
    return any(since <= episode.onset_high_s and last <= until for since, until in found.watched)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)).map(lambda s: (float(s[0]), float(sum(s))))))
def test_a_union_of_spans_is_in_order_and_covers_the_same_time(spans: list[tuple[float, float]]) -> None:
    whole = union(spans)
    assert all(one[1] < two[0] for one, two in pairwise(whole))
    covered = {k for a, b in spans for k in range(int(a), int(b))}
    assert covered == {k for a, b in whole for k in range(int(a), int(b))}
