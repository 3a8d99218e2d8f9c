"""Versions: a change for good is seen within days, noise is not; and a shared day weighs as much as chance allows."""

from collections.abc import Collection, Sequence

import numpy as np
import pytest
from numpy.random import Generator

from wrapdetect.evidence.compare.dependence.versions import (
    FALSE_PER_YEAR,
    LAG_DAYS,
    RULE,
    Change,
    UpstreamChange,
    Watched,
    change_points,
    changes_log_ratio,
    compare,
    events,
    sessions,
)
from wrapdetect.model.history import History, Print, Service, ServiceKind

DAY_S = 86_400
WORDS = ["Paris", "is", "the", "capital", "of", "France", "a", "large", "old", "city", "with", "river", "and", "wine"]
ITEMS = 4


def prints(
    rng: Generator,
    days: int,
    changes: Collection[int] = (),
    *,
    name: str = "bot",
    noise: float = 0.1,
    other: float = 0.0,
    sticky: float = 0.0,
) -> list[Print]:
    """Daily sessions at ten. An answer goes another way from somewhere on with probability `noise`; a share `other` of
    the days is answered by a second version, which stays for the next day with probability `sticky`."""

    def version() -> list[list[str]]:
        return [list(rng.choice(WORDS, 25)) for _ in range(ITEMS)]

    every, now, second, turn = [], version(), version(), False
    for day in range(days):
        now = version() if day in changes else now
        turn = turn if rng.random() < sticky else bool(rng.random() < other)
        for k, words in enumerate(second if turn else now):
            cut = int(rng.integers(0, len(words))) if rng.random() < noise else len(words)
            text = " ".join([*words[:cut], *rng.choice(WORDS, len(words) - cut)])
            every.append(Print(service=name, at_s=day * DAY_S + 36_000, item=f"q{k}", text=text))
    return every


def days_of(changes: Sequence[Change]) -> list[int]:
    return [c.at_s // DAY_S for c in changes]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "other", "sticky", "rate"),
    [
        (0.1, 0.0, 0.0, FALSE_PER_YEAR),
        (0.6, 0.0, 0.0, FALSE_PER_YEAR),
        (0.1, 0.3, 0.0, FALSE_PER_YEAR),
        (0.1, 0.3, 0.5, 10 * FALSE_PER_YEAR),  # a second version that stays for days is not alike on all days
    ],
)
def test_stationary_noise_hardly_ever_looks_like_a_change(
    noise: float, other: float, sticky: float, rate: float
) -> None:
    """40 years each; as many as the stated rate gives, and two standard deviations. Two versions by turns are noise."""
    rng = np.random.default_rng(1)
    found = sum(len(change_points(prints(rng, 365, noise=noise, other=other, sticky=sticky))) for _ in range(40))
    expected = 40 * rate
    assert found <= expected + 2 * np.sqrt(expected)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "reach"), [(0.0, 1.0), (0.1, 0.95), (0.3, 0.9)])
def test_a_change_is_found_on_its_day(noise: float, reach: float) -> None:
    rng = np.random.default_rng(2)
    found = [days_of(change_points(prints(rng, 50, (30,), noise=noise))) for _ in range(20)]
    assert np.mean([any(abs(d - 30) <= 1 for d in f) for f in found]) >= reach


def test_a_change_is_seen_after_four_sessions_and_not_before() -> None:
    every = prints(np.random.default_rng(3), 40, (30,), noise=0.0)
    seen = [n for n in range(31, 41) if change_points([p for p in every if p.at_s < n * DAY_S])]
    assert seen == list(range(34, 41))


def test_a_day_that_passes_is_no_change() -> None:
    rng = np.random.default_rng(4)
    quiet, odd = prints(rng, 60, noise=0.0), prints(rng, 60, noise=0.0)
    passing = [o if 30 * DAY_S <= p.at_s < 33 * DAY_S else p for p, o in zip(quiet, odd, strict=True)]
    assert change_points(passing) == []


def test_two_changes_are_two() -> None:
    assert days_of(change_points(prints(np.random.default_rng(5), 90, (30, 60), noise=0.0))) == [30, 60]


