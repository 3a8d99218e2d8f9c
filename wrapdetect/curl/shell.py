"""A command line as somebody copied it -> its words: bash with $'..' quoting, or cmd with its carets. Runs nothing.

`$NAME` and `${NAME}` become `{env:NAME}`, since nobody here knows their values.
"""

import re
from collections.abc import Iterator

from wrapdetect.errors import SpecError

_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v", "0": "\0"}
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ANSI_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_END = re.compile(r"\||;|>|<|&(?=\s|&|$)|#(?=\s)")


def words(text: str) -> list[str]:
    """The words of the first command; what is piped or follows is left out. Raises SpecError for an open quote.

    >>> words("curl -H 'a: b' $'it\\\\'s \\\\u00e9' \\"$KEY\\" | jq .")
    ['curl', '-H', 'a: b', "it's é", '{env:KEY}']
    """
    text = text.replace("\r\n", "\n")
    if re.search(r"\^\n|\^\"", text):  # cmd
        return list(_words(re.sub(r"\^(\n|.)", lambda m: " " if m[1] == "\n" else m[1], text), variables=False))
    return list(_words(text, variables=True))


def _words(text: str, *, variables: bool) -> Iterator[str]:
    word: str | None = None
    at = 0
    while at < len(text):
        if text.startswith("\\\n", at):  # the line goes on
            at += 2
            continue
        if text[at].isspace():
            if word is not None:
                yield word
            word, at = None, at + 1
            continue
        if word is None and _END.match(text, at):
            return
        if _END.match(text, at) and text[at] != "#":
            break
        part, at = _part(text, at, variables=variables)
        word = (word or "") + part
    if word is not None:
        yield word


def _part(text: str, at: int, *, variables: bool) -> tuple[str, int]:
    """A quoted stretch, an escaped letter, a variable or one letter, and where it ends."""
    if text.startswith("$'", at) and variables:
        return _ansi(text, at)
    if text[at] == "'" and variables:
        end = _closing(text, at)
        return text[at + 1 : end], end + 1
    if text[at] == '"':
        return _double(text, at, variables=variables)
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    return _variable(text, at) if variables else (text[at], at + 1)


def _variable(text: str, at: int) -> tuple[str, int]:
    if text.startswith("$(", at) or text[at] == "`":
        raise SpecError("the command runs another command inside ($(..) or `..`); put its result there instead")
    match = _VARIABLE.match(text, at)
    return (f"{{env:{match[1] or match[2]}}}", match.end()) if match else (text[at], at + 1)


def _double(text: str, at: int, *, variables: bool) -> tuple[str, int]:
    out, here = list[str](), at + 1
    while here < len(text) and text[here] != '"':
        if text[here] == "\\" and text[here + 1 : here + 2] in ('"', "\\", "$", "`", "\n"):
            out.append(text[here + 1].strip("\n"))
            here += 2
            continue
        part, here = _variable(text, here) if variables else (text[here], here + 1)
        out.append(part)
    if here >= len(text):
        raise SpecError(_OPEN.format(quote='"', at=at))
    return "".join(out), here + 1


def _ansi(text: str, at: int) -> tuple[str, int]:
    end = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL).match(text, at + 2)
    if end is None:
        raise SpecError(_OPEN.format(quote="$'", at=at))

    def one(match: re.Match[str]) -> str:
        number = match[1] or match[2] or match[3]
        code = int(number, 16) if number else int(match[4], 8) if match[4] else -1
        return match[0] if code > 0x10FFFF else chr(code) if code >= 0 else _ANSI.get(match[5], match[5])

    # Halves of a pair, as Chrome writes an emoji, become one letter.
    found = _ANSI_ESCAPE.sub(one, end[0][:-1])
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), end.end()


def _closing(text: str, at: int) -> int:
    end = text.find("'", at + 1)
    if end < 0:
        raise SpecError(_OPEN.format(quote="'", at=at))
    return end


_OPEN = "the quote {quote} at character {at} of the command is never closed; paste the command whole"
