"""Wire formats: Ask -> Call, bytes -> Reply. One module a dialect, all of them in DIALECTS."""

from collections.abc import Sequence

from wrapdetect.dialects import anthropic, gemini, ollama, openai_chat, openai_responses, page, pasted, template
from wrapdetect.dialects.base import Call, Piece, Reply
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Dialect, Endpoint, Exchange

DIALECTS: dict[str, WireFormat] = {
    "openai": openai_chat.DIALECT,
    "responses": openai_responses.DIALECT,
    "anthropic": anthropic.DIALECT,
    "ollama": ollama.DIALECT,
    "gemini": gemini.DIALECT,
    "template": template.DIALECT,
    "page": page.DIALECT,
    "pasted": pasted.DIALECT,
}
"""By the name in a config, in the order in which they are told and tried."""


def wire_format(dialect: Dialect) -> WireFormat:
    """The dialect that a run file calls so. Raises KeyError for a name that no dialect has.

    >>> wire_format("openai_plain").name, wire_format("page").name
    ('openai', 'page')
    """
    return DIALECTS.get(dialect) or DIALECTS[dialect.removesuffix("_stream").removesuffix("_plain")]


def dialect_names() -> tuple[Dialect, ...]:
    """Every name that a run file may hold."""
    return tuple(name for known in DIALECTS.values() for name in known.names)


def encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint) -> Call:
    """The turn that is due after `answers`, as the dialect of its endpoint asks it."""
    return wire_format(endpoint.dialect).encode(ask, answers, endpoint, stream=_streams(endpoint))


def decode(exchange: Exchange, endpoint: Endpoint) -> Reply:
    """What an exchange says, as the dialect of its endpoint reads it; a failure on the way stands in Reply.failure."""
    return wire_format(endpoint.dialect).decode(exchange, endpoint, stream=_streams(endpoint))


def _streams(endpoint: Endpoint) -> bool:
    return endpoint.dialect.endswith("_stream")


__all__ = ["DIALECTS", "Call", "Piece", "Reply", "WireFormat", "decode", "dialect_names", "encode", "wire_format"]
