"""One line of a run file <-> one JSON object; which format it has, and the converters from each format to the next."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from pydantic_core import from_json

from wrapdetect.errors import RunFormatError
from wrapdetect.model.text import shown

FORMAT = 4

JsonLine = dict[str, object]
Converter = Callable[[JsonLine], JsonLine]


def _with_history(line: JsonLine) -> JsonLine:
    """Format 2 names the services of a monitor in its first line; an exchange is as it was."""
    return {**line, "format": 2, "history": None} if "format" in line else line


def _with_ways(line: JsonLine) -> JsonLine:
    """Format 3 tells how a target without a known API is asked, and what an exchange does not hold: each where it is
    so, and else the lines are as they were."""
    return {**line, "format": 3} if "format" in line else line


def _with_own_faults(line: JsonLine) -> JsonLine:
    """Format 4 tells what was late on our side, of logins, polls, replies, headers, and whence a monitor looked: each
    where it is so, and else the lines are as they were."""
    return {**line, "format": 4} if "format" in line else line


CONVERTERS: Mapping[int, Converter] = {1: _with_history, 2: _with_ways, 3: _with_own_faults}
"""CONVERTERS[n] turns a line of format n into one of format n + 1; tests keep it complete up to FORMAT."""

HALVES = re.compile(rb"\\u[dD][89a-fA-F]")
"""Where a surrogate is spelt; most lines have none, and are not looked through for halves of a pair."""


def upgraded(
    line: JsonLine, found: int, *, converters: Mapping[int, Converter] = CONVERTERS, to: int = FORMAT
) -> JsonLine:
    """Bring a line of format `found` to format `to`, step by step.

    >>> upgraded({"a": 1}, 1, converters={1: lambda line: line | {"b": 2}}, to=2)
    {'a': 1, 'b': 2}
    """
    for step in range(found, to):
        line = converters[step](line)
    return line


def line_text(line: Mapping[str, object] | Sequence[object]) -> str:
    """One line; what drives a terminal or cannot be encoded stands in it as an escape, and is read back as it was."""
    return shown(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


def parse_line(raw: bytes, name: str, number: int) -> JsonLine:
    """Raises RunFormatError for what is no JSON object, or could not be written again."""
    try:
        line = _parsed(raw)
    except (ValueError, RecursionError) as error:
        raise RunFormatError(f"{name}, line {number}: not JSON ({error}); the file is damaged there") from error
    if not isinstance(line, dict):
        raise RunFormatError(f"{name}, line {number}: {type(line).__name__} where a JSON object is due")
    return line


def _parsed(raw: bytes) -> object:
    """By pydantic's parser, in a third of the time; what that refuses, and surrogates, by json, which says why."""
    if HALVES.search(raw) is None:
        with suppress(ValueError):
            return from_json(raw, allow_inf_nan=False, cache_strings="keys")
    line = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    json.dumps(line, ensure_ascii=False).encode()  # half a surrogate pair, which JSON can spell and no file can hold
    return line


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def format_of(head: JsonLine, name: str) -> int:
    """The format that a first line tells. Raises RunFormatError for none, and for a newer one."""
    found = head.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise RunFormatError(
            f"{name}, line 1: format is {found!r}; expected 1 to {FORMAT}: is this a run file of wrapdetect?"
        )
    if found > FORMAT:
        raise RunFormatError(
            f"{name}: cannot read run format {found} (this program reads up to {FORMAT}); update wrapdetect"
        )
    return found
