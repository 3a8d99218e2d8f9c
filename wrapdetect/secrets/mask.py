"""Where a secret stands in a text, however it is spelt, and the text without it, byte for byte as long as before.

One search for all secrets, linear in the text whatever it holds and however many secrets there are: each layer of the
text (see spellings) is looked at every STRIDE bytes; a run of SHORTEST_RUN letters and digits of a secret holds one
such place whole, at least. Only there the secret itself is compared. Secrets that are short, or no ASCII, are looked
for as they are written, by one pattern.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, compress
from typing import NamedTuple

from wrapdetect.secrets.names import LONGEST_WORD, SHORTEST_LEARNT, SHORTEST_MASKED
from wrapdetect.secrets.spellings import KEPT, LAYERS, encodings, squeezed, unfold, unfolded

SHORTEST_RUN = 12
"""Letters and digits in a row by which a secret is known whatever stands between them."""
GRAM = 6
STRIDE = SHORTEST_RUN - GRAM + 1
LEAKING_RUN = 16
"""Letters and digits in a row of a long key of our own that are masked though the rest is missing."""
LONGEST_LETTERS = 20
"""Letters alone are taken for a secret whatever stands between them only from here on."""
LONGEST_SECRET = 4096
"""Bytes of a secret that are looked for."""
LONGEST_ENCODED = 128
"""Bytes of a value that was handed out up to which it is looked for in base64 and hex too; keys of ours always are."""
LEAP = 64
_FEW = 256
"""Values handed out; more (an archive holds thousands) are looked for in no base64 and hex."""
_ALIKE = 8
"""Places of values handed out that are compared where several hold the same letters; of keys of ours all are."""


class _Needle(NamedTuple):
    """A secret, squeezed; how many of its letters in a row give it away; what stands before and behind them."""

    letters: bytes
    enough: int
    before: bytes = b""
    behind: bytes = b""
    slack: int = 0
    """Letters before and behind that may hold bits of it, as in base64."""
    quotes: bool = False
    own: bool = False


class Masker:
    """All secrets of one conversation. Its repr shows none."""

    def __init__(self, own: frozenset[str], learnt: frozenset[str] = frozenset()) -> None:
        """`own` are keys and values of the user's; `learnt` what the other side handed out."""
        self._needles: list[_Needle] = []
        self._plain: dict[bool, set[bytes]] = defaultdict(set)  # whether case counts
        self._short: set[bytes] = set()
        for secret in sorted(own, key=_shortest_first):
            self._add(secret, own=True)
        self._few = len(learnt) <= _FEW
        for secret in sorted(learnt - own, key=_shortest_first):
            self._add(secret, own=False)
        self._starts: list[int] = []
        self._hay, self._grams = b"", dict[bytes, tuple[int, ...]]()
        self._windows = defaultdict[bytes, list[int]](list)
        """Runs of SHORTEST_RUN letters of values that hold what many others hold."""
        self._index()
        self._exact, self._anycase = (_one_of(self._plain[case]) for case in (True, False))
        self._spaced = _one_of(self._short)
        self._beginnings = sorted(
            s.encode("utf-8", "replace")[:LONGEST_SECRET] for s in own if len(s) > SHORTEST_MASKED
        )

    def __bool__(self) -> bool:
        return bool(self._needles or self._exact or self._anycase)

    def data(self, data: bytes) -> bytes:
        """
        >>> Masker(frozenset({"sk-planted-0123"})).data(b"id=sk-planted-0123;")
        b'id=***************;'
        """
        if not self:
            return data
        masked = bytearray(data)
        for start, end, whole in self._found(data):
            masked[start:end] = b"*" * (end - start) if whole else _STARRED.sub(_stars, data[start:end])
        return self._without_beginning(bytes(masked))

    def text(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return text if (masked := self.data(data)) == data else masked.decode("utf-8", "replace")

    def finds(self, text: str) -> bool:
        """Whether a text holds a secret, in whatever spelling."""
        return bool(self) and next(self._found(text.encode("utf-8", "replace")), None) is not None

    # Which secrets

    def _add(self, secret: str, *, own: bool) -> None:
        raw = secret.encode("utf-8", "replace")[:LONGEST_SECRET]
        for form in {raw, unfolded(secret)[:LONGEST_SECRET]}:
            letters = squeezed(form)
            if form.isascii() and _distinct(letters):
                before, behind = _edges(form)
                enough, quotes = _enough(letters, secret, own=own), b'"' in form
                self._needles.append(_Needle(letters, enough, before, behind, quotes=quotes, own=own))
            elif len(form) >= SHORTEST_MASKED:
                word = secret.isalpha() and len(form) <= (SHORTEST_LEARNT - 1 if own else LONGEST_WORD)
                for spelt in {form, form.replace(b" ", b"+")}:
                    self._plain[word].add(spelt if word else spelt.lower())
                if form.isascii() and len(letters) >= SHORTEST_LEARNT and _mixed(letters):
                    self._short.add(letters)
        if own or (self._few and len(raw) <= LONGEST_ENCODED):
            self._add_encoded(secret, own=own)

    def _add_encoded(self, secret: str, *, own: bool) -> None:
        for spelt, slack in encodings(secret[:LONGEST_SECRET]):
            letters = squeezed(spelt)
            if len(letters) >= SHORTEST_RUN:
                self._needles.append(_Needle(letters, max(SHORTEST_RUN, len(letters) * 3 // 4), slack=slack, own=own))
            elif len(spelt) > SHORTEST_MASKED:
                self._plain[True].add(spelt)

    def _index(self) -> None:
        """All needles in a row, and where in that row each gram of them stands."""
        at, own, handed = 0, defaultdict[bytes, list[int]](list), defaultdict[bytes, list[int]](list)
        for needle in self._needles:
            self._starts.append(at)
            places = own if needle.own else handed
            for n in range(len(needle.letters) - GRAM + 1):
                places[needle.letters[n : n + GRAM]].append(at + n)
            at += len(needle.letters) + 1
        self._hay = b"\0".join(n.letters for n in self._needles)
        for gram, known in handed.items():
            if len(known) <= _ALIKE:
                own[gram] += known
            else:
                own[gram] += []  # the key is there, so that the place is looked at
                self._add_windows(known)
        self._grams = {gram: tuple(known) for gram, known in own.items()}

    def _add_windows(self, places: list[int]) -> None:
        """Where too many hold the same gram, more letters tell them apart."""
        for place in places:
            for start in range(max(0, place - STRIDE + 1), place + 1):
                window = self._hay[start : start + SHORTEST_RUN]
                if b"\0" not in window and len(self._windows[window]) < _ALIKE:
                    self._windows[window].append(start)

    def _places(self, text: bytes, at: int) -> Iterator[int]:
        """Where in the row the gram may stand that the text holds there."""
        yield from self._grams[text[at : at + GRAM]]
        if self._windows:
            for start in range(max(0, at - STRIDE + 1), at + 1):
                yield from (p + at - start for p in self._windows.get(text[start : start + SHORTEST_RUN], ()))

    # Where they stand

    def _found(self, data: bytes) -> Iterator[tuple[int, int, bool]]:
        """Ranges of the data, of every layer of it; and whether quotes in them are the secret's own."""
        ways: list[Callable[[int, int], tuple[int, int]]] = []
        text = data
        for depth in range(LAYERS + 1):
            for start, end, whole in self._in_layer(text):
                for back in reversed(ways):
                    start, end = back(start, end)
                yield start, end, whole
            layer = unfold(text) if depth < LAYERS else None
            if layer is None or layer.data == text:
                return
            ways.append(layer.origin)
            text = layer.data

    def _in_layer(self, text: bytes) -> Iterator[tuple[int, int, bool]]:
        if self._exact:
            yield from ((m.start(), m.end(), True) for m in self._exact.finditer(text))
        if self._anycase:
            yield from ((m.start(), m.end(), True) for m in self._anycase.finditer(text.lower()))
        if not self._needles and self._spaced is None:
            return
        letters = squeezed(text)
        places: list[int] | None = None
        for start, end, needle in chain(self._runs(letters), self._short_ones(letters)):
            if places is None:
                places = list(compress(range(len(text)), map(KEPT.__getitem__, text)))
            start, end = _with_slack(places, start, end, needle.slack)
            yield *_with_edges(text, places[start], places[end - 1] + 1, needle), needle.quotes

    def _runs(self, text: bytes) -> Iterator[tuple[int, int, _Needle]]:
        """Runs of a needle's letters that are long enough to give it away, by their places in the squeezed text."""
        done, masked, grams = 0, 0, self._grams
        for at in [n for n in range(0, len(text) - GRAM + 1, STRIDE) if text[n : n + GRAM] in grams]:
            if at + GRAM <= done:
                continue
            for place in self._places(text, at):
                needle = self._needles[bisect_right(self._starts, place) - 1]
                # A remote that chose what it handed out could else have the same letters compared again and again.
                floor = 0 if needle.own else max(masked, at - 4 * GRAM)
                start, end = self._run(text, at, place, floor)
                done = max(done, end)
                if _gives_away(text, start, end, needle):
                    masked = max(masked, end)
                    yield start, end, needle

    def _short_ones(self, text: bytes) -> Iterator[tuple[int, int, _Needle]]:
        for found in self._spaced.finditer(text) if self._spaced else ():
            yield found.start(), found.end(), _Needle(found[0], len(found[0]))

    def _run(self, text: bytes, at: int, place: int, floor: int) -> tuple[int, int]:
        hay, start, end, behind = self._hay, at, at + GRAM, place + GRAM
        while text[end : end + LEAP] == hay[behind : behind + LEAP] and behind + LEAP <= len(hay):
            end, behind = end + LEAP, behind + LEAP
        while end < len(text) and behind < len(hay) and text[end] == hay[behind]:
            end, behind = end + 1, behind + 1
        while start > floor and place > 0 and text[start - 1] == hay[place - 1]:
            start, place = start - 1, place - 1
        return start, end

    def _without_beginning(self, data: bytes) -> bytes:
        """Without the beginning of a key at the very end, where a limit has cut the rest off."""
        tail = data[-SHORTEST_RUN * 4 :]
        for secret in self._beginnings:
            for kept in range(min(len(secret), len(tail)), SHORTEST_MASKED - 1, -1):
                if tail.endswith(secret[:kept]):
                    return data[:-kept] + b"*" * kept
        return data


@lru_cache(maxsize=8)
def masker(own: frozenset[str], learnt: frozenset[str] = frozenset()) -> Masker:
    """The masker of these secrets, made once."""
    return Masker(own, learnt)


_STARRED = re.compile(rb'("[\s,:\[\]{}]*"?|[\r\n]+)|(?:\\.?|[^"\\\r\n])+', re.S)


def _stars(found: re.Match[bytes]) -> bytes:
    """What holds an answer's frame together stays: quotes and what stands between them, line breaks between events."""
    return found[0] if found[1] else b"*" * len(found[0])


def _shortest_first(secret: str) -> tuple[int, str]:
    return len(secret), secret


def _distinct(letters: bytes) -> bool:
    """Whether letters and digits alone are enough to tell it from ordinary text."""
    return len(letters) >= (SHORTEST_RUN if _mixed(letters) else LONGEST_LETTERS)


def _mixed(letters: bytes) -> bool:
    """Letters and digits, and not just one of either, as in "gpt4"."""
    digits = sum(48 <= c < 58 for c in letters)
    return 1 < digits < len(letters) - 1


def _enough(letters: bytes, secret: str, *, own: bool) -> int:
    """Of a key of ours two fifths; of what may hold words, such as a cookie, nearly all."""
    if own and not re.search(r"[\s;,=&]", secret.rstrip("=")):
        return max(SHORTEST_RUN, min(LEAKING_RUN, len(letters) * 2 // 5))
    return max(SHORTEST_RUN, len(letters) * 3 // 4)


def _gives_away(text: bytes, start: int, end: int, needle: _Needle) -> bool:
    length = end - start
    if length < SHORTEST_RUN or (length < needle.enough and end < len(text)):
        return False
    return length == len(needle.letters) or length >= LONGEST_LETTERS or not text[start:end].isalpha()


def _edges(form: bytes) -> tuple[bytes, bytes]:
    """What stands before the first letter or digit, and behind the last."""
    kept = [n for n, c in enumerate(form) if KEPT[c]]
    return form[: kept[0]], form[kept[-1] + 1 :]


def _with_slack(places: list[int], start: int, end: int, slack: int) -> tuple[int, int]:
    """Up to so many letters more on either side, where nothing stands between."""
    for _ in range(slack):
        if start > 0 and places[start - 1] == places[start] - 1:
            start -= 1
        if end < len(places) and places[end] == places[end - 1] + 1:
            end += 1
    return start, end


def _with_edges(text: bytes, start: int, end: int, needle: _Needle) -> tuple[int, int]:
    if needle.before and text[max(0, start - len(needle.before)) : start] == needle.before:
        start -= len(needle.before)
    if needle.behind and text[end : end + len(needle.behind)] == needle.behind:
        end += len(needle.behind)
    return start, end


def _one_of(texts: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """One pattern for all, as a tree by their first bytes, so that many cost as little as few; the longest wins."""
    known = sorted(texts)
    return re.compile(_tree(known), re.S) if known else None


def _tree(texts: list[bytes], at: int = 0) -> bytes:
    if len(texts) == 1:
        return re.escape(texts[0][at:])
    ends = len(texts[0]) == at
    by_next: dict[int, list[bytes]] = defaultdict(list)
    for text in texts[1:] if ends else texts:
        by_next[text[at]].append(text)
    branches = b"|".join(re.escape(bytes([c])) + _tree(group, at + 1) for c, group in by_next.items())
    return b"(?:" + branches + b")" + (b"?" if ends else b"")
