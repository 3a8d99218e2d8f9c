"""A remote's text made fit: to be stored (whole), to stand in one line (one_line), to be printed (shown)."""

import re

_UNFIT = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What drives a terminal, hides or turns round what stands beside it, or cannot be encoded; no tab and line feed. Those
that join letters (U+200C, U+200D) are part of a text."""


def whole(text: str) -> str:
    r"""A text that any encoding can carry: half a surrogate pair becomes U+FFFD, halves that meet their character.

    >>> whole("a\ud83d\ude00b\ud800") == "a\U0001f600b\ufffd"
    True
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str) -> str:
    r"""
    >>> one_line("no\n \x1b[31mway\u202e")
    'no ?[31mway?'
    """
    return _UNFIT.sub("?", whole(" ".join(text.split())))


def shown(text: str) -> str:
    r"""A text that drives no terminal: controls are written as JSON escapes, so that JSON stays what it is.

    >>> shown("a\tb\n\x9b31m \u202e")
    'a\tb\n\\u009b31m \\u202e'
    """
    return _UNFIT.sub(lambda found: escaped(found[0]), text)


def escaped(char: str) -> str:
    r"""As JSON writes it; a character beyond U+FFFF is a pair.

    >>> escaped("é"), escaped("\U0001f600")
    ('\\u00e9', '\\ud83d\\ude00')
    """
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))
