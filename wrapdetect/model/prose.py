"""Plain handling of text that several layers share: think-blocks, sentences, words, quotes fit to print."""

import re
import unicodedata
from collections.abc import Iterable

THINK = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.S | re.I)
ORPHAN = re.compile(r"\A.*</(think|thinking|reasoning)>", re.S | re.I)  # the template opened the block
SENTENCE = re.compile(r"(?:[.!?…][\"'”’»)\]]*(?=\s)|[。！？；]|\n)\s*")
WORD = re.compile(r"[\w'’]+")
LONGEST_READ = 50_000
"""Characters of an answer that are read and compared; no question asks for a tenth of it, and what floods its judge is
not worth more time."""
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def strip_think(text: str) -> str:
    """Without inline reasoning; a block that never closes hides all that follows.

    >>> strip_think("<think>hm</think> Yes.")
    'Yes.'
    """
    return ORPHAN.sub("", THINK.sub("", text)).strip()


def sentences(text: str) -> list[str]:
    """Cut at sentence ends and line breaks, in Latin script and in Chinese or Japanese.

    >>> sentences("One. Two!\\n我是。你是")
    ['One.', 'Two!', '我是。', '你是']
    """
    return [s.strip() for s in spans(text) if s.strip()]


def spans(text: str) -> list[str]:
    """The text cut behind each sentence, with the white space that follows it: joined, they give the text back.

    >>> spans("One.  Two!\\n我是。你是")
    ['One.  ', 'Two!\\n', '我是。', '你是']
    """
    ends = [m.end() for m in SENTENCE.finditer(text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def words(text: str) -> list[str]:
    """Lower-case words; of Chinese, Japanese and Korean, which put no spaces, each pair of neighbours.

    >>> words("The tide 潮汐表")
    ['the', 'tide', '潮汐', '汐表']
    """
    found: list[str] = []
    for word in WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if CJK.search(word):
            found += [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
        else:
            found.append(word)
    return found


def printable(text: str) -> str:
    """A message fit to print: the names of files in it, which may hold anything, drive no terminal.

    >>> printable("recorded in a\\x1b[31m.jsonl")
    'recorded in a?[31m.jsonl'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def quote(text: str, limit: int = 160) -> str:
    """One line fit to print: no control characters, so that a hostile answer cannot drive a terminal.

    >>> quote("a\\n b\\x1b[31m")
    'a b?[31m'
    """
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names fit to print, with commas; of very many the first.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = [quote(name, 40) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
