"""A chat page: one turn is typed; chunks are the text as it was seen to grow, each a JSON line `[keep, "added"]`."""

import json
from collections.abc import Iterable, Sequence

from wrapdetect.dialects.base import EMPTY, Call, Codec, Piece, Reply
from wrapdetect.model import Ask, Chunk, Endpoint, Exchange, Failure, FailureKind

Seen = tuple[float, str]
"""When, and the whole text that was shown then."""


def grown(seen: Iterable[Seen]) -> tuple[Chunk, ...]:
    """Chunks of a text seen several times: each keeps the characters that were there already, and adds the rest.

    A text that shares less than half of the one before with it is another text, though both may begin alike.

    >>> [c.data for c in grown([(0.1, "Thinking"), (0.2, "The"), (0.3, "The moon")])]
    [b'[0, "Thinking"]\\n', b'[0, "The"]\\n', b'[3, " moon"]\\n']
    """
    before, chunks = "", list[Chunk]()
    for t_s, text in seen:
        if text != before:
            keep = _common(before, text)
            keep = keep if 2 * keep >= len(before) else 0
            line = json.dumps([keep, text[keep:]], ensure_ascii=False) + "\n"
            chunks.append(Chunk(t_s=t_s, data=line.encode()))
            before = text
    return tuple(chunks)


def _common(a: str, b: str) -> int:
    """How many characters both begin with."""
    if b.startswith(a):
        return len(a)
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _encode(ask: Ask, answers: Sequence[str], _: Endpoint) -> Call:
    return Call(body={"prompt": ask.turns[len(answers)]}, stream=True)


def _decode(exchange: Exchange, _: Endpoint) -> Reply:
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
            pieces = _cut(pieces, keep)
        if added:
            pieces.append(Piece(chunk.t_s, added))
        length = keep + len(added)
    text = "".join(p.text for p in pieces)
    empty = None if text.strip() else Failure(kind=FailureKind.GARBLED, detail=EMPTY)
    return Reply(text=text, pieces=tuple(pieces), failure=empty)


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


def _cut(pieces: Sequence[Piece], keep: int) -> list[Piece]:
    """The pieces that make up the first `keep` characters."""
    kept: list[Piece] = []
    for piece in pieces:
        if keep <= 0:
            break
        kept.append(Piece(piece.t_s, piece.text[:keep]))
        keep -= len(piece.text)
    return kept


PAGE = Codec(encode=_encode, decode=_decode, remembers=lambda _: True, takes_system=lambda _: False)
