"""What lasts (a service that is down, a feed that is broken, a fault of our own) is told when it begins and when it
ends, each once. What was told stands in the memory of the alerts, and is written there after it was told: a kill on the
way loses no message."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from wrapdetect.evidence.compare.dependence.episodes import own_faults, stamp
from wrapdetect.model.history import DAY_S, DOWN, UNKNOWN, Beat, History, Outcome, columns
from wrapdetect.monitor.alert import Alert, Bell, EventKind
from wrapdetect.monitor.outside import UpkeepStore
from wrapdetect.monitor.spec import MonitorConfig

_ENDS: Mapping[EventKind, EventKind] = {"down": "up", "feed": "feed_back", "own": "own_over", "store": "store_back"}
"""What lasts, and its end."""
_FEWEST_FAILURES = 2
"""In a row, before a service is told to be down: as for an outage."""
_LOOKED_AT = 4
ONE_BY_ONE = 5
"""Services that fall in one round and are told each by its own message; more share one."""
_NAMED = 20
SITES, DISK = "the plain sites", "the disk"
LEAST_FREE = 50_000_000
"""Bytes left on the store's disk below which it is told."""
MAJOR = 2
"""Published incidents less severe are no fall."""
FORGOTTEN_S = 7 * DAY_S
"""A published incident that is open for longer was forgotten to be closed, as in its episodes."""


