"""What a page shows while its answer is still to come: is a text only such a notice, when is an answer settled, and is it
no more than word of a failure?

Pure. A notice is known by its words; a text that the page did not get from anywhere since the question, and that stood
there at once, is waited past for longer than one that was seen to come.
"""

# ruff: noqa: E501  # a language's notices stand in one line
import re
from dataclasses import dataclass
from itertools import pairwise

from wrapdetect.dialects.body.unpacked import kind_of
from wrapdetect.model import Failure, FailureKind

NOTICE_LIMIT = 160
"""Characters: a longer text is no notice."""
STALE_S = 12.0
"""A request that is open, or a sign of work, so long after the last change keeps no received answer from settling."""
OWN_S = 8.0
"""How long a text stands that the page seems to have of itself, before it is taken for the answer."""
OWN_GROWN_S = 4.0
"""The same where it was seen to grow."""
PUSHED_S = 2.5
"""The same of an answer over a connection that stays open, such as a socket: nothing there says that it ended."""
WHOLE_S = 2.0
"""The same of a short answer that came at once: another may follow."""
_SHORT = 200
APOLOGY_LIMIT = 300
"""Characters: a longer text is an answer, whatever became of the page's request."""
SORRY = re.compile(
    r"error|wrong|fail|try again|unavailable|exceeded|limit|denied|unauthori|fehler|erreur|fallo|ошибк|错误|エラー",
    re.I,
)
PAUSE_S = 0.7
"""A notice that stood alone so long before the answer began below it is no part of it."""

_DOING = (
    r"check|look|think|search|fetch|find|consult|work|process|prepar|gather|generat|writ|typ|connect|retriev|analy[sz]"
    r"|load|contact|ask|review|compos|brows|read|comput|calculat|transfer|forward|wait"
)
_SOFTLY = r"(?:please|just|now|ok(?:ay)?|sure|hi|hello|hmm+|great|alright|got it|thanks?(?: you)?|of course|certainly)"
_END = r"(?:[^.!?。！？…]{0,90})[\s.…!。！~·•⏳⌛🤔💭✨]*"
_NOTICES = (
    rf"(?:(?:{_SOFTLY})[\s,.!]+){{0,3}}(?:wait|hold on|hang on|stand by|bear with (?:me|us)|be patient)\b{_END}",
    rf"(?:(?:{_SOFTLY})[\s,.!]+){{0,3}}(?:give (?:me|us) )?(?:just )?(?:one|a|an)(?: quick| little)? "
    rf"(?:moment|second|sec|minute|min|instant)s?(?=[\W_]*$|\s*[,.!…–-]| (?:please|while|as|and|so|for|i|we|to)\b){_END}",
    rf"(?:(?:{_SOFTLY})[\s,.!]+){{0,3}}(?:let me|i(?:'|’)?ll|i will|we(?:'|’)?ll|we will|allow me to)"
    rf"(?: just| quickly| now)* (?:{_DOING}|see|get|pull|dig|be (?:right )?(?:with|back))\b"
    r"[^.!?,:;。！？…]{0,60}[\s.…!]*",
    rf"(?:(?:{_SOFTLY})[\s,.!]+){{0,3}}(?:i(?:'|’)?m|i am|we are|we(?:'|’)re|\S+ is|(?:the |our |your )?(?:\S+ ){{0,3}}is)"
    rf"(?: still| just| now| currently)* (?:{_DOING})(?:t)?ing\b[^.!?,:;。！？…]{{0,60}}[\s.…!]*",
    rf"(?:still |now |currently )?(?:{_DOING})(?:t)?ing\b(?: [^.!?,:;。！？…\s]+){{0,6}}[\s.…!]*",
    r"(?:thanks?|thank you)\b.{0,50}\b(?:moment|shortly|soon|patien\w+|waiting)\b.{0,30}",
    r"(?:your|the) (?:question|message|request|query|answer|reply|response)\b.{0,20}\b(?:is|was|has been|are)\b.{0,10}"
    r"\b(?:received|processed|sent|forwarded|handled|prepared|generated|submitted|queued|on its way)\b.{0,60}",
    r"(?:\S+ ){1,4}(?:has |have )?joined(?: the (?:chat|conversation|room))?[\s.!]*",
    r"(?:you(?:'|’)re|you are) now (?:chatting|connected|talking|speaking) (?:with|to)\b.{0,60}",
    r"(?:the |your )?(?:chat|conversation|session) (?:has |was )?(?:started|begun|opened)\b.{0,40}",
    r"(?:you are|you(?:'|’)re|position|number)\b.{0,30}\b(?:queue|line)\b.{0,60}",
    r"(?:einen?|nur einen?|eine)\s(?:kleinen )?(?:moment|augenblick|sekunde)\b.{0,90}",
    r"(?:bitte )?(?:warten|gedulden)\b.{0,80}|(?:ich|wir) (?:schaue?|suche?|prüfe?n?|denke?n?|sehe?n?|überlege?)\b"
    r".{0,40}(?:nach|gerade|kurz|das|…|\.\.\.)[\s.…!]*",
    r"(?:un|une)(?: petit)? (?:instant|moment|seconde)\b.{0,90}|(?:veuillez )?(?:patient(?:er|ez))\b.{0,80}",
    r"je (?:cherche|vérifie|réfléchis|regarde|consulte)\b.{0,60}|(?:laissez|laisse)-moi\b.{0,60}",
    r"(?:un|une?|uno) (?:momento|momentito|segundo|instante|attimo|secondo)\b.{0,90}|(?:por favor,? )?esper[ae]\b.{0,80}",
    r"(?:déjame|permítame|estoy) (?:ver|buscar|buscando|pensando|consultando|revisando)\b.{0,60}",
    r"(?:attendere|attendi|aspetta)\b.{0,60}|um (?:momento|instante|segundo)\b.{0,90}|(?:por favor,? )?aguarde\b.{0,60}",
    r"(?:een (?:moment|ogenblik)|even geduld|chwileczkę|proszę czekać|ett ögonblick|bir dakika|lütfen bekleyin).{0,60}",
    r"(?:минут(?:ку|очку)|одну (?:минуту|секунду)|секунд(?:у|очку)|подождите|пожалуйста,? подождите|ищу|думаю)\b.{0,60}",
    r"(?:请|請)?(?:稍候|稍等|稍後|等一下|等待|耐心)[^。]{0,30}。?|正在.{0,20}|(?:好的[，,])?(?:让我|我来|我)(?:查|想|看|搜).{0,12}",
    r"(?:少々|しばらく|少し|ちょっと)?お?待(?:ち|って).{0,20}|.{0,16}(?:検索|確認|考え|生成|入力|処理)(?:中|しています|しております).{0,8}",
    r"잠시만.{0,20}|.{0,16}(?:기다려|생각하는|검색하는|작성하는|확인하는|입력) ?(?:주세요|중).{0,10}",
)
_NOTICE = re.compile("|".join(f"(?:{n})" for n in _NOTICES), re.IGNORECASE)
_COURTESY = re.compile(rf"{_SOFTLY}(?:[\s,]+\w+){{0,3}}[\s.!]*", re.IGNORECASE)
_ICONS = re.compile(r"^[^\w\[(]+|\s*[▌█▍▎▋]+\s*$")


