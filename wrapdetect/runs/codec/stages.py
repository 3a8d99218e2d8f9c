"""Numbers as reports have them: rounded, so that the last bit moves no byte."""

from typing import Any


def rounded(value: Any, digits: int = 4) -> Any:
    """Floats to `digits` decimals throughout, -0.0 as 0.0, so that reports do not move with the last bit.

    >>> rounded({"a": [0.123456, -0.00001]})
    {'a': [0.1235, 0.0]}
    """
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return round(value, digits) + 0.0
        case dict():
            return {k: rounded(v, digits) for k, v in value.items()}
        case _:
            return [rounded(v, digits) for v in value]