def test_a_change_of_one_item_is_one_and_its_witness_names_it() -> None:
    rng = np.random.default_rng(6)
    old, new = prints(rng, 60, noise=0.0), prints(rng, 60, noise=0.0)
    mixed = [n if o.item == "q2" and o.at_s >= 40 * DAY_S else o for o, n in zip(old, new, strict=True)]
    (change,) = change_points(mixed)
    assert change.at_s // DAY_S == 40
    assert (change.earliest_s // DAY_S, change.latest_s // DAY_S) == (39, 40)
    assert change.witness.startswith("q2: “")
    assert 0.1 < change.strength < 0.3


def test_other_items_are_no_other_version() -> None:
    every = prints(np.random.default_rng(7), 60, noise=0.0)
    late = [
        Print(service=p.service, at_s=p.at_s, item=f"new {p.item}", text=f"{p.text}!") if p.at_s >= 30 * DAY_S else p
        for p in every
    ]
    assert change_points(late) == []


def test_history_of_years_is_judged_in_blocks_without_a_seam() -> None:
    changes = (100, 250, 256, 270, 600)
    assert days_of(change_points(prints(np.random.default_rng(8), 700, changes, noise=0.0))) == list(changes)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_nothing_and_next_to_nothing_have_no_changes(n: int) -> None:
    few = prints(np.random.default_rng(9), 5)[:n]
    assert change_points(few) == []
    services = (a_service("t", "target"), a_service("u", "candidate"))
    assert not list(compare(History(cadence_s=300, services=services, prints=tuple(few)), "t"))


def test_empty_answers_and_hours_between_items_make_no_session() -> None:
    at = (0, 0, 3_600, 30_000, 90_000)
    texts = ("x", "", "y", "z", "w")
    every = [Print(service="bot", at_s=a, item=f"q{k}", text=t) for k, (a, t) in enumerate(zip(at, texts, strict=True))]
    assert [(s.at_s, len(s.texts)) for s in sessions(every)] == [(0, 2), (30_000, 1), (90_000, 1)]


def a_service(name: str, kind: ServiceKind, vendor: str = "") -> Service:
    return Service(name=name, kind=kind, url="http://127.0.0.1/", vendor=vendor)


def a_change(day: int) -> Change:
    at = day * DAY_S
    return Change(at_s=at, earliest_s=at - DAY_S, latest_s=at, strength=0.5, witness="")


def watched(vendor: str, days: int, changes: Collection[int]) -> Watched:
    return Watched(vendor, tuple(d * DAY_S for d in range(days)), tuple(a_change(d) for d in sorted(changes)))


def weighed(us: Watched, them: Watched, others: Sequence[Watched] = ()) -> float:
    """The LR of one pair, by the same steps as the rule."""
    every = {"t": us, "u": them} | {w.vendor: w for w in others}
    found, _, _ = events(every, "t", "u", dict.fromkeys(every, True))
    own = sum(not any(c.at_s // DAY_S - e.change.at_s // DAY_S in (-1, 0, 1) for e in found) for c in us.changes)
    days = (us.at_s[-1] - us.at_s[0]) / DAY_S - sum(e.window_days for e in found)
    return float(np.exp(changes_log_ratio(found, own, days)))


def random_days(rng: Generator, days: int, a_year: float) -> set[int]:
    return set(rng.integers(0, days, rng.poisson(a_year * days / 365)).tolist())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "ours", "theirs"), [(120, 4, 4), (365, 4, 4), (365, 12, 12), (365, 1, 6), (90, 20, 6)]
)
def test_unrelated_changes_give_a_mean_ratio_of_at_most_one(days: int, ours: float, theirs: float) -> None:
    """1,000 pairs each, with five others; tolerance 2.5 standard errors."""
    rng = np.random.default_rng(10)
    found = np.array(
        [
            weighed(
                watched("a", days, random_days(rng, days, ours)),
                watched("b", days, random_days(rng, days, theirs)),
                [watched(f"c{k}", days, random_days(rng, days, 4)) for k in range(5)],
            )
            for _ in range(1000)
        ]
    )
    assert found.mean() <= 1 + 2.5 * found.std() / np.sqrt(len(found))
    assert (found > 3).mean() <= 0.1


def test_a_relay_that_follows_its_upstream_is_told_by_two_changes() -> None:
    assert weighed(watched("a", 200, {50, 120}), watched("b", 200, {50, 120})) == pytest.approx(np.exp(RULE.bound))
    assert 3 < weighed(watched("a", 200, {50}), watched("b", 200, {50})) < 10


def test_changes_that_the_target_does_not_follow_are_mild_evidence_against() -> None:
    assert 0.6 < weighed(watched("a", 200, ()), watched("b", 200, {50})) < 0.7
    assert 0.5 <= weighed(watched("a", 365, ()), watched("b", 365, range(30, 330, 20))) < 0.52


def test_a_target_that_changes_all_the_time_proves_little() -> None:
    busy = watched("a", 200, range(5, 195, 5))
    assert weighed(busy, watched("b", 200, {50})) < 2


def test_a_change_soon_after_counts_for_nothing() -> None:
    assert weighed(watched("a", 200, {50 + int(LAG_DAYS)}), watched("b", 200, {50})) == 1.0


def test_a_day_on_which_others_changed_too_counts_for_nothing() -> None:
    others = [watched(f"c{k}", 200, {50}) for k in range(4)]
    assert weighed(watched("a", 200, {50}), watched("b", 200, {50}), others) == 1.0


def test_one_coincidence_does_not_speak_fully_for_two_upstreams() -> None:
    us, them = watched("a", 200, {50}), watched("b", 200, {50})
    assert weighed(us, them, [watched("c", 200, {50})]) < 0.75 * weighed(us, them)


def test_what_the_target_could_not_have_shown_is_no_event() -> None:
    blind = Watched("a", tuple(d * DAY_S for d in [*range(40), *range(60, 200)]), ())
    for us, day in ((blind, 50), (watched("a", 200, ()), 3), (watched("a", 200, ()), 197)):
        assert events({"t": us, "u": watched("b", 200, {day})}, "t", "u", {})[0::2] == ([], 1)


def test_the_weight_of_one_event_is_bounded() -> None:
    hit = UpstreamChange(a_change(50), True, 0, 1.0)
    assert changes_log_ratio([hit], 0, 10_000) <= np.log(7.2)
    assert changes_log_ratio([hit] * 8, 0, 10_000) == RULE.bound


def test_whole_rule_finds_the_upstream_that_the_target_changes_with() -> None:
    rng = np.random.default_rng(11)
    days = {"t": (40, 80), "u": (40, 80), "v": (55,), "p": ()}
    services = (
        a_service("t", "target"),
        a_service("u", "candidate"),
        a_service("v", "candidate"),
        a_service("p", "panel"),
    )
    every = tuple(p for name, d in days.items() for p in prints(rng, 120, d, name=name))
    found = {f.upstream: f for f in compare(History(cadence_s=300, services=services, prints=every), "t", rng)}
    assert set(found) == {"u", "v"}
    assert (found["u"].n_target, found["u"].n_upstream, found["u"].effect) == (2, 2, 1.0)
    assert found["u"].llr > 2
    assert found["u"].llr_low <= found["u"].llr <= found["u"].llr_high <= RULE.bound
    assert "open weights" in found["u"].evidence
    assert "q" in found["u"].witness
    assert -0.7 < found["v"].llr < 0
    assert "no change" in found["v"].witness


def test_a_change_of_the_prober_s_settings_is_no_evidence() -> None:
    """All services answer anew from one day on."""
    rng = np.random.default_rng(12)
    names: list[tuple[str, ServiceKind]] = [("t", "target"), ("u", "candidate"), ("v", "candidate"), ("p", "panel")]
    every = tuple(p for name, _ in names for p in prints(rng, 80, (40,), name=name))
    history = History(cadence_s=300, services=tuple(a_service(n, k) for n, k in names), prints=every)
    found = list(compare(history, "t", rng))
    assert [f.llr for f in found] == [0.0, 0.0]
    assert all("common cause" in f.evidence for f in found)
