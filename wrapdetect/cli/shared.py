"""How does a command get the options that it shares with others? They are made of Options and of the settings."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from inspect import Parameter, Signature, signature
from typing import get_type_hints

import typer
from annotated_types import Ge, Le
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from wrapdetect.cli.options import Options
from wrapdetect.targets.settings import Chosen, Shown, read_given

HERE: object = object()
"""A parameter's default: the shared option of that name stands here in --help; its value comes with the others."""


def with_options(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have typer see each shared option of a command where its function takes Options as `options`; one that stands
    there by name, with HERE, keeps that place. A parameter that is called as one of Options, without HERE, is the
    function's own."""

    def sharing(function: Callable[..., None]) -> Callable[..., None]:
        parameters = list(signature(function).parameters.values())
        own = {p.name for p in parameters if p.default is not HERE}

        def run(**told: object) -> None:
            shared = gathered({name: value for name, value in told.items() if name not in own})
            function(**{name: value for name, value in told.items() if name in own}, options=shared)

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__dict__["__signature__"] = Signature(list(_spread(parameters, command)))
        return run

    return sharing


def _spread(parameters: list[Parameter], command: str) -> Iterator[Parameter]:
    """The parameters as typer is to see them."""
    shared = {p.name: p for p in shared_options(command)}
    placed = {p.name for p in parameters if p.default is HERE}
    for parameter in parameters:
        if parameter.name == "options":
            yield from (p for name, p in shared.items() if name not in placed)
        else:
            seen = shared[parameter.name] if parameter.default is HERE else parameter
            yield seen.replace(kind=Parameter.KEYWORD_ONLY)


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
    shown, a_setting = _shown_of(info), name in Chosen.model_fields
    words = shown.words.get(command, info.description)
    if a_setting and info.default != []:
        words = f"{words} Default {str(info.default).removesuffix('.0')}."
    option = typer.Option(
        None if a_setting else shown.kind() if shown.kind else info.default,
        *([shown.option] if shown.option else []),
        help=words,
        min=next((m.ge for m in info.metadata if isinstance(m, Ge) and isinstance(m.ge, int | float)), None),
        max=next((m.le for m in info.metadata if isinstance(m, Le) and isinstance(m.le, int | float)), None),
    )
    kind = shown.kind or info.annotation
    open_kind = kind | None if a_setting and kind else kind  # None: not said
    return Parameter(name, Parameter.KEYWORD_ONLY, default=option, annotation=open_kind)


def _read(info: FieldInfo, given: object) -> object:
    read = _shown_of(info).read
    return read(given) if read and given is not None else given
