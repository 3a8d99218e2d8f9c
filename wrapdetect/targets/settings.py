"""Which settings has an audit? Each is one field, which is its option, its key in [audit], its default and its doc.

Bounds and meaning stand in its Field; how the command line tells it, where that is not the rule, in its Shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from wrapdetect.errors import SpecError
from wrapdetect.targets.toml_lines import UNKNOWN_KEY, did_you_mean, first_misfit

DEFAULT_PACKS = ("identity", "coherence", "timing", "style")
ASKING = ("audit", "import", "ask")
"""Commands that ask endpoints."""


class Limits(NamedTuple):
    """What a run may take; `pace_s` is the least time between two sends to one endpoint."""

    concurrency: int
    pace_s: float
    max_requests: int
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the command line tells a value, where that is not the rule: by an option of another name, as another type of
    which `read` makes it, in other words (by command), by some commands only."""

    option: str = ""
    kind: type | None = None
    read: Callable[..., object] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ASKING


def pack_names(text: str) -> list[str]:
    """The names between the commas. Raises SpecError where there is none."""
    names = [p.strip() for p in text.split(",") if p.strip()]
    if not names:
        raise SpecError("--pack names no pack; leave it out for the usual ones, or give ids or paths with commas")
    return names


_OF_A_REFERENCE = "Seconds for one whole answer of a reference."


class Chosen(BaseModel):
    """The settings of an audit, with nothing left open: the command line first, then [audit], then the defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    pack: Annotated[
        list[str],
        Field(description="Packs by id or path."),
        Shown(
            kind=str,
            read=pack_names,
            words={
                "audit": f"Packs by id or path, with commas. Default: {','.join(DEFAULT_PACKS)}.",
                "import": "Further packs, by id or path, whose questions may have been asked.",
                "ask": "Packs by id or path, with commas. Default: short.",
            },
        ),
    ] = []
    draws: Annotated[int, Field(ge=1, description="How often each question is asked.")] = 1
    enrol: Annotated[int, Field(ge=0, description="Neutral system prompts behind which references are asked too.")] = 1
    max_requests: Annotated[int, Field(ge=1, description="Hard limit over all endpoints.")] = 3000
    max_tokens: Annotated[int, Field(ge=1, description="Hard limit, estimated.")] = 2_000_000
    concurrency: Annotated[
        int, Field(ge=1, le=64, description="Conversations at a time."), Shown(commands=("audit", "import"))
    ] = 4
    pace: Annotated[
        float,
        Field(
            ge=0.0, le=86_400, allow_inf_nan=False, description="Least seconds between two requests to one endpoint."
        ),
        Shown(words={"import": "Least seconds between two requests to one reference."}, commands=("audit", "import")),
    ] = 0.0
    timeout: Annotated[
        float,
        Field(ge=0.1, le=86_400, allow_inf_nan=False, description="Seconds for one whole answer."),
        Shown(
            words={
                "import": _OF_A_REFERENCE,
                "ask": _OF_A_REFERENCE,
                "target check": "Seconds for the whole answer.",
            },
            commands=(*ASKING, "target check"),
        ),
    ] = 60.0
    seed: Annotated[int, Field(description="Of the order and of every random draw.")] = 1

    @property
    def timeout_s(self) -> float:
        return self.timeout

    @property
    def limits(self) -> Limits:
        return Limits(self.concurrency, self.pace, self.max_requests, self.max_tokens)


class Given(RootModel[Chosen], frozen=True):
    """What somebody says of the settings: a value that is not said is None."""

    root: Chosen = Chosen()

    def __getattr__(self, name: str) -> object:
        if name not in Chosen.model_fields:
            raise AttributeError(name)
        return self.values.get(name)

    @property
    def values(self) -> dict[str, object]:
        """What is said, by name; an empty list says nothing."""
        given = {name: getattr(self.root, name) for name in self.root.model_fields_set}
        return {name: value for name, value in given.items() if value != []}


def read_given(values: Mapping[str, object]) -> Given:
    """Raises SpecError for a name that is no setting, or a value out of its bounds.

    >>> read_given({"draws": 2}).draws, read_given({}).draws
    (2, None)
    """
    try:
        return Given.model_validate(values)
    except ValidationError as error:
        first = first_misfit(error)
        name = ".".join(map(str, first.loc))
        if first.kind == UNKNOWN_KEY:
            raise SpecError(f"{name}: unknown setting{did_you_mean(name, tuple(Chosen.model_fields))}") from error
        raise SpecError(f"{name}: {first.message}, found {first.value!r}") from error


def resolve(*given: Given) -> Chosen:
    """What is said first goes before what is said later, and all of it before the defaults.

    >>> resolve(read_given({"draws": 2}), read_given({"draws": 3, "seed": 7})).draws
    2
    """
    values = {name: value for one in reversed(given) for name, value in one.values.items()}
    return Chosen.model_validate({"pack": list(DEFAULT_PACKS), **values})
