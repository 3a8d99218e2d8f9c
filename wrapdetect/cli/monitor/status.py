"""wrapdetect monitor status: a table of now, the day's budget, the feeds, and the evidence so far. Sends nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wrapdetect.cli.monitor.rounds import Monitor, cost_line, opened_monitor
from wrapdetect.cli.reporting import screen, show
from wrapdetect.evidence.compare.dependence.together import outages_of_each
from wrapdetect.model.history import UNKNOWN, Beat, Outcome
from wrapdetect.monitor.spec import daily_cost
from wrapdetect.monitor.standing import DISK, SITES, disk_of, states_of
from wrapdetect.monitor.upkeep import AWAY
from wrapdetect.report.nouns import DayBudget, FeedNow, MonitorNow, ServiceNow, Trouble
from wrapdetect.store.shipped import load_seeds
from wrapdetect.ways import clock

LATEST = 12
LATELY_S = 7 * 86_400
OLD_ROUNDS = 3
"""A last heartbeat that is older says nothing of now."""


def status(path: Path, *, report: str = "console") -> int:
    """Everything on standard output; exit code 0."""
    with opened_monitor(path, claimed=False) as monitor:
        history, now = monitor.history(), _now(monitor)
    targets = [t.name for t in monitor.config.targets]
    each = tuple(outages.found for outages in outages_of_each(history, targets, load_seeds()))
    show(report, lambda form: form.status(replace(now, evidence=each), screen()))
    return 0


def _now(monitor: Monitor) -> MonitorNow:
    """All but the evidence, for which the store need not be open."""
    now = clock.now()
    old_s = now.timestamp() - OLD_ROUNDS * monitor.config.rhythm.cadence_s
    cost, limits, spent = (
        daily_cost(monitor.config, monitor.items),
        monitor.config.limits,
        monitor.ledger.spent(now.date()),
    )
    feeds = monitor.ledger.feed_states()
    return MonitorNow(
        at_s=now.timestamp(),
        vantage=monitor.config.vantage,
        services=tuple(_services(monitor, old_s)),
        feeds=tuple(FeedNow(name=f.feed, ok=f.ok, at_s=f.at_s, since_s=f.since_s, detail=f.detail) for f in feeds),
        plan=cost_line(monitor.config, monitor.items),
        requests=DayBudget(takes=cost.requests, allowed=limits.requests_per_day, reserved_today=spent.requests),
        tokens=DayBudget(takes=cost.tokens, allowed=limits.tokens_per_day, reserved_today=spent.tokens),
        store=monitor.ledger.name,
        store_bytes=monitor.ledger.bytes_on_disk(),
        trouble=tuple(_trouble(monitor)),
        silent_since_s=_silent_since(monitor, old_s),
        evidence=(),
    )


def _trouble(monitor: Monitor) -> list[Trouble]:
    now_s, last_s = int(clock.now().timestamp()), monitor.ledger.last_round()
    sites = states_of(monitor.config, monitor.ledger, last_s)[1] if last_s is not None else None
    seen = [s for s in (sites, disk_of(monitor.ledger, now_s)) if s is not None]
    found = [Trouble(what=s.subject, since_s=s.since_s, text=s.text) for s in seen if s.since_s is not None]
    found += [
        Trouble(what=subject, since_s=since_s, text="a fault of our own, told and not over")
        for key, since_s in monitor.ledger.standing().items()
        if (subject := key.removeprefix("own/")) != key and subject not in (SITES, DISK)
    ]
    lately_s = now_s - LATELY_S
    return found + [
        Trouble(what="the store", since_s=e.at_s, text=e.text) for e in monitor.ledger.events(lately_s) if e.key == AWAY
    ]


def _silent_since(monitor: Monitor, old_s: float) -> int | None:
    """The last round, where it is older than `old_s`: whoever asked has stopped."""
    last_s = max((b[-1].round_s for b in monitor.ledger.latest(1).values() if b), default=None)
    return last_s if last_s is not None and last_s < old_s else None


def _services(monitor: Monitor, old_s: float) -> list[ServiceNow]:
    """What is known of each service; a heartbeat before `old_s`, or from a clock that was ahead, is not of now."""
    ahead_s = clock.now().timestamp() + monitor.config.rhythm.cadence_s
    latest: Mapping[str, list[Beat]] = monitor.ledger.latest(LATEST)
    found = []
    for service in monitor.config.services():
        beats = latest.get(service.name, [])
        last = beats[-1] if beats else None
        found.append(
            ServiceNow(
                name=service.name,
                kind=service.kind,
                state=_state(last if last and old_s <= last.round_s <= ahead_s else None, asked=bool(service.url)),
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
