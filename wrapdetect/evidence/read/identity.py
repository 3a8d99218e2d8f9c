"""What a bot says it is: `claims` and `denies` (vendor ids), `human`, `refusal`, `conceals` its instructions."""

import re
from collections.abc import Iterator, Sequence

from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.evidence.seeds import Vendor, Vendors
from wrapdetect.model import Observation
from wrapdetect.model.prose import quote, sentences, strip_think

READER = Reader(
    id="identity",
    features=("claims", "denies", "human", "refusal", "said"),
    read=lambda readings, background: read(readings, background),
    paragraph="""`claims` and `denies`: vendors named, clause by clause. `human`: says in the first person that it is
    one. `refusal`: will not say. `said`: the answer, for quoting.""",
)


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.I)


CONTRAST = r"\b(?:but|sondern|sino|mais|pero|aber)\b|而是|但"
CLAUSE = _any(r"[,;:—–，；：、]", r"\s-\s", f"(?={CONTRAST})")
_BARE = _any(r"^\W*(?:(?:and|or|nor|und|oder|y|o|ou|et|和|或|或者|以及|と|や)\W*)*$")
NEGATION = _any(
    r"\b(?:not|no|nor|never|neither|without|unrelated|nothing|cannot|unlike)\b|n['’]t\b",
    r"\b(?:nicht|kein\w*|nein|weder|noch|pas|non|ni|aucun\w*|nunca|ningun\w*|tampoco|jamais)\b",
    "不是|没有|并非|不(?!过|仅|断|错)|非(?!常)",
    "ではありません|ではなく|じゃない|いいえ|ません",
)
HUMAN = _any(
    r"\bi(?:['’]m| am) (?:(?:an?|indeed|really|just|only|real|actual|living) ){0,3}(?:human|person|man|woman)\b",
    r"\bich bin ein (?:echter )?mensch",
    r"\bje suis (?:une? )?(?:vraie? )?(?:humain|personne|être humain)\b",
    r"\bsoy (?:una? )?(?:ser )?(?:human[oa]|persona)\b",
    "我是(?:一个|一名|真)*(?:人类|真人|人)(?!工)",
    "(?:私|わたし)は人間です",
)
FINAL = _any("(?:ではありません|じゃない|ではない)[。．]?$")
REFUSAL = _any(
    r"\bi(?: can(?:not|['’]t)|(?: am|['’]m) (?:not able|unable)| won['’]t|(?: would|['’]d) (?:rather|prefer) not)\b",
    r"\bnot (?:able|allowed|permitted) to (?:share|disclose|discuss|say|reveal)",
    r"\b(?:no puedo|je ne peux pas|kann ich (?:\w+ ){0,3}nicht)\b",
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
            yield reading.observe("claims", vendor, READER.id)
        for vendor in denies:
            yield reading.observe("denies", vendor, READER.id)
        if claims_human(text):
            yield reading.observe("human", True, READER.id)
        if REFUSAL.search(text):
            yield reading.observe("refusal", True, READER.id)
        yield reading.observe("said", quote(text), READER.id)


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
        clauses = CLAUSE.split(sentence)
        for place, clause in enumerate(clauses):
            named = [vendor for vendor, names in patterns if names.search(clause)]
            # "not ChatGPT, GPT-4 or Claude": a negation that names somebody runs on over a bare list of names.
            negated = bool(NEGATION.search(clause)) or (negated and bool(named) and _bare(clause, patterns))
            # "私はChatGPT、Claudeではありません": in Japanese it stands at the end of the list.
            final = any(FINAL.search(c) for c in clauses[place:])
            for vendor in named:
                (denies if negated or final else claims)[vendor] = None
            negated = negated and bool(named)
    return [v for v in claims if v not in denies], list(denies)


def _bare(clause: str, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> bool:
    """Whether nothing but names and conjunctions is in a clause."""
    for _, names in patterns:
        clause = names.sub("", clause)
    return bool(_BARE.search(re.sub(r"[\d.]+", "", clause)))


def claims_human(text: str) -> bool:
    """Whether some sentence says in the first person, and without a "not", that a human speaks.

    >>> claims_human("I am a human."), claims_human("I'm not a human."), claims_human("Is a human better?")
    (True, False, False)
    """
    said = ((c, HUMAN.search(c)) for s in sentences(text) for c in CLAUSE.split(s))
    return any(m is not None and not NEGATION.search(c[: m.end()]) for c, m in said)


def vendor_pattern(vendors: Vendors) -> re.Pattern[str]:
    """Any name of any vendor."""
    return re.compile("|".join(_names(v).pattern for v in vendors.vendor))


def _names(vendor: Vendor) -> re.Pattern[str]:
    def longest_first(names: Sequence[str]) -> str:
        return "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))

    any_case = [f"(?i:{longest_first(vendor.names)})"] if vendor.names else []
    as_written = [longest_first(vendor.cased)] if vendor.cased else []
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join([*any_case, *as_written])})(?![A-Za-z])")