class LastingState(NamedTuple):
    """How something stands: `since_s` where it lasts, None where it does not; `text` for the message."""

    subject: str
    since_s: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Tells of what lasts. Raises what the memory of its alerts raises; call from a thread."""

    alerts: Bell
    say: Callable[[str], None]
    now_s: Callable[[], int]

    def settle(self, kind: EventKind, states: Iterable[LastingState]) -> None:
        """Tell what has begun or ended since it was last told."""
        told = self.alerts.memory.standing()
        begun, ended = list[LastingState](), list[LastingState]()
        for state in states:
            was = told.get(_key(kind, state.subject))
            if state.since_s is not None and was is None:
                begun.append(state)
            elif state.since_s is None and was is not None:
                ended.append(LastingState(state.subject, was, state.text or self._lasted(was)))
        for some, what in ((begun, kind), (ended, _ENDS[kind])):
            groups = [[s] for s in some] if len(some) <= ONE_BY_ONE else [some]
            for group in groups:
                self._tell(kind, what, group)

    def _lasted(self, since_s: int) -> str:
        return f"It began at {stamp(since_s)} and was over by {stamp(self.now_s())}."

    def _tell(self, kind: EventKind, what: EventKind, group: Sequence[LastingState]) -> None:
        """One message for all of a group; only where it was taken does it stand as told."""
        event = _event(what, group, self.now_s())
        delivery = self.alerts.send(event)
        if delivery.trouble:
            self.say(delivery.trouble)
        if delivery.outcome in ("sent", "known"):
            for state in group:
                self.alerts.memory.stand(_key(kind, state.subject), state.since_s if what == kind else None)


def _key(kind: EventKind, subject: str) -> str:
    return f"{kind}/{subject}"


def _event(kind: EventKind, group: Sequence[LastingState], at_s: int) -> Alert:
    if len(group) == 1:
        subject, since_s, text = group[0]
        return Alert(key=f"{kind}/{subject}/{since_s}", kind=kind, subject=subject, text=text, at_s=at_s, lasts=True)
    names = [s.subject for s in group]
    mark = f"{group[0].since_s}/{crc32(' '.join(names).encode()):08x}"
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Alert(
        key=f"{kind}/many/{mark}",
        kind=kind,
        subject="many services",
        text=f"{len(names)} at once: {', '.join(names[:_NAMED])}{more}\n{group[0].text}",
        at_s=at_s,
        lasts=True,
    )


def states_of(
    config: MonitorConfig, ledger: UpkeepStore, round_s: int
) -> tuple[list[LastingState], LastingState | None]:
    """Targets and candidates as the last rounds saw them, those of which nothing can be said left out; and whether the
    fault is ours (None without plain sites). Where it is, nothing is said of anybody."""
    latest = ledger.latest(_LOOKED_AT)
    own = _own_rounds(config, ledger, latest, round_s)
    oldest_s = round_s - _LOOKED_AT * config.rhythm.cadence_s
    asked = [s.name for s in (*config.targets, *config.candidates)]
    found = [lasting_state(n, [b for b in latest.get(n, []) if b.round_s >= oldest_s], own) for n in asked]
    rounds = sorted({b.round_s for s in config.sites for b in latest.get(s.name, [])})[-_FEWEST_FAILURES:]
    published = _published(ledger, [s.name for s in config.candidates if not s.url and s.name in latest], round_s)
    return [*(s for s in found if s is not None), *published], _ours(rounds, own)


def _ours(rounds: Sequence[int], own: set[int]) -> LastingState | None:
    """By the last rounds of the plain sites."""
    if len(rounds) == _FEWEST_FAILURES and own.issuperset(rounds):
        text = "At least half of them failed in the last rounds: our own fault, and nothing is said of anybody."
        return LastingState(SITES, rounds[0], text)
    return LastingState(SITES, None, "") if rounds and rounds[-1] not in own else None


def _published(ledger: UpkeepStore, names: Sequence[str], now_s: int) -> Iterator[LastingState]:
    """Of services that are not asked, what their status pages say."""
    known = ledger.history(since_s=now_s - FORGOTTEN_S, services=names, beats=False).incidents if names else ()
    for name in names:
        of = [i for i in known if i.service == name and i.severity >= MAJOR and i.began_s >= now_s - FORGOTTEN_S]
        open_ = [i for i in of if i.ended_s is None]
        first = min(open_, key=lambda i: i.began_s, default=None)
        yield (
            LastingState(name, None, "")
            if first is None
            else LastingState(name, first.began_s, f"{first.feed}: {first.title}")
        )


def disk_of(ledger: UpkeepStore, now_s: int) -> LastingState | None:
    """Whether the store's disk is nearly full; None for a server's."""
    free = ledger.bytes_free()
    if free is None:
        return None
    if free >= LEAST_FREE:
        return LastingState(DISK, None, "")
    return LastingState(
        DISK, now_s, f"{free / 1e6:.0f} MB are left for {ledger.name}: make room, or nothing more can be kept."
    )


def lasting_state(name: str, beats: Sequence[Beat], own: set[int]) -> LastingState | None:
    """Down after two failures in a row, up after one answer; None where that is not known.

    >>> lasting_state("bot", [], set()) is None
    True
    """
    telling = [b for b in beats if b.outcome not in UNKNOWN and b.round_s not in own]
    if telling and telling[-1].outcome is Outcome.UP:
        return LastingState(name, None, "")
    if len(telling) < _FEWEST_FAILURES or any(b.outcome not in DOWN for b in telling[-_FEWEST_FAILURES:]):
        return None
    first = next((k for k in range(len(telling) - 1, 0, -1) if telling[k - 1].outcome not in DOWN), 0)
    since_s = telling[first].round_s
    return LastingState(name, since_s, f"{name} does not answer since {stamp(since_s)}: {telling[-1].said}")


def _own_rounds(config: MonitorConfig, ledger: UpkeepStore, latest: Mapping[str, list[Beat]], round_s: int) -> set[int]:
    """Rounds that were our own fault, by the rule of the verdicts: a site counts that answered within the day."""
    sites = [s.name for s in config.sites]
    day = ledger.history(since_s=round_s - DAY_S, services=[n for n in sites if n in latest])
    others = tuple(columns(n, beats) for n, beats in latest.items() if n not in sites and beats)
    ours = tuple(b for b in day.beats if not b.vantage)
    whole = History(cadence_s=config.rhythm.cadence_s, services=config.services(), beats=(*ours, *others))
    return {int(r) for r in own_faults(whole).tolist()}
