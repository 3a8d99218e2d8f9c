"""Plain handling of text that several layers share: think-blocks, sentences, words, quotes fit to print."""

import re
import unicodedata

THINK = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.S | re.I)
SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？；])|\n+")
WORD = re.compile(r"[\w'’]+")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def strip_think(text: str) -> str:
    """Without inline reasoning; a block that never closes hides all that follows.

    >>> strip_think("<think>hm</think> Yes.")
    'Yes.'
    """
    return THINK.sub("", text).strip()


def sentences(text: str) -> list[str]:
    """Cut at sentence ends and line breaks, in Latin script and in Chinese or Japanese.

    >>> sentences("One. Two!\\n我是。你是")
    ['One.', 'Two!', '我是。', '你是']
    """
    return [s.strip() for s in SENTENCE.split(text) if s and s.strip()]


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


def quote(text: str, limit: int = 160) -> str:
    """One line fit to print: no control characters, so that a hostile answer cannot drive a terminal.

    >>> quote("a\\n b\\x1b[31m")
    'a b?[31m'
    """
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
