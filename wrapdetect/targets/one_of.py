"""Is it one of the names that a registry holds by now? Told as pydantic tells what is none of a Literal."""

from collections.abc import Iterable

from pydantic_core import PydanticKnownError


def one_of(value: object, names: Iterable[str]) -> str:
    """Raises PydanticKnownError, which names them all.

    >>> one_of("soon", ["now", "later", "never"])
    Traceback (most recent call last):
    pydantic_core._pydantic_core.PydanticKnownError: Input should be 'now', 'later' or 'never'
    """
    known = list(names)
    if isinstance(value, str) and value in known:
        return value
    *most, last = map(repr, known)
    expected = f"{', '.join(most)} or {last}" if most else last
    raise PydanticKnownError("literal_error", {"expected": expected})
