"""What a template's conversations have on their way: cookies, kept values, a socket, requests beside the question."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from urllib.parse import unquote, urljoin
from urllib.request import Request as UrlRequest

from wrapdetect.dialects import Call
from wrapdetect.dialects.template.filling import FOUND, Outgoing, Values, kept_names, names_in, request_of, variables_of
from wrapdetect.dialects.template.filters import Masked
from wrapdetect.dialects.template.slots import ENV
from wrapdetect.model import NEVER_SHOWN, AskKey, Chunk, Endpoint, Failure, FailureKind, Hop, Missing, Step, Template
from wrapdetect.model.template import Request
from wrapdetect.secrets.named import clean_url
from wrapdetect.secrets.names import SHORTEST_LEARNT, like_a_secret
from wrapdetect.targets.origins import REDIRECTS, SEE_OTHER, as_http, join, moved_within
from wrapdetect.ways.http import USER_AGENT
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.net.socket import Socket
from wrapdetect.ways.net.tape import Tape
from wrapdetect.ways.net.wire import SET_COOKIE_LIMIT, reading_stopped
from wrapdetect.ways.page.login_state import Login

NOT_OURS_TO_SAY = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "cookie"})
HOP_LIMIT = 200_000
"""Most bytes kept of what a step brought; all of it is searched."""
PATH_COOKIES = ("__cf", "_cf", "awsalb", "arraffinity", "gclb", "incap_", "visid_", "_ga", "_gid", "ak_", "bm_")
"""Beginnings of names of cookies by which content networks, load balancers and counters know a visitor, not a chat."""


class Stopped(Exception):
    """The ask is over; carries the Failure to report."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass(slots=True, repr=False)
