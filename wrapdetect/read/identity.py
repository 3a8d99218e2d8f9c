"""What a bot says it is: `claims` and `denies` (vendor ids), `human`, `refusal`, `conceals` its instructions."""

import re
from collections.abc import Iterator, Sequence

from wrapdetect.model import Observation
from wrapdetect.prose import CJK, quote, sentences, strip_think
from wrapdetect.read.base import Background, Reading
from wrapdetect.seeds import Vendor, Vendors


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.I)


CLAUSE = _any(r"[,;:—–，；：、]", r"\s-\s", r"\b(?:but|sondern|sino|mais|pero|aber)\b", "而是", "但")
NEGATION = _any(
    r"\b(?:not|no|nor|never|neither|without|unrelated|nothing)\b|n['’]t\b",
    r"\b(?:nicht|kein\w*|nein|weder|noch|pas|non|ni|aucun\w*|nunca|ningun\w*|tampoco|jamais)\b",
    "不是|没有|并非|不|非",
    "ではありません|ではなく|じゃない|いいえ|ません",
)
HUMAN = _any(
    r"\bi(?:['’]m| am) (?:(?:an?|indeed|really|just|only|real|actual|living) ){0,3}(?:human|person|man|woman)\b",
    r"\bich bin ein (?:echter )?mensch",
    r"\bje suis (?:une? )?(?:vraie? )?(?:humain|personne|être humain)",
    r"\bsoy (?:una? )?(?:ser )?(?:human[oa]|persona)",
    "我是(?:一个|一名|真)*(?:人类|真人|人)(?!工)",
    "(?:私|わたし)は人間です",
)
REFUSAL = _any(
    r"\bi(?: can(?:not|['’]t)|(?: am|['’]m) (?:not able|unable)| won['’]t|(?: would|['’]d) (?:rather|prefer) not)\b",
    r"\bnot (?:able|allowed|permitted) to (?:share|disclose|discuss|say|reveal)",
    r"\b(?:no puedo|je ne peux pas|kann ich (?:dir |ihnen )?nicht)\b",
    "无法(?:透露|提供|回答)|不能(?:透露|提供|公开)|不便",
    "お答えできません|お伝えできません",
)


def read(readings: Sequence[Reading], background: Background) -> Iterator[Observation]:
    patterns = [(v.id, _names(v)) for v in background.vendors.vendor]
    for reading in readings:
        if reading.reply.failure is not None:
            continue
        text = strip_think(reading.reply.text)
        claims, denies = claims_in(text, patterns)
        for vendor in claims:
            yield reading.observe("claims", vendor, "identity")
        for vendor in denies:
            yield reading.observe("denies", vendor, "identity")
        if claims_human(text):
            yield reading.observe("human", True, "identity")
        if REFUSAL.search(text):
            yield reading.observe("refusal", True, "identity")
        yield reading.observe("said", quote(text), "identity")


def claims_in(text: str, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> tuple[list[str], list[str]]:
    """Vendors claimed and vendors denied, clause by clause; who is only denied somewhere is not claimed there.

    >>> import re
    >>> claims_in("No, I'm not ChatGPT. I'm Claude.", [("o", re.compile("ChatGPT")), ("a", re.compile("Claude"))])
    (['a'], ['o'])
    """
    claims: dict[str, None] = {}
    denies: dict[str, None] = {}
    for sentence in sentences(text):
        negated = False
        for clause in CLAUSE.split(sentence):
            # "not ChatGPT, GPT-4 or Claude": a negation runs on over a bare list of names.
            short = len(clause.split()) <= 3 and not CJK.search(clause)
            negated = bool(NEGATION.search(clause)) or (negated and short)
            for vendor, names in patterns:
                if names.search(clause):
                    (denies if negated else claims)[vendor] = None
    return [v for v in claims if v not in denies], list(denies)


def claims_human(text: str) -> bool:
    """Whether some sentence says in the first person, and without a "not", that a human speaks.

    >>> claims_human("I am a human."), claims_human("I'm not a human."), claims_human("Is a human better?")
    (True, False, False)
    """
    said = ((s, HUMAN.search(s)) for s in sentences(text))
    return any(m is not None and not NEGATION.search(s[: m.end()]) for s, m in said)


def vendor_pattern(vendors: Vendors) -> re.Pattern[str]:
    """Any name of any vendor."""
    return re.compile("|".join(_names(v).pattern for v in vendors.vendor), re.I)


def _names(vendor: Vendor) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(n) for n in sorted(vendor.names, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{alternatives})(?![a-z])", re.I)
