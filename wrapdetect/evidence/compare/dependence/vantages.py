"""What several vantages saw -> one record: a service was down in a round where all who could tell saw it down.

Who could tell: a vantage whose heartbeat was neither refused nor limited, in a round that was not its own fault. One
vantage that got an answer is enough for up: what fails from one place only is that place's network, and no outage of
the service. So a second vantage takes falls away, and never adds one to a round that both saw.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wrapdetect.model.history import UNKNOWN, Beats, History, Outcome
from wrapdetect.model.prose import quote

Rounds = NDArray[np.float64]
RANKS = np.array([0 if o is Outcome.UP else 2 if o in UNKNOWN else 1 for o in Outcome], dtype=np.uint8)
"""By outcome, which of several says most: up, then down, then unknown."""


def vantages_of(history: History) -> list[str]:
    """Whose heartbeats it holds, by name; "" is the holder's own."""
    return sorted({b.vantage for b in history.beats})


def one_view(history: History, own_faults: Callable[[History], Rounds]) -> History:
    """The history as one vantage would tell it. `own_faults` gives the rounds that were a vantage's own fault."""
    names = vantages_of(history)
    alone = own_view(history)
    return alone if len(names) < 2 else replace(alone, beats=_united(history, names, own_faults))


def own_view(history: History) -> History:
    """What the first vantage saw, our own where we saw anything: latencies and texts of two places do not mix."""
    first = next(iter(vantages_of(history)), "")
    if not any(b.vantage for b in history.beats) and not any(p.vantage for p in history.prints):
        return history
    return replace(
        history,
        beats=tuple(replace(b, vantage="") for b in history.beats if b.vantage == first),
        prints=tuple(replace(p, vantage="") for p in history.prints if p.vantage == first),
    )


def how(history: History) -> str:
    """A sentence for the reader of a verdict, "" where there is one vantage."""
    names = [quote(name, 80) or "our own" for name in vantages_of(history)]
    if len(names) < 2:
        return ""
    return (
        f"Seen from {len(names)} vantages ({', '.join(names)}): a round counts as down where all who could tell saw it "
        f"down; latencies and fingerprints are those of {names[0]} alone."
    )


def _united(history: History, names: Sequence[str], own_faults: Callable[[History], Rounds]) -> tuple[Beats, ...]:
    seen: dict[str, list[tuple[Beats, Rounds]]] = {}
    for name in names:
        part = replace(history, beats=tuple(b for b in history.beats if b.vantage == name))
        own = own_faults(part)
        for beats in part.beats:
            seen.setdefault(beats.service, []).append((beats, own))
    return tuple(_joined(service, some) for service, some in seen.items())


def _joined(service: str, some: Sequence[tuple[Beats, Rounds]]) -> Beats:
    """Of each round the heartbeat that says most; among equals that of the first vantage."""
    rounds = np.concatenate([np.asarray(b.round_s, dtype=np.int64) for b, _ in some])
    outcome = np.frombuffer(b"".join(b.outcome for b, _ in some), dtype=np.uint8)
    offset_ms, latency_ms = (
        np.concatenate([np.asarray(column, dtype=np.int32) for column in columns])
        for columns in ([b.offset_ms for b, _ in some], [b.latency_ms for b, _ in some])
    )
    owner = np.repeat(np.arange(len(some)), [len(b.outcome) for b, _ in some])
    ours = np.concatenate([np.isin(np.asarray(b.round_s, dtype=np.float64), own) for b, own in some])
    order = np.lexsort((RANKS[outcome], rounds))  # stable: equals stay in the order of vantages
    order = order[~ours[order]]
    best = order[np.diff(rounds[order], prepend=-1) > 0]
    whose = dict(zip(rounds[best].tolist(), owner[best].tolist(), strict=True))
    return Beats(
        service=service,
        round_s=array("q", rounds[best].tolist()),
        offset_ms=array("i", offset_ms[best].tolist()),
        outcome=outcome[best].tobytes(),
        latency_ms=array("i", latency_ms[best].tolist()),
        said={r: text for k, (b, _) in enumerate(some) for r, text in sorted(b.said.items()) if whose.get(r) == k},
    )