def only_waits(text: str) -> bool:
    """Whether a text only says that the answer is still to come; of several lines, each one.

    >>> [only_waits(t) for t in ("One moment please, I look that up.", "Thinking", "Let me think: the moon pulls.", "Yes.")]
    [True, True, False, False]
    """
    bare = text.strip()
    if not bare or len(bare) > NOTICE_LIMIT:
        return False
    sentences = re.split(r"\n+|(?<=[.!?。！？…])\s+", bare)
    said = [bare for s in sentences if re.search(r"\w", bare := _ICONS.sub("", s).strip("*_ "))]
    notices = [s for s in said if _NOTICE.fullmatch(s)]
    return bool(notices) and all(s in notices or _COURTESY.fullmatch(s) for s in said)


_Seen = tuple[float, str]


def without_notice(seen: list[_Seen]) -> list[_Seen]:
    """What was seen, without a notice that stood alone first and above the answer later on.

    >>> without_notice([(0.2, "One moment."), (2.0, "One moment.\\n\\nHi"), (2.1, "One moment.\\n\\nHi you")])
    [(2.0, 'Hi'), (2.1, 'Hi you')]
    """
    if not seen:
        return seen
    head, final = "", seen[-1][1]
    for (t_s, text), (then_s, _) in pairwise(seen):
        if then_s - t_s >= PAUSE_S and final.startswith(text + "\n") and only_waits(text):
            head = text
    if not head:
        return seen
    return [(t, x[len(head) :].lstrip("\n")) for t, x in seen if x.startswith(head + "\n") and x[len(head) :].strip()]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """A text that stands on the page: for how long, and what goes on beside it."""

    text: str
    quiet_s: float
    grew: bool
    """Whether it was seen to come piece by piece."""
    received: bool
    """Whether its words were in what the page was sent since the question."""
    pushed: bool
    """Whether that came over a connection that stays open."""
    busy: bool
    """Whether a request is open, or the page says that it works."""


def is_settled(now: ShownText, quiet_s: float) -> bool:
    """Whether the text is taken for the whole answer; `quiet_s` is the least time without a change."""
    if now.quiet_s < quiet_s or only_waits(now.text):
        return False
    if not now.received and not now.grew:
        return not now.busy and now.quiet_s >= max(quiet_s, OWN_S)
    if now.quiet_s >= max(quiet_s, STALE_S):
        return True
    due = PUSHED_S if now.pushed else 0.0
    if not now.received:
        due = max(due, OWN_GROWN_S)
    elif not now.grew and len(now.text) < _SHORT:
        due = max(due, WHOLE_S)
    return not now.busy and now.quiet_s >= max(quiet_s, due)


def has_grown(seen: list[_Seen]) -> bool:
    """Whether what stands there last came in three pieces or more."""
    steps = 0
    for (_, before), (_, after) in pairwise(seen[-40:]):
        steps = steps + 1 if before and after.startswith(before[: max(1, len(before) - 2)]) and after != before else 0
    return steps >= 2


def no_answer_shown(text: str, alert: str, failed: tuple[int, str] | None) -> Failure | None:
    """What failed, where a page shows no answer, or only word of that; None where it shows one.

    `alert` is what it calls an error; `failed` the status and text of its own last request, where that was refused.

    >>> no_answer_shown("Sorry, something went wrong.", "", (503, "busy")).detail
    "the page's request was answered with HTTP 503: busy"
    >>> no_answer_shown("The moon pulls on the seas.", "", (503, "busy")) is None
    True
    """
    shown = text.strip()
    if failed and (not shown or (len(shown) <= APOLOGY_LIMIT and SORRY.search(shown))):
        status, body = failed
        said = body or shown
        detail = f"the page's request was answered with HTTP {status}{': ' + said if said else ''}"
        return Failure(kind=kind_of(status), detail=detail)
    if alert and not shown:
        return Failure(kind=FailureKind.SERVER, detail=f"the page shows an error: {' '.join(alert.split())[:300]}")
    return None
