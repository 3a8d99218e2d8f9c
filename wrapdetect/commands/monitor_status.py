"""wrapdetect monitor status: a table of now, the day's budget, the feeds, and the evidence so far. Sends nothing."""

import sys
from collections.abc import Mapping
from pathlib import Path

from wrapdetect.commands.monitor import Monitor, cost_line, opened
from wrapdetect.commands.terminal import width
from wrapdetect.compare.episodes import stamp
from wrapdetect.compare.together import outages_of_each
from wrapdetect.edge import clock
from wrapdetect.edge.shipped import load_seeds
from wrapdetect.history import UNKNOWN, Beat, Outcome
from wrapdetect.report import dependence_console, monitor_console
from wrapdetect.report.monitor_console import FeedLine, ServiceLine

LATEST = 12
OLD_ROUNDS = 3
"""A last heartbeat that is older says nothing of now."""


def status(path: Path) -> int:
    """Everything on standard output; exit code 0."""
    with opened(path, claimed=False) as monitor:
        old_s = clock.now().timestamp() - OLD_ROUNDS * monitor.config.rhythm.cadence_s
        lines = _services(monitor, old_s)
        feeds = [
            FeedLine(f.feed, f.ok, stamp(f.at_s), stamp(f.since_s), f.detail) for f in monitor.ledger.feed_states()
        ]
        history = monitor.history()
        spent = monitor.ledger.spent(clock.now().date())
        budget = [
            cost_line(monitor.config, monitor.items),
            f"reserved today (UTC): {spent.requests:,} requests, {spent.tokens:,} tokens",
            f"store: {monitor.ledger.name}, {monitor.ledger.bytes_on_disk() / 1e6:.1f} MB",
            *_silence(monitor, old_s),
        ]
    colour = sys.stdout.isatty()
    sys.stdout.write(monitor_console.render(lines, feeds, budget, width=width(), colour=colour))
    for outages in outages_of_each(history, [t.name for t in monitor.config.targets], load_seeds()):
        sys.stdout.write(dependence_console.render(outages.found, width=width(), colour=colour, incidents=False))
    return 0


def _silence(monitor: Monitor, old_s: float) -> list[str]:
    """A line where the last round is older than `old_s`: whoever asked has stopped."""
    last_s = max((b[-1].round_s for b in monitor.ledger.latest(1).values() if b), default=None)
    if last_s is None or last_s >= old_s:
        return []
    return [
        f"the last round is of {stamp(last_s)}: nobody asks any more; start wrapdetect monitor run, or once by a timer"
    ]


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
