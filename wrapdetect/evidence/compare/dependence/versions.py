"""Rule versions_together: does the target change on the day on which the upstream changes?

A version is seen by the answers to a few fixed prompts at temperature 0. Two sessions are as far apart as their
answers: half for not being equal to the letter, half for n-grams of characters not shared, averaged over their items.
Temperature 0 is not quite deterministic, so a change point is a place after which answers differ from before more than
before and after differ within themselves, by an exact test over all ways to choose the sessions after (SPANS), with p
at most ALPHA; and the answers after are new: a service that is routed to one of two versions by turns, or rolled back,
has not changed. It takes four sessions until a change is seen. FALSE_PER_YEAR is what stationary noise gives.

Each change of an upstream that the target could have shown is one event: the target changed the same day, or not within
LAG_DAYS, or in between (which counts for nothing: late deployments exist). Then
  passing through: half of the relays follow their upstream with a share ~ Beta(2, 1) of its changes, the others pin a
                   version and are as if unrelated, so that any number of misses is at most a factor of 2 against
  else:            it changes by itself, at its own rate, rounded up so that the mean of the ratio under chance is at
                   most 1, plus COMMON; all of it times the number of candidates that changed that day
One event alone is at most a factor of 7.2 for passing through, all together RULE.bound.
A day on which others changed too, more of them than their rates explain, was the prober's or a cloud's: no event.
A change on the same day also fits two hosts of the same open weights; the text of the evidence says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import gammaincinv, pdtrc

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.dependence.vantages import own_view
from wrapdetect.evidence.compare.ngrams import chars, counts
from wrapdetect.evidence.compare.rule import Rule, of_history
from wrapdetect.evidence.compare.shares import log_marginal, share_of
from wrapdetect.model import Finding
from wrapdetect.model.history import History, Print, Service
from wrapdetect.model.prose import quote

RULE = Rule(
    id="versions_together",
    axis="dependence",
    group="versions",
    bound=2.3,
    compare=of_history(lambda history, target, rng: compare(history, target, rng)),
    paragraph="""Did the target's fingerprint change for good on the day on which the candidate's did? A change is seen
    after four daily sessions and weighed after seven. One shared day is at most a factor of 7, all together 10; a
    candidate's change that the target does not follow is at most a factor of 2 against, however many, since relays may
    pin a version. Days on which unrelated services changed too were ours or a cloud's. Two hosts of the same open
    weights change together as well.""",
)

_DAY_S = 86_400.0
SESSION_S = 6 * 3600
"""Prints of one service less than this apart are one session, unless an item comes again."""
SPANS = ((28, 4), (11, 7))
"""Sessions before and after a change that are compared: few after, to see it soon; or few before, early."""
_ALPHA = 1e-4
FALSE_PER_YEAR = 0.05
"""False changes of a service with daily sessions and noise that is alike on all days: at most this, measured."""
SMALLEST = 0.05
"""Distance (0 to 1) between before and after, beyond that within, from which on a change is one."""
LAG_DAYS = 3.0
SHARES, FOLLOWING = (2.0, 1.0), 0.5
COMMON = 0.05
"""Chance that two unrelated services change on one day for a cause we do not see."""
UNUSUAL = 0.05
"""A day on which so many others changed that chance does so less often than this had a common cause."""
BLOCK = 256
"""Places judged at once, so that a long history needs little memory."""
_SHORT = 60
"""Characters of an answer that a witness quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A service answers differently for good from `at_s` on, the first session seen to differ; it changed between
    `earliest_s` and `latest_s`, sessions. `strength`: distance beyond the noise, 0 to 1. `witness`: an answer before
    and after."""

    at_s: int
    earliest_s: int
    latest_s: int
    strength: float
    witness: str


class Session(NamedTuple):
    """Answers of one sitting, by item."""

    at_s: int
    texts: Mapping[str, str]


class Watched(NamedTuple):
    """The sessions of a service (their times, in order) and its changes."""

    vendor: str
    at_s: tuple[int, ...]
    changes: tuple[Change, ...]


class UpstreamChange(NamedTuple):
    """A change of the upstream: what the target did, None where it followed late; how many other candidates changed
    with it; the target's days in which a change counts as the same."""

    change: Change
    shared: bool | None
    rivals: int
    window_days: float


