"""Placeholders in place of the question and the conversation's id, and what a request tells of its answer."""

import re
from dataclasses import dataclass

from wrapdetect.dialects.template.filling import JSON
from wrapdetect.dialects.template.problems import ENDLESS
from wrapdetect.dialects.template.slots import (
    CONVERSATION_ID,
    PROMPT,
    TemplateSlot,
    Text,
    literals,
    names_of,
    parse_slots,
    spelled,
    swapped,
)
from wrapdetect.model import Framing
from wrapdetect.targets.curl.fields import Rewrite, map_body, map_query, map_segments, snake
from wrapdetect.targets.curl.request import PastedRequest

QUESTION_NAMES = ("prompt", "question", "query", "message", "msg", "text", "input", "content", "q", "userInput", "ask")
CONVERSATION_WORDS = frozenset({"conversation", "session", "thread", "chat", "dialog"})
TAKES_TEXTS = ("/chat/completions", "/v1/messages")
"""Paths of APIs that take a message's content as a text as well as in parts."""
MOST_BEFORE = 200
"""Messages that stand before the question in a request."""
_STRING, _PROMPT = r'"(?:[^"\\]|\\.)*+"', r'"\{prompt\}"'
SESSION_NAMES = ({"session"}, {"sid"}, {"sessionid"})


@dataclass(slots=True, kw_only=True)
class Draft:
    """A template in the making: as it is written, secrets gone."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    kind: str
    notes: list[str]

    def change(self, change: Rewrite) -> bool:
        """Change the texts of path, query and body; whether any did."""
        before = self.path, self.body
        self.path = map_segments(map_query(self.path, change), change)
        self.body = map_body(self.body, self.kind, change)
        return (self.path, self.body) != before

    def fields(self) -> list[tuple[str, str]]:
        """Names and texts of the fields of query and body that hold no slot."""
        found: list[tuple[str, str]] = []

        def look(name: str, text: Text) -> Text:
            if text == (literals(text),):
                found.append((name, literals(text)))
            return text

        map_query(self.path, look)
        map_body(self.body, self.kind, look)
        return found


def mark(draft: Draft, prompt: str, conversation_id: str) -> bool:
    """Put placeholders where the question and the id stand; whether there is a place for the question."""
    if conversation_id:
        swap = _swap(conversation_id, CONVERSATION_ID, whole=False)
        draft.change(swap)
        draft.headers = tuple((name, spelled(swap(name, parse_slots(value)))) for name, value in draft.headers)
        if not any(_holds(text, CONVERSATION_ID) for text in (draft.path, draft.body, *(v for _, v in draft.headers))):
            draft.notes.append("the conversation's id was not found in the request")
    if prompt:
        any(draft.change(_swap(prompt, PROMPT, whole=whole)) for whole in (True, False))
    found = _asks(draft) or (not prompt and _guess(draft))
    draft.body = _with_history(draft)
    return found


def _asks(draft: Draft) -> bool:
    return any(names_of(text) & {"prompt", "messages"} for text in (draft.path, draft.body))


def _holds(written: str, slot: TemplateSlot) -> bool:
    return slot.name in names_of(written)


def _swap(old: str, new: TemplateSlot, *, whole: bool) -> Rewrite:
    """A text that is `old`, or else (not `whole`) holds it as words of its own, with `new` in its place; line breaks
    are taken for one another."""
    lines = r"\r?\n".join(map(re.escape, re.split(r"\r?\n", old.strip())))
    alone, as_words = re.compile(rf"\s*{lines}\s*"), re.compile(rf"(?<!\w){lines}(?!\w)")

    def change(_: str, text: Text) -> Text:
        if text == (literals(text),) and alone.fullmatch(literals(text)):
            return (new,)
        return text if whole else swapped(text, as_words, new)

    return change


def _guess(draft: Draft) -> bool:
    """The question by the name of its field, where just one field has such a name."""
    names = [name for name, text in draft.fields() if name in QUESTION_NAMES and text.strip()]
    chosen = next((name for name in QUESTION_NAMES if names.count(name) == 1), None)
    if chosen is None:
        return False
    draft.notes.append(f"the text of the field {chosen!r} was taken for the question")
    return draft.change(lambda name, text: (PROMPT,) if name == chosen and literals(text).strip() else text)


def _with_history(draft: Draft) -> str:
    """A list of messages of which the last is the question becomes {messages}; what stands before it else stays."""
    if draft.kind != JSON:
        return draft.body
    message = rf'\{{\s*"role"\s*:\s*"(?:user|assistant)"\s*,\s*"content"\s*:\s*{_content(_STRING, draft)}\s*\}}'
    last = rf'\{{\s*"role"\s*:\s*"user"\s*,\s*"content"\s*:\s*{_content(_PROMPT, draft)}\s*\}}'
    before = rf"(?:{message}\s*,\s*){{0,{MOST_BEFORE}}}"
    changed = re.sub(rf"\[\s*{before}{last}\s*\]", '"{messages}"', draft.body)
    if changed == draft.body:  # after a system prompt, which stays, the messages are items of the same list
        changed = re.sub(rf"\}}\s*,\s*{before}{last}\s*\]", '}, "{messages}"]', draft.body)
    if changed != draft.body:
        draft.notes.append("the list of messages is filled with the whole conversation ({messages})")
    return changed


def _content(text: str, draft: Draft) -> str:
    """A message's content as a pattern: the text, or it as the one part of a list, which known APIs take as well."""
    part = rf'\[\s*\{{\s*"type"\s*:\s*"text"\s*,\s*"text"\s*:\s*{text}\s*\}}\s*\]'
    return f"(?:{text}|{part})" if draft.path.partition("?")[0].endswith(TAKES_TEXTS) else text


def framing_of(request: PastedRequest, path: str, body: str, *, socket: bool) -> tuple[Framing, str, str]:
    """Framing, answer and done, as far as a request tells them."""
    if socket:
        request.notes.append("a websocket's command holds no frame: write the one that asks as body, with {prompt}")
        request.notes.append(ENDLESS)
        return "websocket", "text", ""
    accept = " ".join(v.lower() for k, v in request.headers if k.lower() == "accept")
    streams = bool(re.search(r'"stream(?:ing)?"\s*:\s*true', body))
    if path.endswith("/chat/completions"):
        return (
            ("sse", "$.choices[0].delta.content", "[DONE]") if streams else ("body", "$.choices[0].message.content", "")
        )
    request.notes.append(
        "a request does not tell where the answer stands: `wrapdetect target check` shows what comes back"
    )
    if "text/event-stream" in accept or streams:
        return "sse", "text", ""
    return ("ndjson", "text", "") if "ndjson" in accept else ("body", "text", "")


def note_what_is_open(draft: Draft) -> None:
    """What only a person can know: ids of conversations and messages that stand there as they were."""
    for name, text in draft.fields():
        said = set(snake(name).split("_"))
        names_one = (said & CONVERSATION_WORDS and said & {"id", "uuid", "key"}) or said in SESSION_NAMES
        if text and names_one:
            draft.notes.append(
                f"{name!r} looks like a conversation's id, so that all questions would share one: mark it"
            )
        elif re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.IGNORECASE):
            draft.notes.append(f"{name!r} holds a UUID; where each message has its own, write {{uuid}}")
