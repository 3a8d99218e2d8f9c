"""Where a stream's own protocol says that an answer is over, so that an open connection need not be waited for.

Seen line by line in bytes that come cut anywhere; every byte is looked at a fixed number of times. A sign that ends an
answer for sure (`[DONE]`, message_stop, response.completed, done: true) leaves the connection a moment to end; a reason
to finish leaves it longer, since usage, [DONE] and sometimes text come after it. A stream that goes on to speak after
such a reason is not trusted again: only sure signs end it.
"""

import json
import re
from collections.abc import Callable

from wrapdetect.dialects import wire_format
from wrapdetect.dialects.body.told import is_error
from wrapdetect.model import Dialect

SURE_S = 0.2
"""How long a stream that is over for sure may take to end, so that its connection can be used again."""
LIKELY_S = 1.0
"""The same of one that gave its reason to finish."""
LONGEST_ERROR = 20_000

Ending = Callable[[bytes], float | None]
"""Given each chunk; gives the seconds that the stream may still take, or None: as long as it likes."""

_DONE = re.compile(rb"""(?:data:\s{0,9}){0,2}["'<]?\[?(?:done|end|eos|eof)\]?[">';]{0,3}\s{0,9}""", re.I)
_MAYBE_DONE = re.compile(rb"""(?:\[|data:\s{0,9}["'<]?)(?:done|end|eos|eof)""", re.I)
SPEAKS = re.compile(rb'"(?:content|text)"\s{0,9}:\s{0,9}"[^"]')
STARTS = (b"data:", b"{")
"""How a line begins that may hold a sign; the lines of a single object on many lines do not."""


def ending_of(dialect: Dialect) -> Ending:
    """A fresh watcher for one answer; for what is no API over JSON one that never sees an end.

    >>> watch = ending_of("openai_stream")
    >>> [watch(data) for data in (b'data: {"content": "[DONE]"}\\n\\n', b"data: [DO", b"NE]\\n", b"\\n")]
    [None, None, 0.2, 0.2]
    """
    wire = wire_format(dialect)
    return _Watcher(wire.ends, wire.may_end) if wire.ends or wire.may_end else lambda _: None


class _Watcher:
    """The state of one stream."""

    def __init__(self, sure: re.Pattern[bytes] | None, likely: re.Pattern[bytes] | None) -> None:
        self._sure, self._likely = sure, likely
        self._rest: list[bytes] = []
        self._left_s: float | None = None
        self._closing = False  # a sure sign whose event may have more lines
        self._distrusted = False

    def __call__(self, data: bytes) -> float | None:
        if self._left_s is None and not self._rest and data.endswith(b"\n") and not self._may_end(data):
            return None  # whole lines, as most chunks are
        if b"\n" not in data and b"\r" not in data:
            self._rest.append(data)
            return self._left_s
        first, *others = data.replace(b"\r", b"\n").split(b"\n")
        *lines, rest = (b"".join((*self._rest, first)), *others)
        self._rest = [rest] if rest else []
        for line in lines:
            self._see(line)
        return self._left_s

    def _may_end(self, data: bytes) -> bool:
        """Whether any sign stands in whole lines."""
        if b'"error"' in data or _MAYBE_DONE.search(data):
            return True
        likely = self._likely is not None and self._likely.search(data)
        return bool(likely or (self._sure is not None and self._sure.search(data)))

    def _see(self, line: bytes) -> None:
        if not line:
            if self._closing:
                self._left_s = SURE_S
        elif _DONE.fullmatch(line):
            self._left_s = SURE_S
        elif line.startswith(STARTS) and self._left_s != SURE_S:
            self._see_object(line)

    def _see_object(self, line: bytes) -> None:
        if self._left_s is not None and not self._closing and SPEAKS.search(line):
            self._left_s, self._distrusted = None, True
        if (self._sure is not None and self._sure.search(line)) or _tells_error(line):
            self._closing, self._left_s = True, SURE_S if line.startswith(b"{") else LIKELY_S
        elif self._likely is not None and not self._distrusted and self._likely.search(line):
            self._left_s = LIKELY_S


def _tells_error(line: bytes) -> bool:
    """Whether a line is an error, and nothing else: many servers send an empty one beside each piece."""
    if b'"error"' not in line or len(line) > LONGEST_ERROR or SPEAKS.search(line) or b'"choices"' in line:
        return False
    try:
        value = json.loads(line.removeprefix(b"data:"))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and is_error(value)
