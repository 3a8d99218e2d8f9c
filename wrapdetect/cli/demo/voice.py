"""A voice: an invented model with an answer bank (fixtures/voices), sampling noise, and obedience to system prompts."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from wrapdetect.model import Item, Pack
from wrapdetect.model.prose import sentences
from wrapdetect.targets.toml_lines import STRICT, TomlText

Messages = Sequence[Mapping[str, str]]
CHOICE = re.compile(r"\[\[((?:(?!\[\[|\]\]).)*?\|\|(?:(?!\[\[|\]\]).)*?)\]\]", re.S)
_PERSONA = re.compile(r"You are (?P<name>[A-Z]\w+)(?:,? made by (?P<maker>[A-Z][\w ]*\w))?")
TERSE = re.compile(r"\b(brief|briefly|short|concise)\b", re.I)
CALM = re.compile(r"\b(calm|formal|formally)\b", re.I)
WARM = re.compile(r"\b(friendly|cheerful|politely)\b", re.I)
OPENERS = ("Thanks for asking! ", "Good to hear from you. ", "Happy to help. ", "")
CLOSERS = ("", "\n\nCome back any time.", "\n\nHave a good day!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """`answers` maps the user's turns up to now to a template with [[a||b]] choices."""

    id: str
    vendor: str
    model: str
    filler: tuple[str, ...]
    answers: Mapping[tuple[str, ...], str]


class _AnswerTable(BaseModel):
    model_config = STRICT

    item: str
    turns: list[str]


class _Bank(BaseModel):
    model_config = STRICT

    id: str
    vendor: str
    model: str
    filler: list[str]
    answer: list[_AnswerTable]


def load_voice(file: Path, packs: Sequence[Pack]) -> Voice:
    """Raises KeyError where the bank answers an item that no pack holds."""
    toml = TomlText(text=file.read_text(encoding="utf-8"), name=str(file))
    bank = toml.check(_Bank, toml.loads(), lambda misfit: f"{toml.at(misfit.loc)}: {misfit.message}")
    items: dict[str, Item] = {i.id: i for p in packs for i in p.items}
    answers: dict[tuple[str, ...], str] = {}
    for entry in bank.answer:
        asked = items[entry.item].turns
        for turn, template in enumerate(entry.turns):
            answers[asked[: turn + 1]] = template
    return Voice(id=bank.id, vendor=bank.vendor, model=bank.model, filler=tuple(bank.filler), answers=answers)


def speak(voice: Voice, messages: Messages, rng: random.Random) -> str:
    """One sample of the voice's answer to a conversation, shaped by its system prompts."""
    asked = tuple(m["content"] for m in messages if m["role"] == "user")
    system = " ".join(m["content"] for m in messages if m["role"] == "system")
    template = voice.answers.get(asked)
    if template is None:
        return _reply_to_unknown(voice, asked[-1] if asked else "", rng)
    return _obey(voice, draw(template, rng), system, rng)


def draw(template: str, rng: random.Random) -> str:
    """Replace each [[a||b||c]] by one of its alternatives.

    >>> draw("[[x||x]] and y", random.Random(1))
    'x and y'
    """
    return CHOICE.sub(lambda m: rng.choice(m[1].split("||")), template)


def _obey(voice: Voice, text: str, system: str, rng: random.Random) -> str:
    if persona := _PERSONA.search(system):
        text = text.replace(voice.vendor, persona["maker"] or "our own team").replace(voice.model, persona["name"])
    if "```" in text or not system:
        return text
    if TERSE.search(system):
        text = _shortened(text)
    if CALM.search(system):
        text = text.replace("!", ".")
    if WARM.search(system):
        text = rng.choice(OPENERS) + text + rng.choice(CLOSERS)
    return text


def _shortened(text: str) -> str:
    """The first two thirds of the lines of a list, or of the sentences of prose; short answers stay whole."""
    lines = text.split("\n")
    if len(lines) > 3:
        return "\n".join(lines[: -(-len(lines) * 2 // 3)]).rstrip()
    parts = sentences(text)
    return " ".join(parts[: -(-len(parts) * 2 // 3)]) if len(parts) > 2 else text


def _reply_to_unknown(voice: Voice, question: str, rng: random.Random) -> str:
    """Counting and copying are done as asked; anything else gets the voice's own prose, which fits no question."""
    low = question.lower()
    if match := re.search(r"count from (\d+) to (\d+)", low):
        return " ".join(str(n) for n in range(int(match[1]), min(int(match[2]), 500) + 1))
    if match := re.search(r"write the word (\w+) exactly (\d+) times", low):
        return " ".join([match[1]] * min(int(match[2]), 500))
    if "word by word" in low:
        return question.partition("\n\n")[2] or question
    if "one word" in low or "single word" in low or "number only" in low:
        return rng.choice(("ready", "yellow", "wide", "OK"))
    count = 14 if "600 words" in low else 3
    return " ".join(draw(s, rng) for s in rng.sample(voice.filler, min(count, len(voice.filler))))
