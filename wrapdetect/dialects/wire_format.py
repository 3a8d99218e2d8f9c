"""What makes a dialect: the one value that its file defines and that DIALECTS holds."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wrapdetect.dialects.base import Call, Reply
from wrapdetect.dialects.sight import Known, Sight
from wrapdetect.model import Ask, Dialect, Endpoint, Exchange


class Encode(Protocol):
    """What makes a Call, given the answers already given to the ask's earlier turns; `stream` is of APIs."""

    def __call__(self, ask: Ask, answers: Sequence[str], endpoint: Endpoint, /, *, stream: bool) -> Call: ...


class Decode(Protocol):
    """What reads an exchange; a failure on the way stands in Reply.failure."""

    def __call__(self, exchange: Exchange, endpoint: Endpoint, /, *, stream: bool) -> Reply: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFormat:
    """A dialect, all of it: one value in its own file, and one line of DIALECTS.

    `name` is what stands behind `dialect =` in a config; a run file has it with the manner (NAME_stream, NAME_plain)
    where it `is_api`, and so is asked by HTTP at paths below its address. `remembers` says whether the other side keeps
    the conversation, so that a turn cannot be asked again without those before it; `takes_system` whether a system
    prompt can be sent. `by_hand` is asked by no program, and stands in no config.

    Of an API: `headers` of its own may go out beside the usual ones (in lower case), such as that of the key.
    `path` is how the address of a call ends; its group `model`, if it has one, is the model's name there.
    `messages` takes the body of a request and gives its messages, each with `role` and `content`, for recorded calls.
    `recognise` tells it by what was seen at an address. `ends` and `may_end` are signs in a stream that an answer is
    over, for sure or by its reason to finish (body/ending.py): within a text, JSON escapes quotes, so that nothing that
    is said can look like them.
    """

    name: str
    encode: Encode
    decode: Decode
    is_api: bool = True
    by_hand: bool = False
    remembers: Callable[[Endpoint], bool] = lambda _: False
    takes_system: Callable[[Endpoint], bool] = lambda _: True
    headers: frozenset[str] = frozenset()
    path: re.Pattern[str] | None = None
    messages: Callable[[Mapping[str, object]], object] = lambda body: body.get("messages")
    recognise: Callable[[Sight], Known | None] | None = None
    ends: re.Pattern[bytes] | None = None
    may_end: re.Pattern[bytes] | None = None

    @property
    def names(self) -> tuple[Dialect, ...]:
        """What a run file may call it."""
        return (self.manner(stream=True), self.manner(stream=False)) if self.is_api else (self.name,)

    def manner(self, *, stream: bool) -> Dialect:
        """Its name in a run file, streamed or plain."""
        return f"{self.name}_{'stream' if stream else 'plain'}" if self.is_api else self.name
