"""A remote's JSON -> values, within bounds: one parse holds up every other thread for as long as it takes."""

import json

MOST_VALUES = 100_000
"""Values of one text, by its commas; a million take a tenth of a second, and an answer has a few hundred."""
TOO_DEEP = "nested too deeply"


def parse_json(text: str) -> object:
    """Raises ValueError for what is no JSON, and for what is nested too deeply or holds too many values.

    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    >>> parse_json("[" + "[]," * 200_000 + "0]")
    Traceback (most recent call last):
    ValueError: more than 100,000 values
    """
    if len(text) > MOST_VALUES and text.count(",") > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values")
    try:
        value: object = json.loads(text)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    return value