def compare(history: History, target: str, rng: Generator | None = None) -> Iterator[Finding]:
    """All is exact: no `rng` is drawn from."""
    known = {s.name: s for s in history.services if s.name == target or s.kind != "target"}
    watched = {n: w for n, s in known.items() if len((w := _watched(history, s)).at_s)}
    if target not in watched:
        return
    for service in history.services:
        if service.kind == "candidate" and service.name in watched and service.name != target:
            kinds = {n: known[n].kind == "candidate" for n in watched}
            found, common, open_ = events(watched, target, service.name, kinds)
            if found or common:
                yield _finding(watched[target], target, service.name, found, common, open_)


def change_points(prints: Sequence[Print]) -> list[Change]:
    """Changes for good in the prints of one service, in order of time. False changes: see FALSE_PER_YEAR.

    >>> texts = ["Paris."] * 20 + ["It is Paris!"] * 4
    >>> prints = [Print(service="bot", at_s=k * 86_400, item="q", text=t) for k, t in enumerate(texts)]
    >>> [(c.at_s // 86_400, c.witness) for c in change_points(prints)]
    [(20, 'q: “Paris.” before, “It is Paris!” after')]
    """
    every = sessions(prints)
    if len({(i, t) for s in every for i, t in s.texts.items()}) == len({i for s in every for i in s.texts}):
        return []  # the same answers for ever
    hits: dict[int, float] = {}
    for start in range(0, len(every), BLOCK):
        first = max(0, start - SPANS[0][0])
        apart = distances(every[first : start + BLOCK + SPANS[1][1]])
        strengths = {k: strength(apart, k - first) for k in range(start, min(start + BLOCK, len(every)))}
        hits |= {k: found for k, found in strengths.items() if found >= SMALLEST}
    return [_change(every, group, hits) for group in _grouped(sorted(hits))]


def sessions(prints: Sequence[Print]) -> list[Session]:
    """Prints in order of time, cut into sittings; empty answers are left out."""
    every: list[Session] = []
    texts: dict[str, str] = {}
    last = 0
    for p in sorted(prints, key=lambda p: (p.at_s, p.item)):
        if not p.text.strip():
            continue
        if not every or p.at_s - last >= SESSION_S or p.item in texts:
            texts = {}
            every.append(Session(p.at_s, texts))
        texts[p.item], last = p.text, p.at_s
    return every


def distances(every: Sequence[Session]) -> Floats:
    """How far apart the answers of two sessions are, 0 to 1, shape (n, n); where no item is common, as far as usual."""
    n = len(every)
    total, seen = np.zeros((n, n)), np.zeros((n, n))
    for item in sorted({i for s in every for i in s.texts}):
        have = np.array([k for k, s in enumerate(every) if item in s.texts])
        texts = [every[k].texts[item] for k in have]
        place = {t: j for j, t in enumerate(dict.fromkeys(texts))}
        at = np.array([place[t] for t in texts])
        places = np.ix_(have, have)
        total[places] += _unlike(list(place))[np.ix_(at, at)]
        seen[places] += 1
    apart = np.divide(total, seen, out=np.full((n, n), np.nan), where=seen > 0)
    return np.where(np.isfinite(apart), apart, np.median(apart[seen > 0]) if seen.any() else 0.0)


def events(
    watched: Mapping[str, Watched], target: str, upstream: str, candidate: Mapping[str, bool]
) -> tuple[list[UpstreamChange], int, int]:
    """Changes of the upstream that say something of the target; how many had a common cause; and how many the target's
    sessions cannot show (yet). `candidate` tells candidates from panel and sites."""
    us, them = watched[target], watched[upstream]
    apart = {n: w for n, w in watched.items() if w.vendor not in (us.vendor, them.vendor)}
    found: list[UpstreamChange] = []
    common = open_ = 0
    for change in them.changes:
        span = _span(us, change)
        if span is None:
            open_ += 1
            continue
        with_it = {n for n, w in apart.items() if any(_same(c, change) for c in w.changes)}
        if _unusual(apart, change, len({apart[n].vendor for n in with_it})):
            common += 1
            continue
        shared = any(_same(c, change) for c in us.changes)
        late = any(0 < c.earliest_s - change.latest_s <= LAG_DAYS * _DAY_S for c in us.changes)
        rivals = len({apart[n].vendor for n in with_it if candidate[n]})
        found.append(UpstreamChange(change, True if shared else None if late else False, rivals, span))
    return found, common, open_


