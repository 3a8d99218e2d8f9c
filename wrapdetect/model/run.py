"""What was asked and what came: the facts that a run file holds. Nothing here is judged."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from wrapdetect.model.endpoint import Endpoint
from wrapdetect.model.history import History

Missing = Literal[
    "request",
    "status",
    "raw_chunks",
    "times",
    "temperature",
    "token_limit",
    "token_counts",
    "fresh_chat",
    "markup",
    "whole_answer",
]
"""What an exchange does not hold, since its way in does not show it: the bytes sent, the bytes that came (its chunks
are the text as it was shown), when they came; what could not be asked for; a conversation that was begun afresh; the
text's own markup (what was shown is its rendering); the whole of the answer, where a page's own traffic holds far more
text than was read from it, or far less."""
NEVER_SHOWN: tuple[Missing, ...] = ("temperature", "token_limit", "token_counts")
"""What only an API shows: elsewhere there is no place known to set the first two, nor one to read the third."""


LAG_S = 0.02
"""A wait of our own event loop that is longer is a lag: what came meanwhile was stamped late."""
LAG_SHARE = 0.01
"""A lag that is longer than this share of an exchange may be why it ran out of time or broke off."""


class FailureKind(StrEnum):
    """How an exchange failed. `connect`, `timeout`, `server`, `garbled` and `cut_off` mean "down"."""

    CONNECT = "connect"  # no connection: name, route, TLS, refused port
    TIMEOUT = "timeout"  # our limit on time ran out
    # By status, and by the code or type of an error in a body:
    REFUSED = "refused"  # 3xx or 4xx but 429: wrong key, model, address
    LIMITED = "limited"  # 429, a rate or a quota
    SERVER = "server"  # 5xx, or an error that says nothing else
    GARBLED = "garbled"  # bytes that are not what the dialect promises
    CUT_OFF = "cut_off"  # the stream ended early, or passed our limit on bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong out there, with one line of detail."""

    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question (or conversation) of a pack; `turns` are the user's."""

    id: str
    language: str
    turns: tuple[str, ...]
    purpose: str
    readers: tuple[str, ...]
    expects: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()
    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A set of questions with a permanent id; `digest` is the SHA-256 of its text."""

    id: str
    version: int
    digest: str
    title: str
    purpose: str
    items: tuple[Item, ...]


class AskKey(NamedTuple):
    """Which question, which draw of it, behind which system prompt ("" is none)."""

    probe: str
    item: str
    draw: int
    variant: str = ""

    def __str__(self) -> str:
        tail = f"@{self.variant}" if self.variant else ""
        return f"{self.probe}/{self.item}#{self.draw}{tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question, put once: all of the user's turns, and the system prompt of a neutral variant."""

    key: AskKey
    turns: tuple[str, ...]
    system: str
    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Bytes as they came, and when: seconds from the moment of sending."""

    t_s: float
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A request beside the one that carries the question: a handshake's, or one that a page made on its own.

    `t_s` is when it was sent, by the exchange's clock (before its send it is negative); its chunks have the same clock.
    Of a websocket the chunks are the frames received and `sent` the frames sent, one a line.
    """

    t_s: float
    method: str
    url: str
    sent: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was sent and what came back, byte for byte, timed. The only durable fact.

    `missing` names what this way in does not show; `hops` are the other requests made meanwhile, `screenshot` a JPEG.
    `lag_s` is how long our own event loop stood still meanwhile, where that was longer than LAG_S, else 0: its times
    are not to be used then.
    """

    endpoint: str
    ask: AskKey
    turn: int
    attempt: int
    started: datetime
    sent: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[Chunk, ...]
    ended_s: float
    failure: Failure | None
    missing: tuple[Missing, ...] = ()
    hops: tuple[Hop, ...] = ()
    screenshot: bytes = b""
    lag_s: float = 0.0

    @property
    def id(self) -> str:
        return f"{self.endpoint}/{self.ask}/t{self.turn}a{self.attempt}"

    def may_be_ours(self, failure: Failure | None) -> bool:
        """Whether a failure read in it may be of our own making: whoever stands still hears nobody in time."""
        by_time = failure is not None and failure.kind in (FailureKind.TIMEOUT, FailureKind.CUT_OFF)
        return by_time and self.lag_s > LAG_SHARE * self.ended_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What measured: program and library versions, kind of host, and the user's word for where it stood."""

    versions: tuple[tuple[str, str], ...]
    host: str
    vantage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Exchanges taken together, with all that is needed to plan, resume and read them.

    `draws` is how often each item is asked; 0 means that no plan stands behind the run (collected or scripted).
    """

    id: str
    note: str
    instrument: Instrument
    endpoints: tuple[Endpoint, ...]
    packs: tuple[Pack, ...]
    variants: tuple[tuple[str, str], ...]  # neutral system prompts: id, text
    draws: int
    seed: int
    exchanges: tuple[Exchange, ...] = ()
    history: History | None = None  # of a monitor; such a run may have no endpoints

    @property
    def target(self) -> Endpoint:
        return next(e for e in self.endpoints if e.role == "target")

    @property
    def references(self) -> tuple[Endpoint, ...]:
        return tuple(e for e in self.endpoints if e.role == "reference")

    def item(self, key: AskKey) -> Item:
        """Raises KeyError where no pack of the run holds that item."""
        for pack in self.packs:
            if pack.id == key.probe:
                for item in pack.items:
                    if item.id == key.item:
                        return item
        raise KeyError(f"{key.probe}/{key.item}")
