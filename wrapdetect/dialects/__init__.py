"""Wire formats: Ask -> Call, bytes -> Reply. One module a dialect, all of them in DIALECTS."""

from collections.abc import Mapping

from wrapdetect.dialects import anthropic, gemini, ollama, openai_chat, openai_responses, page, pasted, template
from wrapdetect.dialects.base import Call, Codec, Piece, Reply
from wrapdetect.model import Dialect, Endpoint, Exchange

DIALECTS: Mapping[Dialect, Codec] = {
    "openai_stream": openai_chat.STREAM,
    "openai_plain": openai_chat.PLAIN,
    "page": page.PAGE,
    "pasted": pasted.PASTED,
    "template": template.TEMPLATE,
    "responses_stream": openai_responses.STREAM,
    "responses_plain": openai_responses.PLAIN,
    "anthropic_stream": anthropic.STREAM,
    "anthropic_plain": anthropic.PLAIN,
    "ollama_stream": ollama.STREAM,
    "ollama_plain": ollama.PLAIN,
    "gemini_stream": gemini.STREAM,
    "gemini_plain": gemini.PLAIN,
}


def decode(exchange: Exchange, endpoint: Endpoint) -> Reply:
    """What an exchange says, as the dialect of its endpoint reads it; a failure on the way stands in Reply.failure."""
    return DIALECTS[endpoint.dialect].decode(exchange, endpoint)


__all__ = ["DIALECTS", "Call", "Codec", "Piece", "Reply", "decode"]
