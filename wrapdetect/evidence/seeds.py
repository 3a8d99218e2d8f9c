"""TOML text of seeds/ -> what the analysis starts from: vendors, rules, priors, likeness, neutral prompts."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from wrapdetect.errors import SeedError
from wrapdetect.model import Axis, State, Weights
from wrapdetect.targets.toml_lines import Misfit, TomlText


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from error
    return pattern


class ModelPattern(_Strict):
    """A pattern of API model names, and whether their weights can be had."""

    pattern: Annotated[str, AfterValidator(_regex)]
    weights: Weights


class Vendor(_Strict):
    """A maker of models; an answer may call it or its models `names` (in any case) or `cased` (as written)."""

    id: str
    names: list[str]
    cased: list[str] = []
    models: list[ModelPattern]


class Vendors(_Strict):
    """seeds/models.toml."""

    vendor: list[Vendor]

    def of_model(self, model: str) -> tuple[Vendor | None, Weights]:
        """The vendor and weights of an API model name; (None, "unknown") where no pattern fits."""
        for vendor in self.vendor:
            for entry in vendor.models:
                if re.search(entry.pattern, model.lower()):
                    return vendor, entry.weights
        return None, "unknown"


class Variant(_Strict):
    """A neutral system prompt."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    text: str


class Variants(_Strict):
    """seeds/variants.toml."""

    variant: list[Variant]


Share = Annotated[float, Field(gt=0, lt=1)]


def _check_sum(shares: float) -> None:
    if abs(shares - 1) > 1e-9:
        raise ValueError("the three shares do not sum to 1")


class Prior(_Strict):
    """Probabilities before any evidence, for one upstream; they sum to 1."""

    wrapper: Share
    same_model: Share
    neither: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_sum(self.wrapper + self.same_model + self.neither)
        return self


class RuleEntry(_Strict):
    """What a ruleset says of a rule: its axis, the group it is averaged in, and how much it may say (nats). Where it
    says more than `incidents_above`, its n_target counts incidents that were shared."""

    id: str
    axis: Axis
    group: str
    bound: Annotated[float, Field(gt=0)]
    incidents_above: float | None = None


class Group(_Strict):
    """How much rules of one group repeat one another: the correlation of what they find where there is nothing."""

    correlation: Annotated[float, Field(ge=0, le=1)] = 1.0


class StateRule(_Strict):
    """Conditions for a state, all of which must hold; an absent one always does."""

    id: State
    min_p: float = 0.0
    min_p_same: float = 0.0
    max_p_same: float = 1.0
    min_behaviour: float = -99.0
    max_behaviour: float = 99.0
    min_dependence: float = -99.0
    min_incidents: int = 0
    min_references: int = 1
    min_controls: int = 0


class Ruleset(_Strict):
    """seeds/rules.toml: the rules by which findings become a verdict."""

    id: str
    prior: dict[Weights, Prior]
    rule: list[RuleEntry]
    group: dict[str, Group] = {}
    state: list[StateRule]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        if len({r.id for r in self.rule}) < len(self.rule):
            raise ValueError("two rules share an id")
        return self

    def rule_of(self, rule_id: str) -> RuleEntry:
        """Raises KeyError for an id that the ruleset does not hold."""
        return next((r for r in self.rule if r.id == rule_id), None) or _unknown(rule_id)

    def completed(self, rules: Iterable[RuleEntry]) -> "Ruleset":
        """With those of `rules` that it does not name, as they are; what it names stays as it says."""
        named = {r.id for r in self.rule}
        return self.model_copy(update={"rule": [*self.rule, *(r for r in rules if r.id not in named)]})


class KnownLikeness(_Strict):
    """What is known beforehand of one view: leads as a share of the similarity between different models.

    `null_mean`, `null_sd`: the largest lead that a model unrelated to all candidates has; `null_weight`: how many
    measured leads that knowledge is worth. `self_low`, `self_high`: the lead of a model over others when it is compared
    with itself, behind a system prompt, another host or another draw.
    """

    null_mean: float
    null_sd: Annotated[float, Field(gt=0)]
    null_weight: Annotated[float, Field(gt=0)]
    self_low: float
    self_high: float


class Likenesses(_Strict):
    """seeds/likeness.toml."""

    view: dict[Literal["words", "chars", "embedding"], KnownLikeness]


class Line(_Strict):
    """A straight line in nats: offset + slope * x."""

    offset: float
    slope: float

    def at(self, x: float) -> float:
        return self.offset + self.slope * x


