"""The invented worlds of the simulations, and one run in each. Truth is known; a run's seed is its world and number."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import log
from typing import NamedTuple

import numpy as np

from bench.outages.controls import both_p
from tests.lab.histories import DAY_S, Fall, Habit, follow, timeline
from wrapdetect.evidence.compare.dependence.coincidence import record
from wrapdetect.evidence.compare.dependence.incident_ratio import ENOUGH, incidents_log_ratio
from wrapdetect.evidence.compare.dependence.outages import WINDOW_S, Setting, dependence
from wrapdetect.model.history import Dependence, Timeline

WINDOW_H = 2 * WINDOW_S / 3600
NEVER = 999


class World(NamedTuple):
    """Two services that fall by habits of their own, watched so many weeks; `runs` of 10,000."""

    weeks: float
    target: Habit
    upstream: Habit
    runs: int


def _pair(weeks: float, runs: int, habit: Habit, upstream: Habit | None = None) -> World:
    return World(weeks, habit, upstream or habit, runs)


WORLDS: Mapping[str, World] = {
    "plain, 26 weeks": _pair(26, 1500, Habit(per_week=1.5)),
    "weekly pattern, 26 weeks": _pair(26, 1500, Habit(per_week=1.5, busy=4)),
    "weekly pattern and bursts, 26 weeks": _pair(26, 1500, Habit(per_week=1, busy=4, burst=1.5)),
    "strong pattern and bursts, a year": _pair(52, 1000, Habit(per_week=2, busy=10, burst=2)),
    "rare falls, 12 weeks": _pair(12, 1800, Habit(per_week=0.3, busy=4, burst=1), Habit(per_week=1, busy=4, burst=1)),
    "often down, 12 weeks": _pair(12, 1200, Habit(per_week=5, busy=4, burst=1)),
    "short, 4 weeks": _pair(4, 1500, Habit(per_week=1, busy=4, burst=1)),
}
"""`busy`: times as often in working hours; `burst`: further falls within a day of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """What is said of one independent pair: at the end, at any day, and by the plain shifts that we do not use."""

    n: int
    hits: int
    p: float | None
    plain: float
    named: bool
    e_highest: float
    ever_named: bool
    llr: float


def null(world: str, number: int) -> Null:
    """One independent pair."""
    w = WORLDS[world]
    rng = random.Random(f"{world} {number}")
    target = timeline("target", w.target.falls(rng, w.weeks), w.weeks)
    upstream = timeline("upstream", w.upstream.falls(rng, w.weeks), w.weeks)
    d = dependence(target, [upstream], [])[0]
    records = [record(line, slack_s=WINDOW_S) for line in (target, upstream)]
    _, plain = both_p(records[0], records[1], np.random.default_rng(number))
    return Null(
        n=d.n,
        hits=d.hits,
        p=d.p,
        plain=plain,
        named=d.named,
        e_highest=d.e_highest,
        ever_named=d.named or _named_earlier(target, upstream, d),
        llr=d.llr,
    )


class Case(NamedTuple):
    """A target that falls with its upstream with probability s, and by itself b times per window."""

    s: float
    b: float
    reach: int
    plain: int
    weeks: float


CASES = (Case(0.73, 0.02, 2, 2, 30), Case(0.5, 0.02, 3, 4, 30), Case(0.3, 0.05, 10, 12, 52))


class Until(NamedTuple):
    """Incidents until the ratio passes 100: with the chances of the whole record; as judged on the day; and with s and
    b known, by counting alone."""

    known: int
    on_the_day: int
    counted: int


def until(case: Case, number: int) -> Until:
    """One run, with two unrelated services watched beside it."""
    rng = random.Random(f"{case.s} {case.b} {number}")
    falls = Habit(per_week=1).falls(rng, case.weeks)
    mine = follow(falls, rng, s=case.s) + Habit(per_week=168 * case.b / WINDOW_H).falls(rng, case.weeks)
    panel = [timeline(f"panel {k}", Habit(per_week=0.5).falls(rng, case.weeks), case.weeks) for k in range(2)]
    target, upstream = timeline("target", mine, case.weeks), timeline("upstream", falls, case.weeks)
    found = dependence(target, [upstream], panel)[0]
    return Until(first_enough(found), _on_the_day(target, upstream, panel, found), _counted(case, rng))


