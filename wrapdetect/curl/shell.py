"""A command line as somebody copied it -> its words, by the rules of bash, of cmd, or of PowerShell. Runs nothing.

`variable` tells what stands for `$NAME` and `${NAME}`, since nobody here knows their values.
"""

import re
from collections.abc import Callable, Iterator

from wrapdetect.errors import SpecError

Variable = Callable[[str], str]

_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v", "0": "\0"}
_VARIABLE = re.compile(r"\$(?:\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_POWER_VARIABLE = re.compile(r"\$(?:\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|(?:env:)?([A-Za-z_][A-Za-z0-9_]*))")
_ANSI_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_END = re.compile(r"\||;|>|<|&(?=\s|&|$)|#(?=\s)")
_HEREDOC = re.compile(
    r"""\s<<-?[ \t]*(?:'(?P<a>\w+)'|"(?P<b>\w+)"|\\(?P<c>\w+)|(?P<open>\w+))(?P<rest>[^\n]*)\n"""
    r"(?P<body>.*?)(?:\n|(?<=\n))[ \t]*(?:(?P=a)|(?P=b)|(?P=c)|(?P=open))[ \t]*(?=\n|$)",
    re.DOTALL,
)
_DOUBLED = re.compile(r'[{\[,:]""\w|\w""[:,}\]]')
"""Quotes within quotes, as older browsers wrote them for Windows."""
_POWER = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\n": " "}


def words(text: str, variable: Variable) -> list[str]:
    """The words of the first command; what is piped or follows is left out. Raises SpecError for an open quote.

    >>> words("curl -H 'a: b' $'it\\\\'s \\\\u00e9' \\"$KEY\\" | jq .", str.lower)
    ['curl', '-H', 'a: b', "it's é", 'key']
    """
    text = text.replace("\r\n", "\n")
    if '^"' in text:  # cmd, as browsers write it: every letter that is not plain has a caret
        first = re.match(r"(?:\^.|[^&|^])*", text, re.DOTALL)
        assert first is not None  # it matches nothing, too
        return list(_windows(re.sub(r"\^(?:\n(.)|(.)|$)", lambda m: m[1] or m[2] or "", first[0], flags=re.DOTALL)))
    if re.search(r"\^[ \t]*\n", text) or ("'" not in text and _DOUBLED.search(text)):  # cmd, by hand
        within = re.sub(r'"\^(\n+)"', r"\1", text)
        return list(_windows(re.sub(r"\^[ \t]*\n", " ", within)))
    if re.search(r"`[ \t]*\n", text) or (re.match(r"\S*curl\.exe\s", text) and "'" in text):
        return list(_powershell(re.sub(r"`[ \t]*\n", " ", text), variable))
    return list(_bash(text, variable))


def without_heredoc(text: str, variable: Variable) -> tuple[str, str | None]:
    """A command without its here-document, and what that gives to its standard input; None where it has none.

    >>> without_heredoc("curl b.example -d @- <<'EOF' | jq\\n$A\\nEOF\\n", str.lower)
    ('curl b.example -d @- | jq\\n', '$A')
    """
    text = text.replace("\r\n", "\n")
    found = _HEREDOC.search(text)
    if found is None:
        return text, None
    body = found["body"]
    if found["open"]:
        body = _double('"' + body.replace('"', '\\"') + '"', 0, variable)[0]
    return text[: found.start()] + found["rest"] + text[found.end() :], body


def _bash(text: str, variable: Variable) -> Iterator[str]:
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
        part, at = _part(text, at, variable)
        word = (word or "") + part
    if word is not None:
        yield word


def _part(text: str, at: int, variable: Variable) -> tuple[str, int]:
    """A quoted stretch, an escaped letter, a variable or one letter, and where it ends."""
    if text.startswith("$'", at):
        return _ansi(text, at)
    if text[at] == "'":
        end = _closing(text, at)
        return text[at + 1 : end], end + 1
    if text[at] == '"':
        return _double(text, at, variable)
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    return _variable(text, at, variable)


def _variable(text: str, at: int, variable: Variable) -> tuple[str, int]:
    if text.startswith("$(", at) or text[at] == "`":
        raise SpecError("the command runs another command inside ($(..) or `..`); put its result there instead")
    match = _VARIABLE.match(text, at)
    return (variable(match[1] or match[2]), match.end()) if match else (text[at], at + 1)


def _double(text: str, at: int, variable: Variable) -> tuple[str, int]:
    out, here = list[str](), at + 1
    while here < len(text) and text[here] != '"':
        if text[here] == "\\" and text[here + 1 : here + 2] in ('"', "\\", "$", "`", "\n"):
            out.append(text[here + 1].strip("\n"))
            here += 2
            continue
        part, here = _variable(text, here, variable)
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


def _windows(text: str) -> Iterator[str]:
    """As programs of Windows take their line apart: backslashes count before a quote only, two quotes within quotes are
    one."""
    word: str | None = None
    within, opened, at = False, 0, 0
    while at < len(text):
        run = re.compile(r'(\\*)"').match(text, at)
        if run is not None:
            word, at = (word or "") + "\\" * (len(run[1]) // 2), run.end()
            if len(run[1]) % 2:
                word += '"'
            elif within and text.startswith('"', at):
                word, at = word + '"', at + 1
            else:
                within, opened = not within, at - 1
            continue
        if not within and text[at].isspace():
            if word is not None:
                yield word
            word, at = None, at + 1
            continue
        if not within and word is None and text[at] in "&|>":
            return
        word, at = (word or "") + text[at], at + 1
    if within:
        raise SpecError(_OPEN.format(quote='"', at=opened))
    if word is not None:
        yield word


def _powershell(text: str, variable: Variable) -> Iterator[str]:
    """Words; where each quote in one has its backslash, as a program called from there wants it, they are taken off."""
    at, word = 0, ""
    started = False
    while at < len(text) and not (not started and text[at] in "|;>"):
        if text[at].isspace():
            if started:
                yield _unslashed(word)
            at, word, started = at + 1, "", False
            continue
        part, at = _power_part(text, at, variable)
        word, started = word + part, True
    if started:
        yield _unslashed(word)


def _power_part(text: str, at: int, variable: Variable) -> tuple[str, int]:
    if text[at] in "'\"":
        found = re.compile(r"'((?:[^']|'')*)'" if text[at] == "'" else r'"((?:[^"`]|`.|"")*)"', re.DOTALL).match(text, at)
        if found is None:
            raise SpecError(_OPEN.format(quote=text[at], at=at))
        inner = found[1].replace("''", "'") if text[at] == "'" else _power_double(found[1], variable)
        return inner, found.end()
    if text[at] == "`" and at + 1 < len(text):
        return _POWER.get(text[at + 1], text[at + 1]), at + 2
    match = _POWER_VARIABLE.match(text, at)
    return (variable(match[1] or match[2]), match.end()) if match else (text[at], at + 1)


def _power_double(inner: str, variable: Variable) -> str:
    def one(match: re.Match[str]) -> str:
        if match[0] == '""':
            return '"'
        return _POWER.get(match[0][1], match[0][1]) if match[0][0] == "`" else variable(match[1] or match[2])

    return re.sub(rf'`.|""|{_POWER_VARIABLE.pattern}', one, inner, flags=re.DOTALL)


def _unslashed(word: str) -> str:
    if not re.search(r'\\"', word) or re.search(r'(?<!\\)"', word):
        return word
    return re.sub(r'(\\+)"', lambda m: "\\" * (len(m[1]) // 2) + '"', word)


_OPEN = "the quote {quote} at character {at} of the command is never closed; paste the command whole"
