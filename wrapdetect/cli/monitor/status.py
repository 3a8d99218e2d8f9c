"""wrapdetect monitor status: a table of now, the day's budget, the feeds, and the evidence so far. Sends nothing."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from wrapdetect.cli.monitor.rounds import Monitor, cost_line, opened_monitor
from wrapdetect.cli.terminal import width
from wrapdetect.evidence.compare.dependence.episodes import stamp
from wrapdetect.evidence.compare.dependence.together import outages_of_each
from wrapdetect.model.history import UNKNOWN, Beat, Dependence, Outcome
from wrapdetect.monitor.outside import FeedState, Spend
from wrapdetect.monitor.spec import daily_cost
from wrapdetect.monitor.standing import DISK, SITES, disk_of, states_of
from wrapdetect.monitor.upkeep import AWAY
from wrapdetect.report import dependence_console, monitor_console, monitor_json_v1
from wrapdetect.report.monitor_console import FeedLine, ServiceLine
from wrapdetect.report.monitor_json_v1 import moment as iso
from wrapdetect.report.monitor_json_v1 import number
from wrapdetect.store.shipped import load_seeds
from wrapdetect.ways import clock

LATEST = 12
LATELY_S = 7 * 86_400
OLD_ROUNDS = 3
"""A last heartbeat that is older says nothing of now."""


def status(path: Path, *, as_json: bool = False) -> int:
    """Everything on standard output; exit code 0."""
    with opened_monitor(path, claimed=False) as monitor:
        old_s = clock.now().timestamp() - OLD_ROUNDS * monitor.config.rhythm.cadence_s
        lines, states = _services(monitor, old_s), monitor.ledger.feed_states()
        trouble, silent_s = _trouble(monitor), _silent_since(monitor, old_s)
        spent = monitor.ledger.spent(clock.now().date())
        history, size = monitor.history(), monitor.ledger.bytes_on_disk()
    targets = [t.name for t in monitor.config.targets]
    every = list(outages_of_each(history, targets, load_seeds()))
    if as_json:
        body = {
            "status": monitor_json_v1.VERSION,
            "at": iso(clock.now().timestamp()),
            "vantage": monitor.config.vantage,
            "services": [_service_fields(line) for line in lines],
            "feeds": [_feed_fields(f) for f in states],
            "budget": _budget_fields(monitor, spent),
            "store": {"name": monitor.ledger.name, "bytes": size},
            "trouble": [{"what": t.what, "since": iso(t.since_s), "text": t.text} for t in trouble],
            "silent_since": iso(silent_s),
            "evidence": [_evidence_fields(d) for outages in every for d in outages.found],
        }
        sys.stdout.write(monitor_json_v1.dump(body))
        return 0
    budget = [
        cost_line(monitor.config, monitor.items),
        f"reserved today (UTC): {spent.requests:,} requests, {spent.tokens:,} tokens",
        f"store: {monitor.ledger.name}, {size / 1e6:.1f} MB",
        *(f"{t.what} since {stamp(t.since_s)}: {t.text}" for t in trouble),
        *([_silence(silent_s)] if silent_s is not None else []),
    ]
    colour = sys.stdout.isatty()
    feeds = [FeedLine(f.feed, f.ok, stamp(f.at_s), stamp(f.since_s), f.detail) for f in states]
    sys.stdout.write(monitor_console.render(lines, feeds, budget, width=width(), colour=colour))
    for outages in every:
        sys.stdout.write(dependence_console.render(outages.found, width=width(), colour=colour, incidents=False))
    return 0


class Trouble(NamedTuple):
    """Something of our own: what is wrong now, what was told and is not over, and when the store was away of late."""

    what: str
    since_s: int
    text: str


def _trouble(monitor: Monitor) -> list[Trouble]:
    now_s, last_s = int(clock.now().timestamp()), monitor.ledger.last_round()
    sites = states_of(monitor.config, monitor.ledger, last_s)[1] if last_s is not None else None
    seen = [s for s in (sites, disk_of(monitor.ledger, now_s)) if s is not None]
    found = [Trouble(s.subject, s.since_s, s.text) for s in seen if s.since_s is not None]
    found += [
        Trouble(subject, since_s, "a fault of our own, told and not over")
        for key, since_s in monitor.ledger.standing().items()
        if (subject := key.removeprefix("own/")) != key and subject not in (SITES, DISK)
    ]
    lately_s = now_s - LATELY_S
    return found + [Trouble("the store", e.at_s, e.text) for e in monitor.ledger.events(lately_s) if e.key == AWAY]


def _silent_since(monitor: Monitor, old_s: float) -> int | None:
    """The last round, where it is older than `old_s`: whoever asked has stopped."""
    last_s = max((b[-1].round_s for b in monitor.ledger.latest(1).values() if b), default=None)
    return last_s if last_s is not None and last_s < old_s else None


def _silence(last_s: int) -> str:
    return (
        f"the last round is of {stamp(last_s)}: nobody asks any more; start wrapdetect monitor run, or once by a timer"
    )


def _service_fields(line: ServiceLine) -> dict[str, object]:
    return {
        "name": line.name,
        "kind": line.kind,
        "state": line.state,
        "last_round": iso(line.round_s),
        "up": line.up,
        "of": line.n,
        "latency_ms": line.latency_ms or None,
        "said": line.said,
    }


def _feed_fields(state: FeedState) -> dict[str, object]:
    return {
        "name": state.feed,
        "ok": state.ok,
        "read": iso(state.at_s),
        "since": iso(state.since_s),
        "detail": state.detail,
    }


def _budget_fields(monitor: Monitor, spent: Spend) -> dict[str, object]:
    cost, limits = daily_cost(monitor.config, monitor.items), monitor.config.limits
    return {
        "requests": {"takes": cost.requests, "allowed": limits.requests_per_day, "reserved_today": spent.requests},
        "tokens": {"takes": cost.tokens, "allowed": limits.tokens_per_day, "reserved_today": spent.tokens},
    }


def _evidence_fields(found: Dependence) -> dict[str, object]:
    return {
        "target": found.target,
        "upstream": found.upstream,
        "named": found.named,
        "hits": found.hits,
        "incidents": found.n,
        "llr_nats": number(found.llr),
        "p": number(found.p_corrected),
        "e": number(found.e),
        "more": found.more,
    }


def _services(monitor: Monitor, old_s: float) -> list[ServiceLine]:
    """What is known of each service; a heartbeat before `old_s`, or from a clock that was ahead, is not of now."""
    ahead_s = clock.now().timestamp() + monitor.config.rhythm.cadence_s
    latest: Mapping[str, list[Beat]] = monitor.ledger.latest(LATEST)
    found = []
    for service in monitor.config.services():
        beats = latest.get(service.name, [])
        last = beats[-1] if beats else None
        found.append(
            ServiceLine(
                name=service.name,
                kind=service.kind,
                state=_state(last if last and old_s <= last.round_s <= ahead_s else None, asked=bool(service.url)),
                when=stamp(last.round_s) if last else "",
                round_s=last.round_s if last else None,
                up=sum(b.outcome is Outcome.UP for b in beats),
                n=len(beats),
                latency_ms=last.latency_ms if last else 0,
                said=last.said if last else "",
            )
        )
    return found


def _state(last: Beat | None, *, asked: bool) -> str:
    if last is None:
        return "unknown" if asked else "feed only"
    if last.outcome is Outcome.UP:
        return "up"
    return "unknown" if last.outcome in UNKNOWN else "down"
