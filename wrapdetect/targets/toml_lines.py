"""Where in a TOML file a value is set: tomllib gives no lines."""

import tomllib

Loc = tuple[str | int, ...]
"""Keys and places that lead to a value, as pydantic's `loc`: ("target", 0, "url")."""


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