def changes_log_ratio(events: Sequence[UpstreamChange], changes: int, days: float, factor: float = 1.0) -> float:
    """ln p(what the target did | passing through) - ln p(it | unrelated), for its `changes` in `days`, both outside the
    events; `factor` scales its rate. In nats, at least ln(1 - FOLLOWING), at most RULE.bound.

    >>> change = Change(at_s=0, earliest_s=0, latest_s=0, strength=1, witness="")
    >>> hit, miss = UpstreamChange(change, True, 0, 2.0), UpstreamChange(change, False, 0, 2.0)
    >>> [round(changes_log_ratio(e, 2, 365), 2) for e in ([], [hit], [miss], [miss] * 9, [hit, hit])]
    [0.0, 1.71, -0.41, -0.68, 2.3]
    """
    told = [e for e in events if e.shared is not None]
    rate = factor * (changes + 1) / max(days, 1.0)
    chances = [min(0.95, (COMMON + rate * e.window_days) * (1 + e.rivals)) for e in told]
    apart = float(sum(np.log(c) if e.shared else 0.0 for e, c in zip(told, chances, strict=True)))
    follows = log_marginal(sum(bool(e.shared) for e in told), len(told), *SHARES) - apart
    return float(min(np.logaddexp(np.log(FOLLOWING) + follows, np.log(1 - FOLLOWING)), RULE.bound))


def _finding(us: Watched, target: str, upstream: str, found: list[UpstreamChange], common: int, open_: int) -> Finding:
    told = [e for e in found if e.shared is not None]
    hits, n = sum(bool(e.shared) for e in told), len(told)
    own = sum(not any(_same(c, e.change) for e in found) for c in us.changes)
    days = (us.at_s[-1] - us.at_s[0]) / _DAY_S - sum(e.window_days for e in found)
    ends = tuple(float(gammaincinv(own + 0.5, q)) / (own + 1) for q in (0.975, 0.025))
    llr, llr_low, llr_high = (changes_log_ratio(found, own, days, factor) for factor in (1.0, *ends))
    return RULE.finding(
        target,
        upstream,
        effect=share_of(hits, n),
        unit="share of the upstream's changes of version on whose day the target changed too",
        llr=(llr, min(llr, llr_low), max(llr, llr_high)),
        n=(hits, n),
        evidence=_evidence(hits, n, len(found) - n, common, open_, own, days),
        witness=_witness(upstream, target, us, told),
    )


def _evidence(hits: int, n: int, late: int, common: int, open_: int, own: int, days: float) -> str:
    parts = [f"changed on the same day in {hits} of {n} changes; {own} changes of its own in {max(days, 0):.0f} days"]
    if hits:
        parts.append("two hosts of the same open weights could change together, too")
    if late:
        parts.append(f"{late} followed within {LAG_DAYS:.0f} days, which counts for nothing")
    if common:
        parts.append(f"{common} on days on which others changed too have a common cause and count for nothing")
    if open_:
        parts.append(f"{open_} at times at which the target's fingerprints do not show a change (yet)")
    return "; ".join(parts)


def _witness(upstream: str, target: str, us: Watched, told: Sequence[UpstreamChange]) -> str:
    if not told:
        return ""
    best = max(told, key=lambda e: (bool(e.shared), e.change.strength))
    ours = next((c.witness for c in us.changes if _same(c, best.change)), "no change")
    when = datetime.fromtimestamp(best.change.at_s, UTC)
    return f"{when:%Y-%m-%d}: {upstream}, {best.change.witness}; {target}, {ours}"


def _watched(history: History, service: Service) -> Watched:
    prints = [p for p in own_view(history).prints if p.service == service.name]
    return Watched(
        service.vendor or service.name, tuple(s.at_s for s in sessions(prints)), tuple(change_points(prints))
    )


def _same(a: Change, b: Change) -> bool:
    """Whether both may have changed at one moment: between fingerprints that overlap in time."""
    return a.earliest_s < b.latest_s and b.earliest_s < a.latest_s


def _span(us: Watched, change: Change) -> float | None:
    """The days in which a change of ours would count as the same: between the sessions around it. None where we were
    not looking then (none within LAG_DAYS before or after), or too early or late in our history to see a change."""
    at = np.array(us.at_s)
    before, after = at[at <= change.earliest_s], at[at >= change.latest_s]
    if len(before) < SPANS[1][0] or len(after) < SPANS[0][1] + LAG_DAYS:
        return None
    reach = LAG_DAYS * _DAY_S
    if change.earliest_s - before[-1] > reach or after[0] - change.latest_s > reach:
        return None
    blur = max((c.latest_s - c.earliest_s - np.diff(at).min() for c in us.changes), default=0)
    return float(after[0] - before[-1] + blur) / _DAY_S