def first_enough(found: Dependence) -> int:
    """Incidents until the ratio passes 100; NEVER where it does not."""
    ratios = (incidents_log_ratio(found.incidents[:k]) for k in range(1, found.n + 1))
    return next((k for k, r in enumerate(ratios, 1) if r >= ENOUGH), NEVER)


def cut(line: Timeline, at_s: float) -> Timeline:
    """What was known at that time."""
    return replace(
        line,
        episodes=tuple(e for e in line.episodes if e.onset_high_s <= at_s),
        watched=tuple((a, min(b, at_s)) for a, b in line.watched if a < at_s),
    )


def _on_the_day(target: Timeline, upstream: Timeline, panel: Sequence[Timeline], found: Dependence) -> int:
    for k, incident in enumerate(found.incidents, 1):
        if incident.hit:  # a miss takes no ratio over the bar
            now = incident.onset_s + DAY_S
            early = dependence(cut(target, now), [cut(upstream, now)], [cut(p, now) for p in panel])[0]
            if early.llr >= ENOUGH:
                return k
    return NEVER


def _counted(case: Case, rng: random.Random) -> int:
    total = 0.0
    for k in count(1):
        hit = rng.random() < case.s + (1 - case.s) * case.b
        total += log(case.s / case.b) if hit else log((1 - case.s) / (1 - case.b))
        if total >= ENOUGH or k == NEVER:
            return k
    return NEVER


def _named_earlier(target: Timeline, upstream: Timeline, found: Dependence) -> bool:
    """Whether a look on the day after a hit would have named it. Looks are made where the ratio so far favours it."""
    for k, incident in enumerate(found.incidents, 1):
        if incident.hit and incidents_log_ratio(found.incidents[:k]) > 0:
            now = incident.onset_s + DAY_S
            if dependence(cut(target, now), [cut(upstream, now)], [])[0].named:
                return True
    return False


ATTACKS: Mapping[str, str] = {
    "honest: independent, b .02": "",
    "independent, goes down at random, ten times as often": "",
    "passes through (s .73)": "named",
    "passes through (s .73), goes down at random, ten times as often": "named, on a smaller ratio",
    "passes through, falls back to a second upstream": "not named: down only when both are",
    "the same, its text shows the fallback (misses excused)": "not named by outages alone; misses say nothing",
    "independent, yet every miss excused (the worst that a wrong excuse can do)": "not named",
    "passes every third request or so (s .3)": "named, slowly",
}
ATTACK_WEEKS, B = 26.0, 0.02


class Attacked(NamedTuple):
    """What is said after half a year."""

    n: int
    hits: int
    base_rate: float
    llr: float
    named: bool
    enough_at: int


def attack(kind: str, number: int) -> Attacked:
    """Half a year of one target, its upstream falling once a week, two unrelated services beside it."""
    rng = random.Random(f"{kind} {number}")
    falls, second = (Habit(per_week=1).falls(rng, ATTACK_WEEKS) for _ in range(2))
    own = Habit(per_week=168 * B / WINDOW_H * (10 if "ten times" in kind else 1)).falls(rng, ATTACK_WEEKS)
    shared = _shared(kind, falls, second, rng)
    lines = [timeline(n, f, ATTACK_WEEKS) for n, f in (("target", own + shared), ("upstream", falls))]
    panel = [timeline(f"panel {k}", Habit(per_week=0.5).falls(rng, ATTACK_WEEKS), ATTACK_WEEKS) for k in range(2)]
    excused = [(f.onset_s - DAY_S / 24, sum(f)) for f in falls] if "excused" in kind else []
    d = dependence(lines[0], [lines[1]], panel, Setting(excused=excused))[0]
    return Attacked(d.n, d.hits, d.base_rate, d.llr, d.named, first_enough(d))


def _shared(kind: str, falls: Sequence[Fall], second: Sequence[Fall], rng: random.Random) -> list[Fall]:
    if "independent" in kind:
        return []
    if "fall" in kind:  # back to another: down where both are
        return [f for f in falls if any(o.onset_s < sum(f) and f.onset_s < sum(o) for o in second)]
    return follow(falls, rng, s=0.3 if "s .3" in kind else 0.73)
