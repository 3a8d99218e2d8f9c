"""What a line of a run file may hold, checked by pydantic: strictly, without unknown keys; and what is wrong, in words.

A noun within a `FileLine` is checked as strictly as the line itself, though its own module knows nothing of pydantic.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, to_json

from wrapdetect.model.prose import quote

UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError)
"""What reading a line that was never ours may raise; a ValidationError is a ValueError."""
_LONGEST_SAID = 400
"""Characters of what is wrong with a line: names and texts of a file may be of any length."""
_MOST_TOLD = 1_000
"""Faults of a line that are looked at one by one: each takes a kilobyte, and nobody wrote that line."""
_LARGEST = 2**128
_QUOTED = re.compile("'([^']*)'")
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_DUE = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
}
"""How what is due is said, by pydantic's word for what is not it."""


class FileLine(BaseModel):
    """One JSON object of a run file."""

    # Built when first used: 40 ms that whoever only imports this need not wait for.
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @classmethod
    def of(cls, fields: object) -> Self:
        """What was parsed from JSON, with nouns in it. Raises ValidationError; by way of JSON, in which a list may be a
        tuple and an object a noun, though nothing else is taken for another thing."""
        return cls.model_validate_json(to_json(fields))


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    if abs(value) >= _LARGEST:
        raise ValueError(f"{number_shown(value)} is too large")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number that is not longer than any that a program would write."""


def check_named(rows: object, *names: str) -> None:
    """Raises KeyError for a name that one of these objects lacks: where a noun has a default, a file says it
    nevertheless."""
    for row in cast("list[Mapping[str, object]]", rows):
        for name in names:
            row[name]


def what_is_wrong(error: Exception) -> str:
    """One line for one of UNREADABLE."""
    match error:
        case ValidationError():
            if error.error_count() > _MOST_TOLD:
                return f"{error.error_count():,} of its values are not what is due"
            # a misspelt key explains a missing one
            first = min(error.errors(include_url=False), key=lambda e: e["type"] not in _UNKNOWN)
            return quote(_told(first), _LONGEST_SAID)
        case KeyError():
            return f"field {error.args[0]!r} is missing"
        case _:
            return quote(str(error), _LONGEST_SAID)


def _told(error: ErrorDetails) -> str:
    kind, value = error["type"], error["input"]
    place = ".".join(map(str, error["loc"]))
    if kind == "missing":
        *around, last = error["loc"]
        if isinstance(last, int):  # of a pair
            return f"{'.'.join(map(str, around))} is {value!r}; expected {last + 1} values at least"
        return f"field {last!r} is missing"
    if kind in _UNKNOWN:
        return f"unknown field {place}"
    if kind in _DUE:
        return f"{place} is {value!r}; expected {_DUE[kind]}"
    match kind:
        case "literal_error":
            return f"{place} {value!r} is none of {', '.join(_QUOTED.findall(error['ctx']['expected']))}"
        case "greater_than_equal":
            return f"{place} is {value!r}; expected at least {error['ctx']['ge']}"
        case "too_long":
            return f"{place} is {value!r}; expected {error['ctx']['max_length']} values at most"
        case "list_type" | "tuple_type":
            return f"{place} is no list"
        case "dataclass_type" | "model_type" | "dict_type":
            return f"{place}: {type(value).__name__} where a JSON object is due"
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            return f"{place} is {value!r}: {error['msg']}"


def number_shown(value: int) -> str:
    """A whole number as an error shows it, however long.

    >>> number_shown(7), number_shown(10**30)
    ('7', 'a number of more than 20 digits')
    """
    return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
