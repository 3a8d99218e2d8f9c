"""Rule failures_together: when the upstream is down, is the target down with it, more than chance would have it?

The unit is the incident of the upstream (two or more failures in a row), never the single failure.
  passing through: the target shares an incident with probability s ~ Beta(2.2, 0.8), mean .73
  else:            it is down in that stretch by its own doing, with probability at most q + rate * length, where q is
                   its share of failures and `rate` its rate of own incidents outside the upstream's (Jeffreys)
An incident in which references at other hosts fall too has a common cause and counts for nothing. Where neither an
HTTP status nor another host shows that the network between was up, our own network may be that cause: OWN_NETWORK.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from wrapdetect.compare.samples import Beat, Samples
from wrapdetect.compare.shares import jeffreys, log_marginal
from wrapdetect.model import Finding

SHARES = (2.2, 0.8)
"""Beta prior of s. Mean .73: what public incident lists give for products known to depend on one provider."""
TOLERANCE_S = 60.0
"""The same minute: a target's failure up to this long before or after the upstream's counts as together."""
OWN_NETWORK, OWN_NETWORK_SEEN_UP = 0.02, 0.005
"""Chance that our own side was the cause: unseen, and with an HTTP status or another host seen up meanwhile."""
FEWEST_IN_A_ROW = 2


class Incident(NamedTuple):
    """A stretch of failures, in seconds of the run; `before_s` and `after_s` are the last and next sign of life."""

    first_s: float
    last_s: float
    before_s: float
    after_s: float
    spoke: bool
    witness: str


class Shared(NamedTuple):
    """One upstream incident and what the target did: its failures and exchanges then, and the chance of it."""

    incident: Incident
    down: bool
    n_down: int
    n: int
    chance: float


def compare(samples: Samples) -> Iterator[Finding]:
    target = samples.beats.get(samples.target, ())
    usable = {e.name: shared_incidents(samples, e.name) for e in samples.references}
    rivals = sum(1 for u in usable.values() if u[0])
    bound_each = samples.seeds.ruleset.rule_of("failures_together").bound_each or np.inf
    for name, (shared, common) in usable.items():
        if not shared:
            if common:
                yield _nothing(samples, name, common)
            continue
        hits, n = sum(s.down for s in shared), len(shared)
        low, high = jeffreys(hits, n)
        weigh = log_ratio(shared, float(bound_each))
        if weigh > 0:  # one coincidence cannot speak fully for several upstreams
            weigh = max(0.0, weigh - float(np.log(max(rivals, 1))))
        best = min(shared, key=lambda s: (not s.down, s.chance))
        yield Finding(
            rule="failures_together",
            axis="dependence",
            target=samples.target,
            upstream=name,
            effect=hits / n,
            low=low,
            high=high,
            unit="share of the upstream's incidents that the target had too",
            llr=weigh,
            llr_low=min(weigh, weigh / 2),
            llr_high=max(weigh, weigh / 2),
            n_target=len(own_incidents(target, shared)) + hits,
            n_upstream=n,
            evidence=f"down together in {hits} of {n} incidents; by chance each with probability "
            f"{', '.join(f'{s.chance:.3f}' for s in shared[:4])}{', …' if n > 4 else ''}"
            + (f"; {common} with a common cause left out" if common else ""),
            witness=f"{name} down {best.incident.witness}: target failed {best.n_down} of {best.n} then",
        )


def shared_incidents(samples: Samples, upstream: str) -> tuple[list[Shared], int]:
    """The upstream's incidents that say something of the target, and how many had a common cause."""
    target = samples.beats.get(samples.target, ())
    others = _other_hosts(samples, upstream)
    usable: list[tuple[Incident, Sequence[Beat], bool]] = []
    common = 0
    for incident in incidents(samples.beats.get(upstream, ())):
        then = _within(target, incident)
        if not then:
            continue
        panel = [_within(samples.beats.get(o, ()), incident) for o in others]
        panel = [p for p in panel if p]
        if panel and np.mean([_mostly_down(p) for p in panel]) >= 0.5:
            common += 1
            continue
        usable.append((incident, then, bool(panel) or incident.spoke))
    stretches = [i for i, _, _ in usable]
    return [
        Shared(i, _mostly_down(then), sum(b.down for b in then), len(then), chance_of(target, i, stretches, seen_up))
        for i, then, seen_up in usable
    ], common