class TalkState:
    """What a conversation, or the steps `run`, have by now: secrets, so its repr shows nothing."""

    cookies: CookieJar = field(default_factory=CookieJar)
    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def with_cookies(cls, cookies: Iterable[Cookie]) -> "TalkState":
        """At its start."""
        state = cls()
        for cookie in cookies:
            state.cookies.set_cookie(cookie)
        return state

    def copy(self) -> "TalkState":
        """With a jar of its own."""
        other = TalkState.with_cookies(self.cookies)
        other.values = dict(self.values)
        return other

    def secrets(self) -> set[str]:
        """All that was handed out, but for the conversation's id."""
        kept = {value for name, value in self.values.items() if name != "conversation_id"}
        all_of_it = kept | {value.strip('"') for value in self.cookie_values().values()}
        return all_of_it | {unquote(value) for value in all_of_it}  # a filter may send it so

    def cookie_values(self) -> dict[str, str]:
        """By name."""
        return {c.name: c.value or "" for c in self.cookies}

    def take_cookies(self, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Those that the answer to a request sets. Raises Stopped where they are more than a conversation may hold."""
        said = Message()
        for name, value in headers:
            if name.lower() == "set-cookie":
                said[name] = value
        if said:
            self.cookies.extract_cookies(_Answer(said), UrlRequest(url))  # type: ignore[arg-type]  # only info() is used
        if len(self.cookies) > SET_COOKIE_LIMIT:
            flood = reading_stopped(f"and those before it set more than {SET_COOKIE_LIMIT} cookies")
            raise Stopped(Failure(kind=FailureKind.CUT_OFF, detail=str(flood)))

    def cookies_for(self, url: str) -> str:
        """What goes out to an address as its header."""
        if not len(self.cookies):
            return ""
        request = UrlRequest(url)
        self.cookies.add_cookie_header(request)
        return request.get_header("Cookie") or ""


class _Answer:
    """The headers of an answer, as http.cookiejar wants them."""

    def __init__(self, headers: Message) -> None:
        self._headers = headers

    def info(self) -> Message:
        return self._headers


@dataclass(slots=True)
class TemplateTalk:
    """One conversation. `shared` is what it found of the steps `run`, `begun` whether its own were made."""

    own_id: str
    shared: TalkState | None = None
    state: TalkState = field(default_factory=TalkState)
    begun: bool = False
    limited: bool = False
    socket: Socket | None = None


@dataclass(slots=True)
class Conversing:
    """An endpoint, what its steps `run` left, and its conversations."""

    endpoint: Endpoint
    template: Template
    login: Login = field(default_factory=Login)
    shared: TalkState | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    talks: dict[AskKey, TemplateTalk] = field(default_factory=dict)

    @property
    def over_socket(self) -> bool:
        return self.template.framing == "websocket"


@dataclass(slots=True)
class Aside:
    """A request beside the question, to become a hop."""

    method: str
    url: str
    sent: str
    tape: Tape

    def hop(self, zero_s: float) -> Hop:
        """By the clock of an exchange whose question was sent when the stopwatch showed `zero_s`."""
        shift, left = self.tape.start_s - zero_s, HOP_LIMIT
        chunks = list[Chunk]()
        for chunk in self.tape.chunks:
            if left > 0:
                chunks.append(Chunk(t_s=chunk.t_s + shift, data=chunk.data[:left]))
            left -= len(chunk.data)
        return Hop(
            t_s=shift,
            method=self.method,
            url=self.url,
            sent=self.sent,
            status=self.tape.status,
            headers=self.tape.headers,
            chunks=tuple(chunks),
        )


@dataclass(slots=True, repr=False)
class Asking:
    """One ask on its way. `tape` is the question's, `current` of whatever is waited for; `step` names that.

    `line` is of the socket, where it was opened or used beside the question; `secrets` must not be recorded. `carried`
    is of the step that the question left with, where it left before the template's own request: the clock starts there.
    """

    bot: Conversing
    talk: TemplateTalk
    call: Call
    started: datetime
    tape: Tape
    current: Tape
    step: str = ""
    asides: list[Aside] = field(default_factory=list)
    line: Aside | None = None
    carried: Tape | None = None
    secrets: set[str] = field(default_factory=set)

    def stopped(self, failure: Failure) -> Stopped:
        """To be raised; names the step."""
        return Stopped(self.named(failure))

    def named(self, failure: Failure) -> Failure:
        """With the step's name before it."""
        return Failure(kind=failure.kind, detail=f"{self.step}: {failure.detail}") if self.step else failure

    def missing(self) -> tuple[Missing, ...]:
        """What this way in does not show."""
        return NEVER_SHOWN if _afresh(self) else (*NEVER_SHOWN, "fresh_chat")


class Filled(Mapping[str, object]):
    """What placeholders stand for. A uuid is new for each use."""

    def __init__(self, known: Mapping[str, object], hidden: set[str], new_id: Callable[[], str]) -> None:
        self._known, self.hidden, self._new_id = known, hidden, new_id
        self._drawn: list[str] = []

    def __getitem__(self, name: str) -> object:
        if name == "uuid":
            self._drawn.append(self._new_id())
            return self._drawn[-1]
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name == "uuid" or name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter((*self._known, "uuid"))

    def __len__(self) -> int:
        return len(self._known) + 1

    def with_found(self, text: str) -> "Filled":
        """The same, and what a reply found in the frame that it answers."""
        return Filled({**self._known, FOUND: text}, self.hidden, self._new_id)

    def shown(self) -> Values:
        """The same with secrets masked, and with the uuids drawn up to now once more."""
        known = {n: Masked("*" * len(str(v))) if n in self.hidden else v for n, v in self._known.items()}
        again = iter(self._drawn)
        return Filled(known, set(), lambda: next(again, ""))


def values_of(asking: Asking, state: TalkState, ring: Keyring, new_id: Callable[[], str]) -> Filled:
    """What placeholders stand for by now; kept values go before ours, and what is asked before both."""
    endpoint = asking.bot.endpoint
    ours = variables_of(endpoint)
    known: dict[str, object] = {f"{ENV}{name}": value for name, value in ring.variables.items() if name in ours}
    hidden = {*known, "key", *(n for n, v in state.values.items() if n != "conversation_id" and like_a_secret(v))}
    known |= {"model": endpoint.model, "key": ring.key_of(endpoint) or "", "conversation_id": _own_id(asking)}
    return Filled({**known, **state.values, **asking.call.body}, hidden, new_id)


def shown_of(part: Request, outgoing: Outgoing, values: Filled) -> Outgoing:
    """A request that was filled in, with what is secret masked."""
    return outgoing if not names_in(part) & values.hidden else request_of(part, values.shown())


def address_of(base: str, outgoing: Outgoing) -> str:
    """The address that a request goes to. Raises ValueError where what was handed out is none.

    >>> address_of("https://b.example/v1", Outgoing("GET", "/jobs/1", (), "", whole=True))
    'https://b.example/jobs/1'
    """
    return urljoin(as_http(base).rstrip("/") + "/", outgoing.path) if outgoing.whole else join(base, outgoing.path)


def shown_url(base: str, shown: Outgoing) -> str:
    """The same of a request whose secrets are masked."""
    return clean_url(address_of(base, shown), SHORTEST_LEARNT) if shown.whole else join(base, shown.path)


def led_on(outgoing: Outgoing, url: str, tape: Tape) -> Outgoing | None:
    """The GET that follows a redirect within its origin; None where nothing does. It has the same headers, but for
    those of a body that is not sent again."""
    where = next((v for k, v in tape.headers if k.lower() == "location"), None)
    moved = moved_within(url, where) if where is not None and tape.status in REDIRECTS else None
    if moved is None or (outgoing.method != "GET" and tape.status not in SEE_OTHER):
        return None
    headers = tuple((n, v) for n, v in outgoing.headers if not n.lower().startswith("content-"))
    return Outgoing("GET", moved, headers, "")


def carries_the_question(step: Step) -> bool:
    """Whether the question leaves with it.

    >>> carries_the_question(Step(when="ask", body='{"data": ["{prompt}"]}'))
    True
    """
    return step.when == "ask" and bool(names_in(step) & {"prompt", "messages"})


def outgoing_headers(outgoing: Outgoing, url: str, state: TalkState) -> list[tuple[str, str]]:
    """What goes out: the template's, with our defaults where it says nothing, and the cookies of both."""
    given = {name.lower() for name, _ in outgoing.headers}
    headers = [(n, v) for n, v in outgoing.headers if n.lower() not in NOT_OURS_TO_SAY]
    headers += [(n, v) for n, v in (("accept", "*/*"), ("user-agent", USER_AGENT)) if n not in given]
    own = "; ".join(value for name, value in outgoing.headers if name.lower() == "cookie")
    cookies = {
        c.partition("=")[0].strip(): c.strip() for c in f"{own};{state.cookies_for(url)}".split(";") if c.strip()
    }
    if cookies:
        headers.append(("cookie", "; ".join(cookies.values())))
    return [*headers, ("accept-encoding", "identity")]


def _own_id(asking: Asking) -> str | None:
    """An id of ours, where the bot hands none out."""
    template = asking.bot.endpoint.template
    return None if template is not None and "conversation_id" in kept_names(template) else asking.talk.own_id


def _afresh(asking: Asking) -> bool:
    """Whether the server can tell this conversation from others (see the top of ways/template)."""
    template, talk = asking.bot.template, asking.talk
    parts: list[Request] = [template, *(s for s in template.steps if s.when != "run"), *template.polls]
    if asking.bot.over_socket or template.holds_history or any(s.when == "conversation" for s in template.steps):
        return True
    if any(names_in(part) & {"conversation_id", "uuid"} for part in parts):
        return True
    before = talk.shared.cookie_values() if talk.shared else {}
    now = talk.state.cookie_values().items()
    return any(v != before.get(n) and not n.lower().startswith(PATH_COOKIES) for n, v in now)
