"""Does a TOML text hold what it should, and if not, on which line? tomllib gives values without lines."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from wrapdetect.errors import ConfigError, WrapdetectError
from wrapdetect.model.prose import quote

Loc = tuple[str | int, ...]
"""Keys and places that lead to a value, as pydantic's `loc`: ("target", 0, "url")."""
STRICT = ConfigDict(extra="forbid", strict=True)
"""Of a table: no unknown keys, no values of another type."""
UNKNOWN_KEY, MISSING_KEY, UNFIT = "extra_forbidden", "missing", "unfit"
"""Kinds of misfits: pydantic's, and that of a check of our own, whose message is whole."""
_Table = TypeVar("_Table", bound=BaseModel)


class Misfit(NamedTuple):
    """The first thing that does not fit: where, pydantic's kind and words, the value, and how many more there are."""

    loc: Loc
    kind: str
    message: str
    value: object
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlText:
    """A text, how errors call it, and which error refuses it."""

    text: str
    name: str
    refusal: type[WrapdetectError] = ConfigError

    def loads(self) -> dict[str, object]:
        """Raises the refusal, which names the line, for what is no TOML."""
        try:
            return tomllib.loads(self.text)
        except (ValueError, RecursionError) as error:  # ValueError: no TOML, or a number of thousands of digits
            raise self.refusal(f"{self.name}: not TOML: {quote(str(error))}") from error

    def check(
        self,
        kind: type[_Table],
        raw: object,
        words: Callable[[Misfit], str],
        *,
        context: Mapping[str, object] | None = None,
    ) -> _Table:
        """The table as its model, whose validators may want a `context`. Raises the refusal, in `words`, for what does
        not fit."""
        try:
            return kind.model_validate(raw, context=context)
        except ValidationError as error:
            raise self.refusal(words(first_misfit(error))) from error

    def line(self, loc: Loc) -> int | None:
        """The line of what stands at `loc`, or else of the table around it; None where that is the whole text."""
        lines = (line_of(self.text, loc[:length]) for length in range(len(loc), 0, -1))
        return next((n for n in lines if n is not None), None)

    def at(self, loc: Loc) -> str:
        """Name and line, as errors begin."""
        line = self.line(loc)
        return self.name if line is None else f"{self.name}, line {line}"


def first_misfit(error: ValidationError) -> Misfit:
    """A misspelt key goes first: it explains a missing one. What fits by itself, and not with others, goes last."""
    errors = error.errors(include_url=False, include_context=False)
    first = min(errors, key=lambda e: (e["type"] != UNKNOWN_KEY, e["type"] == UNFIT))
    return Misfit(first["loc"], first["type"], first["msg"], first["input"], len(errors) - 1)


def refuse_unfit(problems: Iterable[tuple[Loc, str]]) -> None:
    """For a validator, which checks what is of the right shape: whatever cannot be used as written, and where in the
    value it stands. Raises ValidationError."""
    errors = [InitErrorDetails(type=PydanticCustomError(UNFIT, what), loc=loc, input=None) for loc, what in problems]
    if errors:
        raise ValidationError.from_exception_data(UNFIT, errors)


def keys_at(kind: type[BaseModel], loc: Loc) -> tuple[str, ...]:
    """The keys that the table at `loc` may hold, in a file of this kind."""
    table = table_at(kind, loc)
    return tuple(field.alias or name for name, field in table.model_fields.items()) if table else ()


def table_at(kind: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The model of the table at `loc`; None for what is no table of a model's."""
    table: type[BaseModel] | None = kind
    for key in (part for part in loc if isinstance(part, str)):
        fields = {field.alias or name: field for name, field in table.model_fields.items()} if table else {}
        table = _table_in(fields[key].annotation) if key in fields else None
    return table


def _table_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _table_in(annotation.model_fields["root"].annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_in(part))), None)


def did_you_mean(key: str, known: tuple[str, ...]) -> str:
    """From a semicolon on; "" where nothing is like it.

    >>> did_you_mean("framming", ("framing", "answer"))
    '; did you mean framing?'
    """
    close = get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def line_of(text: str, loc: Loc) -> int | None:
    """The line (from 1) on which the statement begins that sets `loc`, in a text that tomllib reads; None if none does.

    By bisection over the beginnings of the text that are TOML: one that ends within a statement is not.

    >>> line_of('[a]\\nb = 1\\n[[c]]\\n[[c]]\\nd.e = [2,\\n3]', ("c", 1, "d", "e"))
    5
    """
    lines = text.split("\n")
    if not _holds(tomllib.loads(text), loc):
        return None
    # Of the beginnings shorter than `top`, that of `low` lines is TOML without `loc`; from `top` on, `loc` is there.
    low, top = 0, len(lines)
    while low + 1 < top:
        middle = (low + top) // 2
        end, raw = next(((n, r) for n in range(middle, top) if (r := _begun(lines[:n])) is not None), (top, None))
        low, top = (low, middle) if raw is None or _holds(raw, loc) else (end, top)
    return low + 1


def _begun(lines: list[str]) -> dict[str, object] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except ValueError:
        return None


def _holds(value: object, loc: Loc) -> bool:
    for part in loc:
        match value, part:
            case dict(), str() if part in value:
                value = value[part]
            case list(), int() if part < len(value):
                value = value[part]
            case _:
                return False
    return True
