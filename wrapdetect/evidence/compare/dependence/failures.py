"""Rule failures_together: when the upstream is down, is the target down with it, more than chance would have it?

The unit is the incident of the upstream, never the single failure: stretches of failures less than an hour apart are
one incident (a flickering outage is one outage).
  passing through: the target shares an incident with probability s ~ Beta(2.2, 0.8), mean .73
  else:            it has failures of its own, which match every stretch of it with probability at most `chance`
A stretch is matched when the target is down for most of it, and went down and came back with it (WINDOW_S). `chance`
is COMMON (a cause that both share, unseen by us), plus the product over the stretches of q + rate * length, where q is
the target's share of failures and `rate` its rate of own stretches outside the incidents, both rounded up so that the
mean of the ratio under chance is at most 1 (for Poisson counts N: E[rate / (N + 1)] < 1). A miss has probability at
most 1 under chance, so it never speaks for passing through.
An incident in which references at other hosts fall too has a common cause that we see, and counts for nothing.
"""

from collections.abc import Iterator, Sequence
from math import comb
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from scipy.special import gammaincinv

from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.samples import Samples, SignOfLife
from wrapdetect.evidence.compare.shares import log_marginal, share_of
from wrapdetect.model import Finding

RULE = Rule(
    id="failures_together",
    axis="dependence",
    group="failures",
    bound=6.9,  # factor 1000 over all incidents; one alone cannot pass a factor of 37 (see COMMON)
    incidents_above=-99.0,
    compare=lambda samples, _: compare(samples),
    paragraph="""When the reference was down, was the target down with it? Counted by incident (outages within an hour
    are one): the target must be down for most of it, go down and come back within 15 minutes of it. Weighed against the
    target's own failures at other times and against causes that both share unseen, so that one incident never says more
    than a factor of 37; incidents that references at other hosts had too are left out. In simulation no unrelated
    target of 4,800 was accused by outages alone; but of frail targets with clumped outages that did share exactly one
    by chance, one in twelve was (16 of 197): one clean coincidence is what `likely_wrapper` says, not `wrapper`.""",
)

_SHARES = (2.2, 0.8)
"""Beta prior of s. Mean .73: what public incident lists give for products known to depend on one provider."""
SAME_MINUTE_S = 60.0
"""A target's failure up to this long before or after the upstream's counts as in the stretch."""
FAILURE_WINDOW_S = 900.0
"""Going down and coming back within this counts as together: provider lists hold their level at 15 minutes."""
STRETCHES_APART_S = 3600.0
"""Stretches closer than this are one incident."""
COMMON, COMMON_UNSEEN = 0.02, 0.05
"""Chance that an incident had a cause both share without depending on one another (a cloud, our own network); the
second where neither an HTTP status nor another host shows that the network between was up."""
FEWEST_IN_A_ROW = 2


class Stretch(NamedTuple):
    """Failures in a row, in seconds of the run; `before_s` and `after_s` are the last and next sign of life."""

    first_s: float
    last_s: float
    before_s: float
    after_s: float
    spoke: bool
    n: int
    witness: str


class _Incident(NamedTuple):
    """Stretches of one upstream less than APART_S apart, and what the target did: how many of them it matched, out
    of those that say something, its failures and exchanges then, and the chance of that many matches."""

    stretches: tuple[Stretch, ...]
    matched: int
    telling: int
    n_down: int
    n: int
    chance: float

    @property
    def shared(self) -> bool:
        return self.matched * 2 > self.telling


def compare(samples: Samples) -> Iterator[Finding]:
    for reference in samples.references:
        found, common = judged_incidents(samples, reference.name)
        if not found and not common:
            continue
        hits, n = sum(i.shared for i in found), len(found)
        weigh, weigh_low, weigh_high = (
            failures_log_ratio([i.chance for i in found if i.shared], n, factor)
            for factor in (1.0, *_spread(samples, reference.name))
        )
        yield RULE.finding(
            samples.target,
            reference.name,
            effect=share_of(hits, n),
            unit="share of the upstream's incidents that the target had too",
            llr=(weigh, min(weigh, weigh_low), max(weigh, weigh_high)),
            n=(hits, n),
            evidence=_evidence(found, hits, common),
            witness=_witness(samples, reference.name, found),
        )


