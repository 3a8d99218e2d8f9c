"""What may be done to a value before it is filled in: `{name | urldecode}`. A closed set, each a function of a text."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, unquote


class CannotFilter(ValueError):
    """A value that a filter cannot be applied to; the text names the filter, and not the value."""


class Masked(str):
    """A value not to be shown, as asterisks: filters leave it as it is."""

    __slots__ = ()


def filtered(value: str, names: Iterable[str]) -> str:
    """The value after each filter; one that is unknown changes nothing, and is refused where templates are checked.

    Raises CannotFilter.

    >>> filtered("eyJpdiI6IkF%2BQiI%3D", ["urldecode", "unbase64"])
    '{"iv":"A~B"'
    """
    if isinstance(value, Masked):
        return value
    for name in names:
        value = FILTERS.get(name, str)(value)
    return value


def _unbase64(value: str) -> str:
    """Of either alphabet, with its padding or without."""
    plain = "".join(value.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise CannotFilter("unbase64: what was kept is no base64 of UTF-8 text") from error


FILTERS: Mapping[str, Callable[[str], str]] = {
    "urldecode": lambda value: unquote(value, errors="replace"),
    "urlencode": lambda value: quote(value, safe=""),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "unbase64": _unbase64,
    "json": lambda value: json.dumps(value, ensure_ascii=False),
    "trim": str.strip,
    "lower": str.lower,
}
"""By the names that templates use."""
