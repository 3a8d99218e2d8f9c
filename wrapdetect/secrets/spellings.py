"""How a secret may be spelt where it comes back: a text is unfolded layer by layer, and each layer knows where each of
its bytes stood before.

A layer undoes, at once and in any mix, JSON's and Python's escapes, percent-encoding, HTML entities, and letters in
other dress (full width, mathematical); what was escaped twice is undone by the next layer. `squeezed` leaves letters
and digits only, in lower case: white space, zero-width characters, quotes and line breaks between them are gone.
"""

import base64
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from html.entities import html5
from itertools import accumulate

LAYERS = 4
"""How often a text is unfolded at most: each layer is shorter than the one before, so this is linear."""

_FOLDED = re.compile(
    rb"([\\%&\xc2\xef\xf0\xe2](?:"
    rb"(?<=\\)\\*(?:(?-i:U)[0-9a-f]{8}|ud[89ab][0-9a-f]{2}\\+ud[c-f][0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{1,6}\}"
    rb"|x[0-9a-f]{2}|[0-3][0-7]{2}"
    rb"|[nrtbf]|[^0-9a-z\\\x80-\xff])?"
    rb"|(?<=%)(?:[0-9a-f]{2}|u[0-9a-f]{4})"
    rb"|(?<=&)(?:\#x[0-9a-f]{1,12};?|\#[0-9]{1,12};?|[a-z][a-z0-9]{1,31};)"
    rb"|(?<=\xef)(?:\xbc[\x81-\xbf]|\xbd[\x80-\x9e])|(?<=\xf0)\x9d[\x90-\x9f][\x80-\xbf]"
    rb"|(?<=\xe2)(?:[\x92\x93][\x80-\xbf]|\x80[\x8b-\x8f\xaa-\xae]|\x81[\xa0-\xb9]|\x82[\x80-\x89])"
    rb"|(?<=\xef)\xbb\xbf|(?<=\xc2)[\xad\xb2\xb3\xb9]))",
    re.I,
)
_NO_WIDTH = "".join(map(chr, (0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)))
_HEX = re.compile(r"[0-9a-fA-F]+")
_ALNUM = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = bytes(range(256)).lower()
_OTHERS = bytes(c for c in range(256) if c not in _ALNUM)
KEPT = tuple(c in _ALNUM for c in range(256))
"""Whether a byte stays when a text is squeezed."""


class Layer:
    """A text and the way from its positions back to those of the text that was unfolded into it."""

    __slots__ = ("_ends", "_origins", "data")

    def __init__(self, pieces: list[bytes], unfolded: list[bytes]) -> None:
        self.data = b"".join(unfolded)
        self._ends, self._origins = (list(accumulate(map(len, p))) for p in (unfolded, pieces))

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where that range stood; what was folded counts whole."""
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, position: int) -> tuple[int, int]:
        piece = bisect_right(self._ends, position)
        before = self._origins[piece - 1] if piece else 0
        if piece % 2:  # plain and folded pieces take turns
            return before, self._origins[piece]
        at = before + position - (self._ends[piece - 1] if piece else 0)
        return at, at + 1


class _Meanings(dict[bytes, bytes]):
    def __missing__(self, folded: bytes) -> bytes:
        self[folded] = meant = _meaning(folded)
        return meant


def unfold(data: bytes) -> Layer | None:
    """The next layer, or None where nothing is folded."""
    pieces = _FOLDED.split(data)
    if len(pieces) == 1:
        return None
    unfolded = pieces.copy()
    unfolded[1::2] = map(_Meanings().__getitem__, pieces[1::2])
    return Layer(pieces, unfolded)


def unfolded(text: str) -> bytes:
    r"""One layer of a text.

    >>> unfolded(r"a\u0062%63&#100;&period;\/")
    b'abcd./'
    """
    data = text.encode("utf-8", "replace")
    layer = unfold(data)
    return layer.data if layer else data


def squeezed(data: bytes) -> bytes:
    """
    >>> squeezed(b"sk-Ab 1\\n2")
    b'skab12'
    """
    return data.translate(_LOWER, _OTHERS)


def encodings(secret: str) -> Iterator[tuple[bytes, int]]:
    """Fixed strings: hex, character codes, and base64 at each of the three places where it may begin in its bytes; and
    how many letters beside each may hold bits of it.

    >>> base64.b64encode(b"Bearer sk123456")[10:] in dict(encodings("sk123456"))
    True
    """
    data = secret.encode("utf-8", "replace")
    yield data.hex().encode(), 0
    yield "".join(f"0x{c:02x}" for c in data).encode(), 0
    yield "".join(map(str, data)).encode(), 0
    for phase, partly in ((0, 0), (1, 2), (2, 3)):
        whole = (phase + len(data)) * 8 // 6
        yield base64.b64encode(bytes(phase) + data)[partly:whole], 2


def _meaning(folded: bytes) -> bytes:
    """What a folded piece stands for; itself where it stands for nothing."""
    if folded[:1] == b"%" and len(folded) == 3:
        return bytes([int(folded[1:], 16)])  # maybe of a character of several
    try:
        text = _char(folded)
    except (ValueError, OverflowError):
        return folded
    plain = unicodedata.normalize("NFKC", text.strip(_NO_WIDTH))
    return (plain if plain.isascii() or not plain else text).encode("utf-8", "replace")


def _char(folded: bytes) -> str:
    match folded[:1]:
        case b"&":
            return _entity(folded[1:].decode())
        case b"%":  # as JavaScript's escape() writes it
            return chr(int(folded[2:], 16))
        case b"\\":
            return _escape(folded.lstrip(b"\\").decode())
        case _:
            return folded.decode()


def _entity(name: str) -> str:
    if not name.startswith("#"):
        return html5.get(name) or html5.get(name.lower()) or "&" + name
    digits = name[1:].rstrip(";")
    return chr(int(digits[1:], 16) if digits[:1] in "xX" else int(digits))


def _escape(said: str) -> str:
    """What follows the backslashes; a line break or another control means nothing between two letters."""
    match said[:1].lower():
        case "n" | "r" | "t" | "b" | "f":
            return "\n"
        case "x":
            return chr(int(said[1:], 16))
        case "u":
            units = [int(unit, 16) for unit in _HEX.findall(said)]
            if len(units) == 1:
                return chr(units[0])
            return chr(0x10000 + ((units[0] & 0x3FF) << 10) + (units[1] & 0x3FF))
        case digit if digit and digit in "0123":
            return chr(int(said, 8))
        case _:
            return said
