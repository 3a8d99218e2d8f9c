"""What is known of services over time: heartbeats, published incidents, fingerprints of versions; and the timelines
that are made of them. Facts first: whether a failure was an outage, or our own fault, is read later
(evidence/compare/dependence/episodes).

All times are UTC, in seconds since 1970. A heartbeat belongs to a round, named by the second it was due.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from wrapdetect.model.endpoint import Endpoint

DAY_S = 86_400
ServiceKind = Literal["target", "candidate", "panel", "site"]
Condition = Literal["down", "degraded"]


class Outcome(IntEnum):
    """How a heartbeat ended; all but UP as in model.FailureKind. Numbers are permanent: stores hold them."""

    UP = 0
    CONNECT = 1
    TIMEOUT = 2
    REFUSED = 3  # our account, address or prober; never an outage
    LIMITED = 4  # 429: too busy, or too many of us
    SERVER = 5
    GARBLED = 6
    CUT_OFF = 7


DOWN = (Outcome.CONNECT, Outcome.TIMEOUT, Outcome.SERVER, Outcome.GARBLED, Outcome.CUT_OFF)
UNKNOWN = (Outcome.REFUSED, Outcome.LIMITED)
"""These speak of our account, not of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something watched. `candidate`: an upstream asked about; `panel`: another provider; `site`: a plain page, by
    which our own faults and those of clouds are seen. Services of one `vendor` ("" is its own) fall together: they
    are no panel for one another. A site has no endpoint, and is fetched by GET."""

    name: str
    kind: ServiceKind
    url: str
    vendor: str = ""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heartbeat. `offset_ms`: from the round's due time to the sending; `latency_ms`: to the first piece of the
    answer, 0 where none came; `said`: what a failure said, "" for UP."""

    service: str
    round_s: int
    offset_ms: int
    outcome: Outcome
    latency_ms: int
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """Heartbeats of one service in columns of one length, by `round_s`, which rises strictly: `round_s` (array "q"),
    `offset_ms` and `latency_ms` (array "i"), `outcome` (a byte each). `said` is by round, failures only. `vantage`
    names whence they were seen; "" is the vantage of whoever holds the history."""

    service: str
    round_s: "array[int]"
    offset_ms: "array[int]"
    outcome: bytes
    latency_ms: "array[int]"
    said: Mapping[int, str] = field(default_factory=dict)
    vantage: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.round_s), len(self.offset_ms), len(self.outcome), len(self.latency_ms)}
        if len(lengths) != 1:
            raise ValueError(f"columns of {self.service} differ in length: {sorted(lengths)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A published incident. The true onset lies between `began_s` - `early_s` and `began_s` + `late_s` (posted late,
    backdated); `ended_s` is None where no end was published. `severity` 0 notice, 1 minor, 2 major, 3 critical."""

    service: str
    feed: str
    id: str
    title: str
    began_s: int
    early_s: int
    late_s: int
    ended_s: int | None
    severity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """The answer to one fixed short question at temperature 0: part of a version's print; `vantage` as in Beats."""

    service: str
    at_s: int
    item: str
    text: str
    vantage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Seconds in which a feed says what happened to a service: absence of incidents is known there, and only there."""

    service: str
    feed: str
    since_s: int
    until_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that a monitor knows. `cadence_s` is the time between rounds; a round without a beat is unknown, not up."""

    cadence_s: int
    services: tuple[Service, ...]
    beats: tuple[Beats, ...] = ()
    incidents: tuple[Incident, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    prints: tuple[Print, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A stretch of being down or degraded. Its onset lies in [`onset_low_s`, `onset_high_s`], its end in [`end_low_s`,
    `end_high_s`], both None where it lasts still or no end is known. `feed` is who published it, "" where heartbeats
    saw it."""

    condition: Condition
    onset_low_s: float
    onset_high_s: float
    end_low_s: float | None
    end_high_s: float | None
    witness: str
    feed: str = ""

    @property
    def onset_s(self) -> float:
        """The middle of what is known of the onset."""
        return (self.onset_low_s + self.onset_high_s) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Episodes of one service in order, and the spans [since, until) in which it was watched."""

    service: str
    vendor: str
    episodes: tuple[Episode, ...]
    watched: tuple[tuple[float, float], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One incident of an upstream that says something of a target: whether the target fell with it, how long after, the
    `chance` of that if they are independent, and what it says by itself, in `nats` (of which `detail` is how well
    onsets and ends agree). `claims` candidates, this one too, fell within the window and share it."""

    onset_s: float
    condition: Condition
    hit: bool
    lag_s: float | None
    chance: float
    detail: float
    claims: int
    nats: float
    witness: str
    target_witness: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """What the incidents of one upstream say of one target. `s` is the share of hits with its 95 % interval,
    `base_rate` the mean chance of a hit if they are independent, `back_hits` of `n_back` are the target's own falls
    that began with the upstream's. `llr` in nats. `p` is by whole-week shifts (None with too few weeks), corrected
    over `candidates` in `p_corrected`; `e` holds at any time. Not counted: `common` (a common cause), `unknown` (not
    watched, or down already), `excused` (the target's text showed a fallback). `more`: incidents it would still take,
    None for more than 1,000."""

    target: str
    upstream: str
    incidents: tuple[Weighed, ...]
    hits: int
    s: float
    s_low: float
    s_high: float
    base_rate: float
    llr: float
    llr_low: float
    llr_high: float
    p: float | None
    p_corrected: float | None
    e: float
    e_highest: float
    candidates: int
    back_hits: int
    n_back: int
    common: int
    unknown: int
    excused: int
    more: int | None
    named: bool

    @property
    def n(self) -> int:
        return len(self.incidents)


def columns(service: str, beats: "list[Beat]") -> Beats:
    """Beats of one service as columns, in order of rounds. Raises ValueError where a round stands there twice.

    >>> columns("bot", [Beat(service="bot", round_s=300, offset_ms=5, outcome=Outcome.UP, latency_ms=80)]).outcome
    b'\\x00'
    """
    ordered = sorted(beats, key=lambda b: b.round_s)
    rounds = array("q", (b.round_s for b in ordered))
    if len(set(rounds)) != len(rounds):
        raise ValueError(f"{service}: a round stands there twice; expected each once")
    return Beats(
        service=service,
        round_s=rounds,
        offset_ms=array("i", (b.offset_ms for b in ordered)),
        outcome=bytes(b.outcome for b in ordered),
        latency_ms=array("i", (b.latency_ms for b in ordered)),
        said={b.round_s: b.said for b in ordered if b.said},
    )
