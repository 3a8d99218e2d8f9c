"""Observations -> what the comparisons take: answers by speaker and question, features by place, times in order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wrapdetect.evidence.compare.behaviour.likeness import Speaker
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import AskKey, Endpoint, Observation, Run, Value

TurnKey = tuple[AskKey, int]


class SignOfLife(NamedTuple):
    """One exchange as a sign of life: when (seconds since the run's first), and whether the endpoint was down."""

    t_s: float
    down: bool
    spoke: bool  # an HTTP status came: the network between was up
    witness: str
    question: str = ""  # the question, where this endpoint never answered it in the run: the fault may be its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """All that comparisons see of a run. Items are named probe/item."""

    run: Run
    seeds: Seeds
    claim_free: Mapping[Speaker, Mapping[str, tuple[str, ...]]]
    values: Mapping[str, Mapping[str, Mapping[TurnKey, Value]]]  # feature -> endpoint -> place -> value
    claims: Mapping[str, Sequence[Observation]]  # endpoint -> claims, denies, human, said
    beats: Mapping[str, Sequence[SignOfLife]]
    questions: Mapping[str, str]

    @property
    def target(self) -> str:
        return self.run.target.name

    @property
    def references(self) -> tuple[Endpoint, ...]:
        return self.run.references


_DOWN = frozenset({"connect", "timeout", "server", "garbled", "cut_off"})
IDENTITY_FEATURES = frozenset({"claims", "denies", "human", "refusal", "said"})


def collect(run: Run, observations: Sequence[Observation], seeds: Seeds) -> Samples:
    """Sort observations by what the comparisons ask for."""
    free: dict[Speaker, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    values: dict[str, dict[str, dict[TurnKey, Value]]] = defaultdict(lambda: defaultdict(dict))
    claims: dict[str, list[Observation]] = defaultdict(list)
    for o in observations:
        if o.feature == "claim_free":
            free[o.endpoint, o.ask.variant][f"{o.ask.probe}/{o.ask.item}"].append(str(o.value))
        elif o.feature in IDENTITY_FEATURES:
            claims[o.endpoint].append(o)
        else:
            values[o.feature][o.endpoint][o.ask, o.turn] = o.value
    return Samples(
        run=run,
        seeds=seeds,
        claim_free={s: {i: tuple(t) for i, t in by_item.items()} for s, by_item in free.items()},
        values=values,
        claims=claims,
        beats=_beats(run, observations),
        questions={f"{p.id}/{i.id}": i.turns[-1] for p in run.packs for i in p.items},
    )


def _beats(run: Run, observations: Sequence[Observation]) -> dict[str, list[SignOfLife]]:
    outcomes = {o.exchange: str(o.value) for o in observations if o.feature == "outcome"}
    apologies = {o.exchange for o in observations if o.feature == "apology"}
    empty = {o.exchange for o in observations if o.feature == "empty"}
    lagged = {o.exchange for o in observations if o.feature == "lagged"}
    if not run.exchanges:
        return {}
    zero = min(e.started for e in run.exchanges)
    answered = {(e.endpoint, e.ask.probe, e.ask.item) for e in run.exchanges if outcomes.get(e.id) == "ok"}
    beats: dict[str, list[SignOfLife]] = defaultdict(list)
    for e in sorted(run.exchanges, key=lambda e: (e.started, e.id)):
        outcome = outcomes.get(e.id, "ok")
        if outcome in ("limited", "refused"):  # our own account or request, not the endpoint's life
            continue
        if "times" in e.missing or e.id in lagged:  # when it was said is not known; or whether it failed at all
            continue
        beats[e.endpoint].append(
            SignOfLife(
                t_s=(e.started - zero).total_seconds(),
                down=(outcome in _DOWN and e.id not in empty) or e.id in apologies,
                spoke=e.status is not None,
                question="" if (e.endpoint, e.ask.probe, e.ask.item) in answered else f"{e.ask.probe}/{e.ask.item}",
                witness=f"{e.started:%Y-%m-%d %H:%M:%S} UTC {outcome if outcome != 'ok' else 'answered'}",
            )
        )
    return beats