class MatchCalibrator(_Strict):
    """ln likelihood ratios against a stranger, of how far the nearest is beyond chance (standard deviations).

    `same`: the target is that family's model itself, behind whatever prompt; `sibling`: another of the family. `bound`
    holds both; `member_bound` holds their difference. `within` is the weight, per score and square root of questions,
    of one member of a family over another. Fitted by `python -m bench.match.fit`, which writes all of match.toml.
    """

    same: Line
    sibling: Line
    bound: Annotated[float, Field(gt=0)]
    member_bound: Annotated[float, Field(gt=0)]
    within: Annotated[float, Field(gt=0)]


class Beta(_Strict):
    """A beta distribution of a share."""

    a: Annotated[float, Field(gt=0)]
    b: Annotated[float, Field(gt=0)]


class Exact(_Strict):
    """Shares of questions answered with the very same long text, by the same model and by siblings."""

    same: Beta
    sibling: Beta
    bound: Annotated[float, Field(gt=0)]


class MatchPrior(_Strict):
    """Before any evidence: the target is a model of the library (passing through or not), a sibling, or a stranger."""

    same: Share
    sibling: Share
    stranger: Share
    passing: dict[Weights, Share]  # share of `same` that passes through, by openness of the weights

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_sum(self.same + self.sibling + self.stranger)
        return self


class MatchStates(_Strict):
    """Probabilities from which a state is said, and the questions that it takes."""

    family_at: Share
    wrapper_at: Share
    unlike_at: Share
    fewest_questions: Annotated[int, Field(gt=0)]


class Sequential(_Strict):
    """The stopping rule: error `alpha` for naming a stranger, from `fewest` to `most` questions."""

    alpha: Share
    fewest: Annotated[int, Field(gt=1)]
    most: Annotated[int, Field(gt=1)]


class Matching(_Strict):
    """seeds/match.toml."""

    id: str
    data: str
    fitted: str
    link: float
    cohort: Annotated[int, Field(gt=1)]
    age_days: Annotated[int, Field(gt=0)]
    weight: dict[str, float]
    calibrator: MatchCalibrator
    exact: Exact
    prior: MatchPrior
    states: MatchStates
    sequential: Sequential


class CommonCause(_Strict):
    """A span in which services fell together that do not depend on one another; with time zone."""

    since: AwareDatetime
    until: AwareDatetime
    what: str

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until <= self.since:
            raise ValueError("until is not after since")
        return self


class CommonCauses(_Strict):
    """seeds/common_causes.toml."""

    cause: list[CommonCause]

    def spans(self) -> list[tuple[float, float]]:
        """In seconds since 1970."""
        return [(c.since.timestamp(), c.until.timestamp()) for c in self.cause]


class Seeds(_Strict):
    """All that the analysis starts from."""

    vendors: Vendors
    variants: Variants
    ruleset: Ruleset
    likenesses: Likenesses
    matching: Matching
    common_causes: CommonCauses


_T = TypeVar("_T", bound=BaseModel)

FILES: Mapping[str, str] = {
    "vendors": "models.toml",
    "variants": "variants.toml",
    "ruleset": "rules.toml",
    "likenesses": "likeness.toml",
    "matching": "match.toml",
    "common_causes": "common_causes.toml",
}
"""Which file of seeds/ gives which part."""


def parse_seeds(texts: Mapping[str, str]) -> Seeds:
    """`texts` holds the text of each file named in FILES. Raises SeedError naming the file."""
    return Seeds(
        vendors=_parse(Vendors, texts, "vendors"),
        variants=_parse(Variants, texts, "variants"),
        ruleset=_parse(Ruleset, texts, "ruleset"),
        likenesses=_parse(Likenesses, texts, "likenesses"),
        matching=_parse(Matching, texts, "matching"),
        common_causes=_parse(CommonCauses, texts, "common_causes"),
    )


def _parse(kind: type[_T], texts: Mapping[str, str], part: str) -> _T:
    toml = TomlText(text=texts[FILES[part]], name=f"seeds/{FILES[part]}", refusal=SeedError)
    return toml.check(kind, toml.loads(), lambda misfit: _said(misfit, toml))


def _said(misfit: Misfit, toml: TomlText) -> str:
    line = toml.line(misfit.loc)
    where = f"line {line}, " if line is not None else ""
    return f"{toml.name}: {where}{'.'.join(map(str, misfit.loc))}: {misfit.message}"


def _unknown(rule_id: str) -> RuleEntry:
    raise KeyError(rule_id)
