"""What can be reported: a verdict with its run, a match, lists that were compared, a monitor as it stands."""

from dataclasses import dataclass

from wrapdetect.model import Match, Run, Verdict
from wrapdetect.model.history import Dependence, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """For whom lines are broken and coloured. A report knows no other date than those of its facts, so that the same
    facts give the same bytes."""

    width: int = 100
    colour: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict, the run it is on, and of a history each candidate with its incidents."""

    run: Run
    verdict: Verdict
    outages: tuple[Dependence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A match, of which the `top` nearest models are shown."""

    match: Match
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListsCompared:
    """Lists of incidents: a target's against those of candidates, and the `panel` of unrelated services."""

    target: Timeline
    panel: tuple[str, ...]
    window_min: float
    found: tuple[Dependence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNow:
    """A service: `up` of the last `n` heartbeats were answered; `said` is what the last failure said."""

    name: str
    kind: str
    state: str
    round_s: int | None
    up: int
    n: int
    latency_ms: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNow:
    """A feed: whether it was read, when last, and since when so."""

    name: str
    ok: bool
    at_s: int
    since_s: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something of our own: what is wrong now, what was told and is not over, and when the store was away of late."""

    what: str
    since_s: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBudget:
    """Of requests or tokens: what a day takes, what it may take, what of today's is reserved."""

    takes: int
    allowed: int
    reserved_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorNow:
    """A monitor at `at_s`. `plan` says in words what a day takes; `silent_since_s` is the last round where nobody asks
    any more; `evidence` holds all candidates of each target."""

    at_s: float
    vantage: str
    services: tuple[ServiceNow, ...]
    feeds: tuple[FeedNow, ...]
    plan: str
    requests: DayBudget
    tokens: DayBudget
    store: str
    store_bytes: int
    trouble: tuple[Trouble, ...]
    silent_since_s: int | None
    evidence: tuple[tuple[Dependence, ...], ...]
