"""What is said of facts: an observation, a finding, a control; a verdict, a match."""

from dataclasses import dataclass
from typing import Literal

from wrapdetect.model.run import AskKey

Axis = Literal["behaviour", "dependence"]
State = Literal["wrapper", "likely_wrapper", "same_model", "unlike", "insufficient"]
Value = str | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What happened in one exchange, never what it means."""

    exchange: str
    endpoint: str
    ask: AskKey
    turn: int
    feature: str
    value: Value
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One comparison of the target with one upstream.

    `effect` with its interval [`low`, `high`] is in `unit`; `llr` (nats, positive towards passing through)
    lies within its rule's bound, `llr_low` and `llr_high` are its value at the ends of the interval.
    `n_target` and `n_upstream` count independent units (questions, incidents), never draws.
    """

    rule: str
    axis: Axis
    target: str
    upstream: str
    effect: float
    low: float
    high: float
    unit: str
    llr: float
    llr_low: float
    llr_high: float
    n_target: int
    n_upstream: int
    evidence: str
    witness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A check of the instrument on this very run. `passed` is None where the run did not allow it."""

    id: str
    passed: bool | None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How one endpoint fared: asks of the plan, answers, failures by kind."""

    endpoint: str
    planned: int
    answered: int
    failures: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said aloud. `probability` is of passing through any of the references asked."""

    run: str
    target: str
    state: State
    upstream: str | None
    probability: float
    low: float
    high: float
    behaviour: float
    dependence: float
    ruleset: str
    calibrator: str
    views: tuple[str, ...]
    findings: tuple[Finding, ...]
    controls: tuple[Control, ...]
    tallies: tuple[Tally, ...]
    limits: tuple[str, ...]
    needs: tuple[str, ...]
    bugs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """One model of a library beside a target: its score (standard deviations per question, averaged), the questions
    that both answered, and the probability that the target is this very model, behind whatever prompt."""

    model: str
    family: tuple[str, ...]
    score: float
    n: int
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoModels:
    """Whether the answers come from two families: the second's share with its 95 % interval, and p of one alone.

    `change` is the question from which on the second speaks, where it is a swap and no routing.
    """

    first: str
    second: str
    share: float
    low: float
    high: float
    p: float
    change: int | None
    p_change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whose answers are these, among the models of a library; what is said aloud of behaviour alone.

    `probability` with its range is of passing through the nearest model or a member of its family; `family_probability`
    is that the target is of the nearest family at all, and `member_probability` that it is the nearest model itself.
    `standard` counts standard deviations above what strangers reach by chance in this library (`strangers` of them).
    """

    answers: str
    library: str
    digest: str
    age_days: int | None
    state: State
    nearest: str | None
    family: tuple[str, ...]
    probability: float
    low: float
    high: float
    family_probability: float
    family_low: float
    family_high: float
    member_probability: float
    standard: float
    strangers: int
    n_questions: int
    exact: int
    witness: str
    ranked: tuple[Near, ...]
    two: TwoModels | None
    calibrator: str
    limits: tuple[str, ...]
    needs: tuple[str, ...]
    notes: tuple[str, ...]
