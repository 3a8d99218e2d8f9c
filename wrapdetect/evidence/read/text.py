"""The answer as text: `answer` without think-blocks, `claim_free` also without sentences about its own identity."""

import re
from collections.abc import Iterator, Sequence

from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.evidence.read.identity import vendor_pattern
from wrapdetect.model import Observation
from wrapdetect.model.prose import spans, strip_think

READER = Reader(
    id="text",
    features=("answer", "claim_free"),
    read=lambda readings, background: read(readings, background),
    paragraph="""`answer` without think-blocks; `claim_free` also without the sentences in which the bot speaks of
    itself or a vendor.""",
)

SELF = re.compile(
    r"\b(as an? (ai|language model|assistant|artificial)|i('|’)?m an? (ai|language model|assistant|bot|large)"
    r"|i am an? (ai|language model|assistant|bot|large)|my name is|my (creators?|developers?|makers?)"
    r"|ich bin ein[e]? (ki|sprachmodell)|je suis une? (ia|mod[eè]le)|soy un(a)? (ia|modelo|asistente))"
    r"|我(是|叫).{0,12}(助手|模型|机器人|AI)|作为(一个)?(AI|人工智能)|私は.{0,12}(AI|モデル|アシスタント)",
    re.I,
)


def read(readings: Sequence[Reading], background: Background) -> Iterator[Observation]:
    named = vendor_pattern(background.vendors)
    for reading in readings:
        if reading.reply.failure is None and reading.last_turn:
            answer = strip_think(reading.reply.text)
            yield reading.observe("answer", answer, READER.id)
            if free := mask_claims(answer, named):
                yield reading.observe("claim_free", free, READER.id)


def mask_claims(text: str, named: re.Pattern[str]) -> str:
    """The lines of a text without the sentences that say who speaks; layout is kept, for it is a fingerprint."""
    return "\n".join(kept for line in text.split("\n") if (kept := _mask_line(line, named)) is not None).strip()


def _mask_line(line: str, named: re.Pattern[str]) -> str | None:
    parts = spans(line)
    free = [p for p in parts if not SELF.search(p) and not named.search(p)]
    if len(free) == len(parts):
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return (indent + "".join(free).lstrip()).rstrip() if free else None
