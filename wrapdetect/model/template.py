"""How a target is talked to where no known API stands: a template of requests, or a chat page. Standard library only.

A *source* says where in an answer something is found: `$.data.text` is a JSONPath (RFC 9535), `re:PATTERN` a regular
expression (its first group, or else all of it), `header:NAME`, `cookie:NAME`, `event:NAME` the data of a server-sent
event of that name, and `text` is the whole; in `re:^0:(.*)$ => $` each source looks into what the one before it found.
In what is sent, `{prompt}`, `{messages}`, `{system}`, `{conversation_id}`, `{uuid}`, `{model}`, `{key}`, `{env:NAME}`
and every name that was kept stand for their values (null in JSON, or nothing, until it is kept), `{name | urldecode}`
for one with a filter applied; `{{name}}` is the text {name}, `{_}` nothing, and any other brace is itself. `[DONE]`
alone ends any stream.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

Framing = Literal["body", "sse", "ndjson", "text", "websocket"]
"""How an answer is cut into pieces: not at all, server-sent events, JSON lines, text as it comes, frames."""
Mode = Literal["add", "replace"]
"""Whether each piece is added to the text so far, or is the text so far."""
When = Literal["run", "conversation", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request before the question: once, for each conversation, or for each question.

    `path` is joined to the endpoint's address; `keep` names what is taken from the answer, by source. On a websocket,
    method SEND sends `body` as a frame and RECEIVE waits for one frame.
    """

    when: When = "conversation"
    method: str = "GET"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    keep: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A request made again and again after the question, until the answer is there; what comes then is the answer.

    It is there once `until`, a source, finds something true; without it, once the status is not 202 and the template's
    `answer` finds a text (for a poll before the last: once all it keeps is found). What `failed` finds is the end.
    """

    method: str = "GET"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    until: str = ""
    failed: str = ""
    every_s: float = 1.0
    most_tries: int = 120
    keep: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoReply:
    """What is sent on a websocket without being asked to: after each frame in which `when`, a source, finds something
    (`{found}` is that) or which equals `when`, or every so many seconds. Such a frame is no part of an answer; without
    a `body` it is only set aside."""

    when: str = ""
    every_s: float = 0.0
    body: str = ""

    method: ClassVar[str] = "SEND"
    path: ClassVar[str] = ""
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    keep: ClassVar[tuple[tuple[str, str], ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The request that carries a question, and where in what comes back the answer stands.

    A `body` that is JSON is filled in within its texts, one that is a form is percent-encoded, any other is text.
    `done` is what ends a stream whole: a source that finds something true, or else a text that a piece equals; without
    it the end of the body is the end. `quiet_s` ends a websocket's answer after so many seconds without a frame, where
    nothing else does; 0 is never.

    `variables` are the names that `{env:NAME}` is read for: stated where a program made the template; None where a
    person wrote it, whose word each `{env:NAME}` then is.
    """

    method: str = "POST"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    framing: Framing = "body"
    answer: str = "text"
    mode: Mode = "add"
    done: str = ""
    error: str = ""
    model: str = ""
    quiet_s: float = 0.0
    keep: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()
    variables: tuple[str, ...] | None = None
    polls: tuple[Poll, ...] = ()
    replies: tuple[AutoReply, ...] = ()

    @property
    def sent_texts(self) -> tuple[str, ...]:
        """Every text that may hold a placeholder."""
        requests: tuple[Request, ...] = (self, *self.steps, *self.polls, *self.replies)
        return tuple(t for r in requests for t in (r.path, r.body, *(v for _, v in r.headers)))

    @property
    def holds_history(self) -> bool:
        """Whether each request carries the conversation so far; else the bot remembers it, or nobody does."""
        return any(_stands_in("messages", text) for text in self.sent_texts)


Request = Template | Step | Poll | AutoReply
"""Whatever is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A chat page: CSS selectors where given (as Playwright reads them), else found by looking.

    `open` is pressed first, once, where the chat is closed; `login` are done before anything else in each conversation.
    `new_chat` is pressed before each conversation (without it the page is loaded anew); `accept` are pressed where they
    are seen, such as a cookie banner's button. The answer has settled after `quiet_s` without a change.
    """

    input: str = ""
    send: str = ""
    answer: str = ""
    new_chat: str = ""
    accept: tuple[str, ...] = ()
    quiet_s: float = 1.0
    open: str = ""
    login: tuple["PageStep", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStep:
    """A step of a page's login form: one of the three, a selector each. `text` goes with `fill`; its `{env:NAME}` stand
    for variables of the user's, and nothing else in it is live."""

    fill: str = ""
    text: str = ""
    press: str = ""
    wait: str = ""


def _stands_in(name: str, text: str) -> bool:
    """Whether a placeholder of that name is live in a text (dialects/slots.py reads them all).

    >>> [_stands_in("n", t) for t in ("{n}", "{n | trim}", "{{n}}", "{n }", "{n|}", "{{n}")]
    [True, True, False, False, False, True]
    """
    start = text.find("{" + name)
    while start >= 0:
        end = text.find("}", start)
        first, *filters = text[start + 1 : end].split("|") if end > 0 else ("",)
        words = [f.strip(" ") for f in filters[:-1]] + [f.lstrip(" ") for f in filters[-1:]]
        is_one = (first.rstrip(" ") if filters else first) == name and all(
            w.isascii() and w.isidentifier() for w in words
        )
        if is_one and not (text[:start].endswith("{") and text[end + 1 : end + 2] == "}"):
            return True
        start = text.find("{" + name, start + 1)
    return False
