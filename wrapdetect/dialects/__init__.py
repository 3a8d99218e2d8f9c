"""Wire formats: Ask -> Call, bytes -> Reply. One module a dialect, all of them in DIALECTS."""

from collections.abc import Mapping

from wrapdetect.dialects import openai_chat
from wrapdetect.dialects.base import Call, Codec, Piece, Reply
from wrapdetect.model import Dialect, Exchange

DIALECTS: Mapping[Dialect, Codec] = {
    "openai_stream": openai_chat.STREAM,
    "openai_plain": openai_chat.PLAIN,
}


def decode(exchange: Exchange, dialect: Dialect) -> Reply:
    """What an exchange says, as its dialect reads it; a failure on the way stands in Reply.failure."""
    return DIALECTS[dialect].decode(exchange)


__all__ = ["DIALECTS", "Call", "Codec", "Piece", "Reply", "decode"]