def _unusual(others: Mapping[str, Watched], change: Change, changed: int) -> bool:
    """Whether so many vendors changed with it, two or more, that their own rates hardly explain it."""
    if changed < 2:
        return False
    expected = 0.0
    for vendor in {w.vendor for w in others.values()}:
        watched = [w for w in others.values() if w.vendor == vendor]
        days = max(sum(w.at_s[-1] - w.at_s[0] for w in watched) / _DAY_S, 1.0)
        own = sum(not _same(c, change) for w in watched for c in w.changes)
        expected += own / days * len(watched) * ((change.latest_s - change.earliest_s) / _DAY_S + 1)
    return bool(pdtrc(changed - 1, expected) < UNUSUAL) if expected > 0 else True


def strength(apart: Floats, k: int) -> float:
    """How much further before and after session k are apart than within themselves, where a span finds it beyond the
    noise, else 0."""
    best, longest = 0.0, max(0, k - SPANS[0][0])
    for before, after in SPANS:
        first, last = max(0, k - before), k + after
        if k <= after or last > len(apart) or comb(last - first, after) * _ALPHA < 1:
            continue
        if _novel(apart[longest:last, longest:last], after) < SMALLEST:
            continue
        window = apart[first:last, first:last]
        ways, some = _ways(last - first, after)
        ours = _beyond(window, ways[-1:])[0]
        if ours < SMALLEST or (_beyond(window, some) >= ours - 1e-12).sum() > 2:
            continue
        if (_beyond(window, ways) >= ours - 1e-12).mean() <= _ALPHA:
            best = max(best, float(ours))
    return best


def _novel(window: Floats, after: int) -> float:
    """How much further the last `after` sessions are from the nearest before than those before from each other's."""
    before = window[:-after, :-after] + np.eye(len(window) - after) * 2
    return float(window[-after:, :-after].min(axis=1).mean() - before.min(axis=1).mean())


def _beyond(window: Floats, ways: NDArray[np.intp]) -> Floats:
    """Mean distance between the chosen sessions and the rest, less the mean of those within; shape (ways,)."""
    n, a = len(window), ways.shape[1]
    b = n - a
    chosen = np.zeros(len(ways))
    for i, j in combinations(range(a), 2):
        chosen += window[ways[:, i], ways[:, j]]
    across = window.sum(axis=0)[ways].sum(axis=1) - 2 * chosen
    rest = window.sum() / 2 - chosen - across
    within = (chosen / (a * (a - 1) / 2) + rest / (b * (b - 1) / 2)) / 2
    return np.asarray(across / (a * b) - within)


@cache
def _ways(n: int, a: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All ways to choose `a` of n sessions, the last `a` at the end; and about 60 of them, evenly, without that one."""
    ways = np.array(list(combinations(range(n), a)), np.intp)
    return ways, ways[: -1 : max(1, len(ways) // 60)]


def _grouped(places: Sequence[int]) -> Iterator[list[int]]:
    """Hits less than a span apart are of one change."""
    group: list[int] = []
    for k in places:
        if group and k - group[-1] >= SPANS[0][1]:
            yield group
            group = []
        group.append(k)
    if group:
        yield group


def _change(every: Sequence[Session], group: Sequence[int], hits: Mapping[int, float]) -> Change:
    best = max(group, key=lambda k: (hits[k], -k))
    near = [k for k in group if hits[k] >= 0.95 * hits[best]]
    return Change(
        at_s=every[best].at_s,
        earliest_s=every[near[0] - 1].at_s,
        latest_s=every[near[-1]].at_s,
        strength=hits[best],
        witness=_example(every[max(0, best - SPANS[0][1]) : best], every[best : best + SPANS[0][1]]),
    )


def _example(before: Sequence[Session], after: Sequence[Session]) -> str:
    """The item that most of the sessions after answer in a way that none before did."""
    best, text = -1, ""
    for item in sorted({i for s in before for i in s.texts} & {i for s in after for i in s.texts}):
        old = [s.texts[item] for s in before if item in s.texts]
        new = [s.texts[item] for s in after if item in s.texts]
        fresh = [t for t in new if t not in old]
        if fresh and len(fresh) > best:
            best, text = len(fresh), f"{item}: “{quote(old[-1], _SHORT)}” before, “{quote(fresh[0], _SHORT)}” after"
    return text


def _unlike(texts: Sequence[str]) -> Floats:
    """Half for being different texts, half for n-grams of characters not shared (1 - cosine); shape (n, n)."""
    rows = counts(texts, chars)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    alike = (rows @ rows.T).toarray() / np.maximum(np.outer(length, length), 1e-12)
    return np.asarray(0.5 * (1 - np.eye(len(texts))) + 0.5 * (1 - np.clip(alike, 0, 1)))
