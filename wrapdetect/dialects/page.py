"""A chat page: one turn is typed; chunks are the text as it was seen to grow, each a JSON line `[keep, "added"]`."""

import json
from collections.abc import Iterable, Sequence

from wrapdetect.dialects.base import Call, Piece, Reply, common, cut, without_text
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Chunk, Endpoint, Exchange, Failure, FailureKind

_Seen = tuple[float, str]
"""When, and the whole text that was shown then."""


def grown(seen: Iterable[_Seen]) -> tuple[Chunk, ...]:
    """Chunks of a text seen several times: each keeps the characters that were there already, and adds the rest.

    A text that drops a quarter or more of the one before is another text, though both may begin alike; that marks of
    a rendering come or go is no such change.

    >>> [c.data for c in grown([(0.1, "Thinking"), (0.2, "The"), (0.3, "The moon")])]
    [b'[0, "Thinking"]\\n', b'[0, "The"]\\n', b'[3, " moon"]\\n']
    """
    before, chunks = "", list[Chunk]()
    for t_s, text in seen:
        if text != before:
            keep = common(before, text)
            same = _letters(text[keep:]).startswith(_letters(before[keep:]))
            keep = keep if same or 4 * keep >= 3 * len(before) else 0
            line = json.dumps([keep, text[keep:]], ensure_ascii=False) + "\n"
            chunks.append(Chunk(t_s=t_s, data=line.encode()))
            before = text
    return tuple(chunks)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _encode(ask: Ask, answers: Sequence[str], _: Endpoint, *, stream: bool) -> Call:
    return Call(body={"prompt": ask.turns[len(answers)]}, stream=True)


def _decode(exchange: Exchange, _: Endpoint, *, stream: bool) -> Reply:
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    pieces: list[Piece] = []
    length = 0
    for chunk in exchange.chunks:
        line = _line(chunk.data, length)
        if line is None:
            detail = f'a chunk that is no [keep, "added"]: {chunk.data[:80].decode(errors="replace")}'
            return Reply(text="", failure=Failure(kind=FailureKind.GARBLED, detail=detail))
        keep, added = line
        if keep < length:
            pieces = cut(pieces, keep)
        if added:
            pieces.append(Piece(chunk.t_s, added))
        length = keep + len(added)
    text = "".join(p.text for p in pieces)
    return Reply(text=text, pieces=tuple(pieces), failure=without_text(text))


def _line(data: bytes, length: int) -> tuple[int, str] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    match value:
        case [int(keep), str(added)] if not isinstance(keep, bool) and 0 <= keep <= length:
            return keep, added
        case _:
            return None


DIALECT = WireFormat(
    name="page",
    encode=_encode,
    decode=_decode,
    is_api=False,
    remembers=lambda _: True,
    takes_system=lambda _: False,
)
