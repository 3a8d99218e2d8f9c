"""Answers that somebody pasted or collected: what was shown is the text, and nothing of the way is known."""

from collections.abc import Sequence

from wrapdetect.dialects.base import EMPTY, Call, Codec, Piece, Reply
from wrapdetect.dialects.body import BodyError, text_of
from wrapdetect.model import Ask, Endpoint, Exchange, Failure, FailureKind


def _encode(ask: Ask, answers: Sequence[str], _: Endpoint) -> Call:
    """The turn that is due; whoever answers keeps the conversation."""
    return Call(body={"prompt": ask.turns[len(answers)]}, stream=False)


def _decode(exchange: Exchange, _: Endpoint) -> Reply:
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    try:
        text = text_of(b"".join(c.data for c in exchange.chunks))
    except BodyError as error:
        return Reply(text="", failure=error.failure)
    if not text.strip():
        return Reply(text=text, failure=Failure(kind=FailureKind.GARBLED, detail=EMPTY))
    return Reply(text=text, pieces=(Piece(exchange.chunks[-1].t_s, text),))


PASTED = Codec(encode=_encode, decode=_decode, remembers=lambda _: True, takes_system=lambda _: False)
