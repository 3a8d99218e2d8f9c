"""An answer as it came -> what is compared: without inline reasoning and boilerplate in front; refusals marked.

Quotes, dashes, spaces and marks stay as they are: they are habits, and habits tell who writes.
"""

import re
from typing import NamedTuple

from wrapdetect.model.prose import strip_think

OPENER = re.compile(
    r"\A\W{0,3}(?:sure|certainly|of course|absolutely|okay|ok|great|gladly|no problem|"
    r"claro|por supuesto|bien sûr|natürlich|gerne|certo|конечно|当然可以|当然|好的|もちろんです|はい)"
    r"(?:\s+thing)?\s?(?:[!,.:—–，。！、]|-(?=\s))[^\n]{0,160}?(?:[:!.](?=\s|\Z)|[。：！]|\n|\Z)\s*",
    re.I,
)
HERE_IS = re.compile(
    r"\A\W{0,3}(?:(?:here(?:['’]s| is| are)|below (?:is|are))\b[^\n]{0,160}?(?::|：)(?=\s)|以下是[^\n]{0,80}?[:：])\s*",
    re.I,
)
_REFUSED = re.compile(
    r"\b(?:i['’]m sorry|i am sorry|sorry|i apologi[sz]e|unfortunately|as an ai(?: language model)?)\b[^\n]{0,120}?"
    r"\b(?:can(?:['’]t|not)|unable|not able|won['’]t|don['’]t have|do not have|not allowed)\b|"
    r"\bi(?: can(?:['’]t|not)|(?: am|['’]m) (?:unable|not able)| won['’]t be able) (?:to )?"
    r"(?:help|assist|provide|answer|comply|fulfil|do that|create|write|generate|discuss|share|engage)\b|"
    r"\b(?:lo siento|je suis désolée?|es tut mir leid|mi dispiace|desculpe)\b[^\n]{0,120}?"
    r"\b(?:no puedo|ne peux|kann ich|kann ihnen|non posso|não posso)\b|"
    r"(?:抱歉|对不起|很遗憾)[^\n]{0,60}?(?:无法|不能)|(?:申し訳|すみません)[^\n]{0,80}?(?:できません|お答え)",
    re.I,
)
REFUSAL_WITHIN = 300
"""Characters at the start of an answer in which a refusal is looked for."""
REFUSAL_UP_TO = 900
"""A longer answer has answered something, whatever it began with."""


class Normal(NamedTuple):
    """What is compared of one answer. An empty `text` is no evidence; a refusal is evidence of its own."""

    text: str
    refused: bool


def normalise(answer: str) -> Normal:
    """Strip reasoning and openers; say whether it is a refusal.

    >>> normalise("<think>hm</think>Sure! Here is a list:\\n\\n- “tea” — green")
    Normal(text='- “tea” — green', refused=False)
    >>> normalise("I'm sorry, but I can't assist with that.").refused
    True
    """
    text = strip_think(answer)
    bare = HERE_IS.sub("", OPENER.sub("", text, count=1), count=1)
    text = bare if bare.strip() else text
    refused = len(text) <= REFUSAL_UP_TO and _REFUSED.search(text[:REFUSAL_WITHIN]) is not None
    return Normal(text, refused)