def judged_incidents(samples: Samples, upstream: str) -> tuple[list[_Incident], int]:
    """The upstream's incidents that say something of the target, and how many stretches had a common cause."""
    target = samples.beats.get(samples.target, ())
    mine = stretches(target)
    others = [samples.beats.get(o, ()) for o in _other_hosts(samples, upstream)]
    theirs = stretches(samples.beats.get(upstream, ()))
    found: list[_Incident] = []
    common = 0
    for group in grouped(theirs):
        kept: list[tuple[Stretch, list[SignOfLife]]] = []
        seen_up, before = False, common
        for stretch in group:
            then = _within(target, stretch)
            panel = [p for p in (_within(o, stretch) for o in others) if p]
            if panel and np.mean([_mostly_down(p) for p in panel]) >= 0.5:
                common += 1
            elif then and not _down_already(mine, stretch):
                kept.append((stretch, then))
                seen_up = seen_up or bool(panel) or stretch.spoke
        if kept and common == before:  # what fell together in one stretch is one cause in the whole incident
            matches = [s for s, then in kept if _mostly_down(then) and _together(mine, s)]
            chances = [chance_of(target, mine, theirs, s) for s, _ in kept]
            unseen = COMMON if seen_up else COMMON_UNSEEN
            found.append(
                _Incident(
                    stretches=tuple(s for s, _ in kept),
                    matched=len(matches),
                    telling=len(kept),
                    n_down=sum(b.down for _, then in kept for b in then),
                    n=sum(len(then) for _, then in kept),
                    chance=min(0.95, unseen + _any_of(len(matches), chances)),
                )
            )
    return found, common


def stretches(beats: Sequence[SignOfLife]) -> list[Stretch]:
    """At least FEWEST_IN_A_ROW failures in a row, at more than one question: a bad question is no outage."""
    found: list[Stretch] = []
    start: int | None = None
    for k, beat in enumerate([*beats, None]):
        if beat is not None and beat.down:
            start = k if start is None else start
        elif start is not None:
            row = beats[start:k]
            asked = {b.question for b in row}
            if len(row) >= FEWEST_IN_A_ROW and (len(asked) > 1 or asked == {""}):
                found.append(
                    Stretch(
                        first_s=row[0].t_s,
                        last_s=row[-1].t_s,
                        before_s=beats[start - 1].t_s if start else row[0].t_s,
                        after_s=beat.t_s if beat is not None else row[-1].t_s,
                        spoke=any(b.spoke for b in row),
                        n=len(row),
                        witness=row[0].witness,
                    )
                )
            start = None
    return found


def grouped(every: Sequence[Stretch]) -> list[list[Stretch]]:
    """Stretches less than APART_S apart, together: the units of evidence."""
    groups: list[list[Stretch]] = []
    for stretch in every:
        if groups and stretch.first_s - groups[-1][-1].last_s < STRETCHES_APART_S:
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    return groups


def chance_of(
    target: Sequence[SignOfLife], mine: Sequence[Stretch], theirs: Sequence[Stretch], stretch: Stretch
) -> float:
    """Upper bound for the probability that an unrelated target matches this one stretch."""
    outside = [b for b in target if not any(_inside(b, s) for s in theirs)]
    q = (sum(b.down for b in outside) + 1) / (len(outside) + 1)
    span = max(target[-1].t_s - target[0].t_s, 1e-9)
    up = max(span - sum(s.after_s - s.before_s for s in theirs), span * 0.05)
    rate = (own_count(mine, theirs) + 1) / up
    # To be matched, it must go down within WINDOW_S of the stretch's beginning.
    return float(min(1.0, q + rate * min(stretch.after_s - stretch.before_s, 2 * FAILURE_WINDOW_S)))


def own_count(mine: Sequence[Stretch], theirs: Sequence[Stretch]) -> int:
    """The target's stretches that lie outside all of the upstream's."""
    return sum(not any(_overlap(m, t) for t in theirs) for m in mine)