def incidents(beats: Sequence[Beat]) -> list[Incident]:
    """Stretches of at least FEWEST_IN_A_ROW failures in a row, in order of time."""
    found: list[Incident] = []
    start: int | None = None
    for k, beat in enumerate([*beats, None]):
        if beat is not None and beat.down:
            start = k if start is None else start
        elif start is not None:
            stretch = beats[start:k]
            if len(stretch) >= FEWEST_IN_A_ROW:
                found.append(
                    Incident(
                        first_s=stretch[0].t_s,
                        last_s=stretch[-1].t_s,
                        before_s=beats[start - 1].t_s if start else stretch[0].t_s,
                        after_s=beat.t_s if beat is not None else stretch[-1].t_s,
                        spoke=any(b.spoke for b in stretch),
                        witness=f"from {stretch[0].witness} ({len(stretch)} failures)",
                    )
                )
            start = None
    return found


def own_incidents(target: Sequence[Beat], shared: Sequence[Shared]) -> list[Incident]:
    """The target's incidents that lie outside all of the upstream's."""
    return [i for i in incidents(target) if not any(_overlap(i, s.incident) for s in shared)]


def chance_of(target: Sequence[Beat], incident: Incident, stretches: Sequence[Incident], seen_up: bool) -> float:
    """Upper bound for the probability that an unrelated target is down for most of this incident."""
    outside = [b for b in target if not any(_inside(b, s) for s in stretches)]
    q = (sum(b.down for b in outside) + 0.5) / (len(outside) + 1)
    span = max(target[-1].t_s - target[0].t_s, 1e-9)
    up = max(span - sum(s.after_s - s.before_s for s in stretches), span * 0.05)
    apart = [i for i in incidents(target) if not any(_overlap(i, s) for s in stretches)]
    rate = (len(apart) + 0.5) / up
    own = OWN_NETWORK_SEEN_UP if seen_up else OWN_NETWORK
    return float(min(0.95, q + rate * (incident.after_s - incident.before_s) + own))


def log_ratio(shared: Sequence[Shared], bound_each: float = np.inf) -> float:
    """ln p(what the target did | passing through) - ln p(it | unrelated), at most `bound_each` nats an incident."""
    hits = sum(s.down for s in shared)
    through = log_marginal(hits, len(shared), *SHARES)
    apart = sum(np.log(s.chance if s.down else 1 - s.chance) for s in shared)
    most = bound_each * len(shared)
    return float(np.clip(through - apart, -most, most))


def _nothing(samples: Samples, upstream: str, common: int) -> Finding:
    return Finding(
        rule="failures_together",
        axis="dependence",
        target=samples.target,
        upstream=upstream,
        effect=0.0,
        low=0.0,
        high=1.0,
        unit="share of the upstream's incidents that the target had too",
        llr=0.0,
        llr_low=0.0,
        llr_high=0.0,
        n_target=0,
        n_upstream=0,
        evidence=f"{common} incidents, all of which references at other hosts had too: a common cause, no evidence",
        witness="",
    )


def _other_hosts(samples: Samples, upstream: str) -> list[str]:
    """References elsewhere; two models at one host fall together and are no panel for one another."""
    hosts = {e.name: urlsplit(e.url).netloc for e in samples.references}
    return [n for n, host in hosts.items() if host != hosts[upstream]]


def _inside(beat: Beat, incident: Incident) -> bool:
    slack = min(TOLERANCE_S, max(incident.first_s - incident.before_s, incident.after_s - incident.last_s))
    return incident.first_s - slack < beat.t_s < incident.last_s + slack


def _within(beats: Sequence[Beat], incident: Incident) -> list[Beat]:
    return [b for b in beats if incident.first_s <= b.t_s <= incident.last_s] or [
        b for b in beats if _inside(b, incident)
    ]


def _mostly_down(beats: Sequence[Beat]) -> bool:
    return sum(b.down for b in beats) * 2 >= len(beats)


def _overlap(a: Incident, b: Incident) -> bool:
    return a.first_s <= b.last_s + TOLERANCE_S and b.first_s - TOLERANCE_S <= a.last_s
