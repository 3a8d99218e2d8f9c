"""An exchange <-> one line. Chunks that are valid UTF-8 are kept as text, all others as {"b64": ...}."""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import FailFast, Field, Strict

from wrapdetect.model import AskKey, Chunk, Exchange, Failure, FailureKind, Hop, Missing
from wrapdetect.runs.codec.door import FileLine, Whole
from wrapdetect.runs.codec.lines import JsonLine, line_text

_LONGEST_S = 1e7
"""Seconds that an exchange may take, or a time in it may lie before its start."""
_YEARS = range(1970, 2200)
ROWS = 500
"""Chunks that are dumped in one go."""


class _Coded(FileLine):
    b64: str


_Seconds = Annotated[float, Field(ge=-_LONGEST_S, le=_LONGEST_S)]
_Status = Annotated[int, Field(ge=0, lt=1000)]
_LIST = Strict(False)
"""A list for a tuple, since JSON has none; what is in it is still taken strictly."""
_Headers = Annotated[tuple[Annotated[tuple[str, str], _LIST], ...], _LIST, FailFast()]
_Chunks = Annotated[tuple[Annotated[tuple[_Seconds, str | _Coded], _LIST], ...], _LIST, FailFast()]


class _Failed(FileLine):
    kind: str
    detail: str


class _HopLine(FileLine):
    t_s: _Seconds
    method: str
    url: str
    sent: str
    status: _Status | None
    headers: _Headers
    chunks: _Chunks


class _ExchangeLine(FileLine):
    endpoint: str
    ask: str
    turn: Whole
    attempt: Whole
    started: str
    sent: str
    status: _Status | None
    headers: _Headers
    chunks: _Chunks
    ended_s: _Seconds
    failure: _Failed | None
    missing: Annotated[tuple[Missing, ...], _LIST, FailFast()] = ()
    hops: Annotated[tuple[_HopLine, ...], _LIST, FailFast()] = ()
    screenshot: str = ""
    lag_s: _Seconds = 0.0


def read_exchange(fields: JsonLine) -> Exchange:
    """The inverse of dump_exchange, of a line that was parsed. Raises one of UNREADABLE."""
    line = _ExchangeLine.model_validate(fields)
    failure = line.failure
    return Exchange(
        endpoint=line.endpoint,
        ask=key_from_text(line.ask),
        turn=line.turn,
        attempt=line.attempt,
        started=_moment(line.started),
        sent=line.sent,
        status=line.status,
        headers=line.headers,
        chunks=_load_chunks(line.chunks),
        ended_s=line.ended_s,
        failure=None if failure is None else Failure(kind=FailureKind(failure.kind), detail=failure.detail),
        missing=line.missing,
        hops=tuple(map(_load_hop, line.hops)),
        screenshot=base64.b64decode(line.screenshot, validate=True),
        lag_s=line.lag_s,
    )


def _load_hop(line: _HopLine) -> Hop:
    return Hop(
        t_s=line.t_s,
        method=line.method,
        url=line.url,
        sent=line.sent,
        status=line.status,
        headers=line.headers,
        chunks=_load_chunks(line.chunks),
    )


def _load_chunks(rows: _Chunks) -> tuple[Chunk, ...]:
    return tuple(Chunk(t_s=t_s, data=_load_bytes(data)) for t_s, data in rows)


def _load_bytes(data: str | _Coded) -> bytes:
    return data.encode() if isinstance(data, str) else base64.b64decode(data.b64, validate=True)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    if moment.year not in _YEARS:
        raise ValueError(f"{text!r} lies outside of the years {_YEARS.start} to {_YEARS.stop - 1}")
    return moment


def key_from_text(text: str) -> AskKey:
    """The inverse of str(AskKey).

    >>> key_from_text("style/tides#0@plain")
    AskKey(probe='style', item='tides', draw=0, variant='plain')
    """
    path, _, variant = text.partition("@")
    place, _, draw = path.rpartition("#")
    probe, slash, item = place.partition("/")
    if not (probe and slash and item and draw.isdecimal()):
        raise ValueError(f"ask {text!r} is not of the form probe/item#draw[@variant]")
    return AskKey(probe, item, int(draw), variant)


def dump_exchange(exchange: Exchange) -> str:
    """One line, with its newline."""
    failure = exchange.failure
    before = {
        "endpoint": exchange.endpoint,
        "ask": str(exchange.ask),
        "turn": exchange.turn,
        "attempt": exchange.attempt,
        "started": _stamp(exchange.started),
        "sent": exchange.sent,
        "status": exchange.status,
        "headers": [list(h) for h in exchange.headers],
    }
    after = {
        "ended_s": round(exchange.ended_s, 6),
        "failure": None if failure is None else {"kind": failure.kind.value, "detail": failure.detail},
        **_beside(exchange),
    }
    return f'{line_text(before)[:-1]},"chunks":[{_chunks_text(exchange.chunks)}],{line_text(after)[1:]}\n'


def _chunks_text(chunks: Sequence[Chunk]) -> str:
    """Rows, some at a time: one dump of all would keep every other thread waiting."""
    parts = (chunks[at : at + ROWS] for at in range(0, len(chunks), ROWS))
    return ",".join(line_text(_dump_chunks(part))[1:-1] for part in parts)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _dump_bytes(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


def _dump_chunks(chunks: Iterable[Chunk]) -> list[list[object]]:
    return [[round(c.t_s, 6), _dump_bytes(c.data)] for c in chunks]


def _beside(exchange: Exchange) -> JsonLine:
    """What only some ways in have."""
    fields = {
        "missing": list(exchange.missing),
        "hops": [_dump_hop(h) for h in exchange.hops],
        "screenshot": base64.b64encode(exchange.screenshot).decode(),
        "lag_s": round(exchange.lag_s, 6),
    }
    return {k: v for k, v in fields.items() if v}


def _dump_hop(hop: Hop) -> JsonLine:
    return {
        "t_s": round(hop.t_s, 6),
        "method": hop.method,
        "url": hop.url,
        "sent": hop.sent,
        "status": hop.status,
        "headers": [list(h) for h in hop.headers],
        "chunks": _dump_chunks(hop.chunks),
    }
