"""The one way out to the terminal: no secret, no control and no character that it cannot show gets through.

Whatever prints, prints through sys.stdout or sys.stderr; both are guarded once, so that no later print can forget it.
"""

import re
import sys
from collections.abc import Iterable
from typing import TextIO, cast

from wrapdetect.model.text import escaped, shown
from wrapdetect.secrets.mask import masker

_COLOUR = re.compile(r"(\A\r|\x1b\[[0-9;]*m)")
"""What our own reports send to a terminal: colours, and the line that counts."""
_secrets: set[str] = set()


def forbid(secrets: Iterable[str]) -> None:
    """From now on these are masked in whatever is printed."""
    _secrets.update(secrets)


class Guarded:
    """A text stream that writes only what is fit to be shown; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        text_out = masker(frozenset(_secrets)).text(text)
        if self._stream.isatty():
            parts = _COLOUR.split(text_out)
            parts[::2] = map(shown, parts[::2])
            text_out = "".join(parts)
        else:
            text_out = shown(text_out)
        self._stream.write(encodable(text_out, self._stream.encoding or "utf-8"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def guard() -> None:
    """Guard what the process prints; a second call changes nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Guarded):
            setattr(sys, name, cast("TextIO", Guarded(stream)))


def encodable(text: str, encoding: str) -> str:
    r"""
    >>> encodable("é €", "ascii"), encodable("é €", "cp1252")
    ('\\u00e9 \\u20ac', 'é €')
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(c if c.encode(encoding, "ignore") else escaped(c) for c in text)
    return text
