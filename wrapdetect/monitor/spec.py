"""What a monitor watches, how often, within which limits, and whom it tells; and the most that a day of it costs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from hashlib import sha256

from wrapdetect.model import Item
from wrapdetect.model.history import DAY_S, Service
from wrapdetect.monitor.feeds import EVERYTHING, FeedFormat, Scope
from wrapdetect.monitor.schedule import Budget, Rhythm, cost_of, make_round

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}


def duration_s(text: object) -> int:
    """Seconds of "30s", "5m", "2h" or "1d". Raises ValueError, without the text.

    >>> duration_s("5m"), duration_s("400d")
    (300, 34560000)
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text) if isinstance(text, str) else None
    if not match:
        raise ValueError('expected a whole number with its unit, such as "30s", "5m", "2h" or "1d"')
    return int(match[1]) * _UNIT_S[match[2]]


def said_s(seconds: int) -> str:
    """The shortest spelling that `duration_s` reads.

    >>> said_s(300), said_s(86_400), said_s(90)
    ('5m', '1d', '90s')
    """
    unit = next((u for u, s in reversed(_UNIT_S.items()) if seconds and seconds % s == 0), "s")
    return f"{seconds // _UNIT_S[unit]}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """A status page that tells of one service; `name` is unique over all feeds. `scope` says which of its incidents
    count, `zone` is that of its times without one."""

    name: str
    service: str
    url: str
    format: FeedFormat
    every_s: int
    scope: Scope = EVERYTHING
    zone: tzinfo | None = None

    @property
    def reading(self) -> str:
        """Names how its pages are read: another where the format, the scope or the zone is another."""
        return sha256(repr((self.format, self.scope, str(self.zone))).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSpec:
    """`urls_env` name environment variables; `evidence_at` is a likelihood ratio."""

    urls_env: tuple[str, ...]
    evidence_at: float
    quiet_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorConfig:
    """A monitor as its user wants it. `warnings` say what it will not be able to tell; `vantage` is whence it looks."""

    store: str
    rhythm: Rhythm
    limits: Budget
    targets: tuple[Service, ...]
    candidates: tuple[Service, ...]
    panel: tuple[Service, ...]
    sites: tuple[Service, ...]
    feeds: tuple[FeedSpec, ...]
    alerts: AlertSpec
    pack_after_s: int
    keep_s: int
    metrics_port: int | None
    metrics_host: str
    warnings: tuple[str, ...]
    vantage: str = ""

    def services(self) -> tuple[Service, ...]:
        """All that is watched."""
        return (*self.targets, *self.candidates, *self.panel, *self.sites)

    def asked(self) -> tuple[Service, ...]:
        """All that is sent heartbeats; of the others a feed tells."""
        return tuple(s for s in self.services() if s.endpoint is not None or s.kind == "site")


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyCost:
    """The most that a UTC day takes. `requests` are `beats` and `fingerprints` (questions) together; pages of status
    feeds (`feeds`) are beside the budget. `tokens` are estimates: question and full answer."""

    requests: int
    tokens: int
    beats: int
    fingerprints: int
    feeds: int


def daily_cost(config: MonitorConfig, items: Sequence[Item]) -> DailyCost:
    """Pure arithmetic. `items` are the questions of the fingerprint."""
    services = config.asked()
    rounds = -(-DAY_S // config.rhythm.cadence_s)
    # At most one in each round, whatever fingerprint_every says.
    prints = min(-(-DAY_S // config.rhythm.fingerprint_every_s), rounds)
    plain, full = (
        cost_of(make_round(services, 0, rhythm=config.rhythm, seed=0, prints=asked), items) for asked in (False, True)
    )
    return DailyCost(
        requests=(rounds - prints) * plain.requests + prints * full.requests,
        tokens=(rounds - prints) * plain.tokens + prints * full.tokens,
        beats=rounds * plain.requests,
        fingerprints=prints * (full.requests - plain.requests),
        feeds=sum(-(-DAY_S // feed.every_s) for feed in config.feeds),
    )
