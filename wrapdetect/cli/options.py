"""Which options do several commands share? Each is written once, here or as a setting; a command spreads them out."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer
from annotated_types import Ge, Le
from pydantic import Field, TypeAdapter
from pydantic.fields import FieldInfo

from wrapdetect.targets.settings import ASKING, Chosen, Given, Shown, read_given, resolve

if TYPE_CHECKING:
    from wrapdetect.targets.config import Config

HERE: object = object()
"""A parameter's default: the shared option of that name stands here in --help; its value comes with the others."""
_WITH_REFERENCE = "TOML file with [[reference]] and, if wanted, [audit]."
_SAME_QUESTIONS = "NAME=URL#MODEL@KEY_VARIABLE; asked the same questions, over HTTP."
_WITHOUT_HOST = "Run file to write. Default: wrapdetect-runs/<time>-<name>.jsonl."

_AS_JSON = "Print as JSON on standard output."
_JUDGING = (*ASKING, "match", "replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user chose. Of the settings those that were `said`; the others are open."""

    reference: Annotated[
        list[str] | None,
        Field(description="NAME=URL#MODEL@KEY_VARIABLE; once for each upstream to compare with."),
        Shown(words={"import": _SAME_QUESTIONS, "ask": _SAME_QUESTIONS}),
    ] = None
    config: Annotated[
        Path | None,
        Field(description="TOML file with [target], [[reference]] and, if wanted, [audit]."),
        Shown(words={"import": _WITH_REFERENCE, "ask": _WITH_REFERENCE}, commands=(*ASKING, "doctor")),
    ] = None
    said: Given = field(default_factory=Given)
    out: Annotated[
        Path | None,
        Field(description="Run file to write. Default: wrapdetect-runs/<time>-<host>.jsonl."),
        Shown(words={"import": _WITHOUT_HOST, "ask": _WITHOUT_HOST}),
    ] = None
    resume: Annotated[bool, Field(description="Go on with the run file in --out."), Shown(option="--resume")] = False
    dry_run: Annotated[
        bool,
        Field(description="Say what would be done; write and send nothing."),
        Shown(option="--dry-run", words={"audit": "Print the plan and its cost; send nothing."}),
    ] = False
    vantage: Annotated[str, Field(description="Your word for where this is asked from; recorded.")] = ""
    as_json: Annotated[
        bool,
        Field(description="Print the report as JSON (v1) on standard output."),
        Shown(
            option="--json",
            words={
                "match": "Print the match as JSON (v1) on standard output.",
                "outages": "Print all figures as JSON on standard output.",
                "monitor status": _AS_JSON,
                "monitor incidents": _AS_JSON,
                "monitor judge": _AS_JSON,
            },
            commands=(*_JUDGING, "outages", "monitor status", "monitor incidents", "monitor judge"),
        ),
    ] = False
    embed: Annotated[
        bool | None,
        Field(description="Use the embedding view (default: where it is installed)."),
        Shown(commands=_JUDGING),
    ] = None
    fail_at: Annotated[
        float | None,
        Field(ge=0.0, le=1.0, description="Exit with 10 where the probability is at or above this."),
        Shown(commands=(*_JUDGING, "monitor judge")),
    ] = None

    @property
    def pack(self) -> list[str]:
        """The packs that were named, if any were."""
        return self.said.root.pack

    def over(self, config: "Config") -> Chosen:
        """The command line first, then the config file, then the defaults. Raises SpecError."""
        return resolve(self.said, config.audit)


def with_options(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have typer see each shared option where a function takes Options as `options`: one that stands there by name
    with HERE keeps that place, the others follow where `options` stands. A parameter that is called as one of Options,
    and has no HERE, is the function's own."""

    def spreading(function: Callable[..., None]) -> Callable[..., None]:
        shared = {p.name: p for p in shared_options(command)}
        given = list(signature(function).parameters.values())
        named = {p.name for p in given}
        seen: list[Parameter] = []
        for parameter in given:
            if parameter.name == "options":
                seen += [p for name, p in shared.items() if name not in named]
            else:
                seen.append(shared[parameter.name] if parameter.default is HERE else parameter)

        def run(**told: object) -> None:
            own = {p.name for p in given if p.default is not HERE}
            function(
                **{name: value for name, value in told.items() if name in own},
                options=gathered({name: value for name, value in told.items() if name not in own}),
            )

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__dict__["__signature__"] = Signature([p.replace(kind=Parameter.KEYWORD_ONLY) for p in seen])
        return run

    return spreading


def gathered(told: Mapping[str, object]) -> Options:
    """Values as the command line tells them -> Options. Raises SpecError for one that cannot be read."""
    read = {name: _read(info, told[name]) for name, info in shared_fields().items() if name in told}
    said = {name: value for name, value in read.items() if name in Chosen.model_fields and value is not None}
    rest = {name: value for name, value in read.items() if name not in Chosen.model_fields}
    return TypeAdapter(Options).validate_python({"said": read_given(said), **rest})


@functools.cache
def shared_fields() -> Mapping[str, FieldInfo]:
    """Options, with the settings in the place of what was said of them: in their order in --help."""
    hints = get_type_hints(Options, include_extras=True)
    shared = dict[str, FieldInfo]()
    for own in fields(Options):
        if own.name == "said":
            shared |= Chosen.model_fields
        else:
            shared[own.name] = FieldInfo.from_annotated_attribute(hints[own.name], own.default)
    return shared


def shared_options(command: str) -> list[Parameter]:
    """Those that a command has."""
    return [
        _parameter(command, name, info) for name, info in shared_fields().items() if command in _shown_of(info).commands
    ]


def _shown_of(info: FieldInfo) -> Shown:
    return next((m for m in info.metadata if isinstance(m, Shown)), Shown())


def _parameter(command: str, name: str, info: FieldInfo) -> Parameter:
    told, a_setting = _shown_of(info), name in Chosen.model_fields
    words = told.words.get(command, info.description)
    if a_setting and info.default != []:
        words = f"{words} Default {str(info.default).removesuffix('.0')}."
    option = typer.Option(
        None if a_setting else info.default,
        *([told.option] if told.option else []),
        help=words,
        min=next((m.ge for m in info.metadata if isinstance(m, Ge) and isinstance(m.ge, int | float)), None),
        max=next((m.le for m in info.metadata if isinstance(m, Le) and isinstance(m.le, int | float)), None),
    )
    kind = told.kind or info.annotation
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=option, annotation=kind | None if a_setting and kind else kind
    )


def _read(info: FieldInfo, given: object) -> object:
    read = _shown_of(info).read
    return read(given) if read and given is not None else given
