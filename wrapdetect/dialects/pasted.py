"""Answers that somebody pasted or collected: what was shown is the text, and nothing of the way is known."""

from collections.abc import Sequence

from wrapdetect.dialects.base import Call, Piece, Reply, without_text
from wrapdetect.dialects.body.unpacked import BodyError, text_of
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Endpoint, Exchange


def _encode(ask: Ask, answers: Sequence[str], _: Endpoint, *, stream: bool) -> Call:
    """The turn that is due; whoever answers keeps the conversation."""
    return Call(body={"prompt": ask.turns[len(answers)]}, stream=False)


def _decode(exchange: Exchange, _: Endpoint, *, stream: bool) -> Reply:
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    try:
        text = text_of(b"".join(c.data for c in exchange.chunks))
    except BodyError as error:
        return Reply(text="", failure=error.failure)
    empty = without_text(text)
    return Reply(text=text, pieces=() if empty else (Piece(exchange.chunks[-1].t_s, text),), failure=empty)


DIALECT = WireFormat(
    name="pasted",
    encode=_encode,
    decode=_decode,
    is_api=False,
    by_hand=True,
    remembers=lambda _: True,
    takes_system=lambda _: False,
)
