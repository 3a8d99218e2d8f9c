"""A command line as somebody copied it -> its words, by the rules of bash, of cmd, or of PowerShell. Runs nothing.

`variable` tells what stands for `$NAME` and `${NAME}`, since nobody here knows their values.
"""

import re
from collections.abc import Callable, Iterator

from wrapdetect.errors import SpecError
from wrapdetect.model.prose import quote
from wrapdetect.model.text import whole

Variable = Callable[[str], str]

_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v", "0": "\0"}
_VARIABLE = re.compile(r"\$(?:\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_POWER_VARIABLE = re.compile(r"\$(?:\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|(?:env:)?([A-Za-z_][A-Za-z0-9_]*))")
_ANSI_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_END = re.compile(r"\||;|>|<|&(?=\s|&|$)|#(?=\s)")
_HEREDOC = re.compile(r"""(?<=\s)<<-?[ \t]*(['"\\]?)(\w++)['"]?([^\n]*+)\n""")
_HEREDOC_WORD = re.compile(r"""(['"])\w+\1""")
_PLAIN_QUOTE = re.compile(r"[^'\"`]*\"")
_ESCAPED = re.compile(r'\^[&{}\[\]<>|%"\\]')
"""Carets that only browsers write within quotes."""
_CARETS = re.compile(r"[^'\"`]*\^\"")
_QUOTED = re.compile(r"""\\.|\$'(?:[^'\\]|\\.)*+(?:'|$)|'[^']*(?:'|$)|"(?:[^"\\]|\\.)*+(?:"|$)""", re.DOTALL)
_DOUBLED = re.compile(r'[{\[,:]""\w|\w""[:,}\]]')
"""Quotes within quotes, as older browsers wrote them for Windows."""
_SLASHES = re.compile(r'(?=[\\"])(\\*)("?)')
_GOES_ON = re.compile(r"\\(?:\n|[ \t]+\n)")
"""At the end of a line; a space behind it, which a page may have added, is not meant."""
_BROKEN = re.compile(r"\s|`[ \t]*\n")
_POWER = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def shell_words(text: str, variable: Variable) -> list[str]:
    """The words of the first command; what is piped or follows is left out. Raises SpecError for an open quote.

    >>> shell_words("curl -H 'a: b' $'it\\\\'s \\\\u00e9' \\"$KEY\\" | jq .", str.lower)
    ['curl', '-H', 'a: b', "it's é", 'key']
    """
    text = text.replace("\r\n", "\n")
    unquoted = _QUOTED.sub("", text)
    by_lines = re.search(r"\^[ \t]*\n", unquoted) is not None
    if _CARETS.match(text) or (by_lines and _PLAIN_QUOTE.match(text) and _ESCAPED.search(text)):  # cmd, by a browser
        first = re.match(r"(?:\^.|[^&|^])*", text, re.DOTALL)
        assert first is not None  # it matches nothing, too
        bare = re.sub(r"\^(?:\n(.)|(.)|$)", lambda m: m[1] or m[2] or "", first[0], flags=re.DOTALL)
        return list(_windows(bare, backslash=re.compile(r"\\([\\\"])")))
    if "'" not in text and _DOUBLED.search(text):  # cmd, as older browsers wrote it
        within = re.sub(r'"\^(\n+)"', r"\1", text)
        return list(_windows(re.sub(r"\^[ \t]*\n", " ", within), backslash=re.compile(r"\\(\\)")))
    if by_lines:  # cmd, by hand
        return list(_windows(re.sub(r"\^[ \t]*\n", " ", text)))
    if re.search(r"`[ \t]*\n", unquoted) or (re.match(r"\S*curl\.exe\s", text) and re.search("['`]", text)):
        return list(_powershell(text, variable))
    return list(_bash(text, variable))


def without_heredoc(text: str, variable: Variable) -> tuple[str, str | None]:
    """A command without its here-document, and what that gives to its standard input; None where it has none.

    >>> without_heredoc("curl b.example -d @- <<'EOF' | jq\\n$A\\nEOF\\n", str.lower)
    ('curl b.example -d @-  | jq\\n', '$A')
    """
    text = text.replace("\r\n", "\n")
    found = _HEREDOC.search(_QUOTED.sub(lambda m: m[0] if _HEREDOC_WORD.fullmatch(m[0]) else "x" * len(m[0]), text))
    if found is None:
        return text, None
    end = re.compile(rf"^[ \t]*{found[2]}[ \t]*$", re.MULTILINE).search(text, found.end())
    if end is None:
        raise SpecError(f"the text after << never ends by a line {quote(found[2], 60)}; paste the command whole")
    body = text[found.end() : end.start()].removesuffix("\n")
    if not found[1]:
        body = _expanded(body, 0, variable, end="")[0]
    return text[: found.start()] + found[3] + text[end.end() :], body


def _bash(text: str, variable: Variable) -> Iterator[str]:
    word: str | None = None
    at = 0
    while at < len(text):
        if text[at] == "\\" and (goes_on := _GOES_ON.match(text, at)):
            at = goes_on.end()
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
        return _expanded(text, at + 1, variable, end='"')
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    return _variable(text, at, variable)


def _variable(text: str, at: int, variable: Variable) -> tuple[str, int]:
    if text.startswith("$(", at) or text[at] == "`":
        raise SpecError("the command runs another command inside ($(..) or `..`); put its result there instead")
    match = _VARIABLE.match(text, at)
    if match is None and text.startswith("${", at):
        raise SpecError("the command holds a ${..} that is no plain variable; write $NAME, or its value, in its place")
    return (variable(match[1] or match[2]), match.end()) if match else (text[at], at + 1)


def _expanded(text: str, at: int, variable: Variable, *, end: str) -> tuple[str, int]:
    """What bash makes of a text up to a quote, or of a here-document to its end (""); and where it goes on."""
    out, here = list[str](), at
    while here < len(text) and text[here] != end:
        if text[here] == "\\" and here + 1 < len(text) and text[here + 1] in (end, "\\", "$", "`", "\n"):
            out.append(text[here + 1].strip("\n"))
            here += 2
            continue
        part, here = _variable(text, here, variable)
        out.append(part)
    if end and here >= len(text):
        raise SpecError(_OPEN.format(quote=end, at=at - 1))
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
    return whole(found), end.end()


def _closing(text: str, at: int) -> int:
    end = text.find("'", at + 1)
    if end < 0:
        raise SpecError(_OPEN.format(quote="'", at=at))
    return end


def _windows(text: str, backslash: re.Pattern[str] | None = None) -> Iterator[str]:
    """As programs of Windows take their line apart: backslashes count before a quote only, two quotes within quotes are
    one. Browsers double each `backslash`, wherever it stands."""
    word: str | None = None
    within, opened, at = False, 0, 0
    while at < len(text):
        if backslash is not None and (doubled := backslash.match(text, at)) is not None:
            word, at = (word or "") + doubled[1], at + 2
            continue
        run = _SLASHES.match(text, at)
        if run is not None and not run[2]:
            word, at = (word or "") + run[1], run.end()
            continue
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
        gap = _BROKEN.match(text, at)
        if gap is not None:
            if started:
                yield _unslashed(word)
            at, word, started = gap.end(), "", False
            continue
        part, at = _power_part(text, at, variable)
        word, started = word + part, True
    if started:
        yield _unslashed(word)


def _power_part(text: str, at: int, variable: Variable) -> tuple[str, int]:
    if text[at] in "'\"":
        found = re.compile(r"'((?:[^']|'')*)'" if text[at] == "'" else r'"((?:[^"`]|`.|"")*)"', re.DOTALL).match(
            text, at
        )
        if found is None:
            raise SpecError(_OPEN.format(quote=text[at], at=at))
        inner = found[1].replace("''", "'") if text[at] == "'" else _power_double(found[1], variable)
        return inner, found.end()
    if text[at] == "`" and at + 1 < len(text):
        return _POWER.get(text[at + 1], text[at + 1]), at + 2
    match = _POWER_VARIABLE.match(text, at)
    return (variable(match[1] or match[2]), match.end()) if match else (text[at], at + 1)


def _power_double(inner: str, variable: Variable) -> str:
    if re.search(r"(?:^|[^`])\$\(", inner):
        raise SpecError("the command runs another command inside ($(..)); put its result there instead")

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