def failures_log_ratio(chances: Sequence[float], n: int, factor: float = 1.0) -> float:
    """ln p(what the target did | passing through) - ln p(it | unrelated), in nats, for n incidents of which those with
    `chances` were shared. `factor` scales the chances, for the ends of the interval."""
    if not n:
        return 0.0
    apart = float(sum(np.log(np.clip(c * factor, COMMON, 0.95)) for c in chances))
    return log_marginal(len(chances), n, *_SHARES) - apart


def _spread(samples: Samples, upstream: str) -> tuple[float, float]:
    """By how much the chances may be larger or smaller: the 95 % interval of the target's rate of own stretches."""
    mine = stretches(samples.beats.get(samples.target, ()))
    count = own_count(mine, stretches(samples.beats.get(upstream, ())))
    return float(gammaincinv(count + 0.5, 0.975)) / (count + 1), float(gammaincinv(count + 0.5, 0.025)) / (count + 1)


def _any_of(matched: int, chances: Sequence[float]) -> float:
    """Bound for the probability of that many matches among independent stretches."""
    if not matched:
        return 1.0
    largest = sorted(chances, reverse=True)[:matched]
    return min(1.0, comb(len(chances), matched) * float(np.prod(largest)))


def _evidence(found: Sequence[_Incident], hits: int, common: int) -> str:
    parts = []
    if found:
        parts.append(f"down together in {hits} of {len(found)} incidents")
    if chances := [f"{i.chance:.3f}" for i in found if i.shared]:
        parts.append(f"by chance with probability at most {', '.join(chances[:4])}{', …' if len(chances) > 4 else ''}")
    if common:
        parts.append(
            f"{common} outages that references at other hosts had too have a common cause and count for nothing"
        )
    return "; ".join(parts)


def _witness(samples: Samples, upstream: str, found: Sequence[_Incident]) -> str:
    if not found:
        return ""
    best = min(found, key=lambda i: (not i.shared, i.chance))
    first, more = best.stretches[0], len(best.stretches) - 1
    again = f", and {more} more within the hour" if more else ""
    down = f"{upstream} down from {first.witness} ({first.n} failures in a row{again})"
    return f"{down}: {samples.target} failed {best.n_down} of {best.n} then"


def _other_hosts(samples: Samples, upstream: str) -> list[str]:
    """References elsewhere; two models at one host fall together and are no panel for one another."""
    hosts = {e.name: urlsplit(e.url).netloc for e in samples.references}
    return [n for n, host in hosts.items() if host != hosts[upstream]]


def _inside(beat: SignOfLife, stretch: Stretch) -> bool:
    slack = min(SAME_MINUTE_S, max(stretch.first_s - stretch.before_s, stretch.after_s - stretch.last_s))
    return stretch.first_s - slack < beat.t_s < stretch.last_s + slack


def _within(beats: Sequence[SignOfLife], stretch: Stretch) -> list[SignOfLife]:
    then = [b for b in beats if stretch.first_s <= b.t_s <= stretch.last_s]
    return then or [b for b in beats if _inside(b, stretch)]


def _mostly_down(beats: Sequence[SignOfLife]) -> bool:
    return sum(b.down for b in beats) * 2 >= len(beats)


def _overlap(a: Stretch, b: Stretch) -> bool:
    return a.first_s <= b.last_s + SAME_MINUTE_S and b.first_s - SAME_MINUTE_S <= a.last_s


def _down_already(mine: Sequence[Stretch], stretch: Stretch) -> bool:
    """A target that lay down long before cannot fall with the upstream: the stretch says nothing of it."""
    return any(_overlap(m, stretch) and m.first_s < stretch.first_s - FAILURE_WINDOW_S for m in mine)


def _together(mine: Sequence[Stretch], stretch: Stretch) -> bool:
    """Whether the target went down and came back within WINDOW_S of the upstream; a lone failure inside may do, too."""
    overlapping = [m for m in mine if _overlap(m, stretch)]
    if not overlapping:
        return stretch.last_s - stretch.first_s <= SAME_MINUTE_S
    began, ended = overlapping[0].first_s, overlapping[-1].last_s
    return abs(began - stretch.first_s) <= FAILURE_WINDOW_S and abs(ended - stretch.last_s) <= FAILURE_WINDOW_S
