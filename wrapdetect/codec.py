"""Nouns <-> JSON lines: the run file, its format number, and one converter for each step of it.

Line 1 is the run (format, endpoints, packs, plan); each further line is one exchange. Lines end in "\\n" only.
Chunks that are valid UTF-8 are kept as text, all others as {"b64": ...}.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from wrapdetect.errors import RunFormatError
from wrapdetect.model import (
    AskKey,
    Chunk,
    Dialect,
    Endpoint,
    Exchange,
    Failure,
    FailureKind,
    Finding,
    Instrument,
    Item,
    Observation,
    Pack,
    Role,
    Run,
    TokenLimit,
    Verdict,
    Weights,
)

FORMAT = 1

Line = dict[str, Any]
Converter = Callable[[Line], Line]

CONVERTERS: Mapping[int, Converter] = {}
"""CONVERTERS[n] turns a line of format n into one of format n + 1; tests keep it complete up to FORMAT."""


class Loaded(NamedTuple):
    """A run, and what of its file could not be read (a torn last line; empty where the file is whole)."""

    run: Run
    torn: bytes
    good_bytes: int


def _dump(line: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def dump_head(run: Run) -> str:
    """The first line of a run file, with its newline: all of the run but the exchanges."""
    return (
        _dump(
            {
                "format": FORMAT,
                "run": run.id,
                "note": run.note,
                "instrument": asdict(run.instrument),
                "endpoints": [asdict(e) for e in run.endpoints],
                "packs": [asdict(p) for p in run.packs],
                "variants": dict(run.variants),
                "draws": run.draws,
                "seed": run.seed,
            }
        )
        + "\n"
    )


def dump_exchange(exchange: Exchange) -> str:
    """One line, with its newline."""
    failure = exchange.failure
    return (
        _dump(
            {
                "endpoint": exchange.endpoint,
                "ask": str(exchange.ask),
                "turn": exchange.turn,
                "attempt": exchange.attempt,
                "started": _stamp(exchange.started),
                "sent": exchange.sent,
                "status": exchange.status,
                "headers": [list(h) for h in exchange.headers],
                "chunks": [[round(c.t_s, 6), _dump_bytes(c.data)] for c in exchange.chunks],
                "ended_s": round(exchange.ended_s, 6),
                "failure": None if failure is None else {"kind": failure.kind.value, "detail": failure.detail},
            }
        )
        + "\n"
    )


def dump_run(run: Run) -> str:
    """The whole file."""
    return dump_head(run) + "".join(dump_exchange(e) for e in run.exchanges)


def load_run(data: bytes, *, name: str = "run") -> Loaded:
    """Read a run file. `name` is how errors call it.

    A torn last line (no newline, or not JSON) is set aside, never guessed at. The same exchange twice is refused.

    Raises RunFormatError for an empty file, a newer format, or a damaged line that is not the last.
    """
    whole, newline, tail = data.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    if not lines:
        raise RunFormatError(
            f"{name}: no complete first line in {len(data)} bytes; expected a run file made by wrapdetect"
        )
    head = _parse(lines[0], name, 1)
    found = _format_of(head, name)
    run = _head(upgrade(head, found), name)
    exchanges: list[Exchange] = []
    seen: set[str] = set()
    known = {(p.id, i.id): len(i.turns) for p in run.packs for i in p.items}
    endpoints, variants = {e.name for e in run.endpoints}, {"", *dict(run.variants)}
    torn, good = tail, len(data) - len(tail)
    for number, raw in enumerate(lines[1:], start=2):
        try:
            exchange = _exchange(upgrade(_parse(raw, name, number), found), name, number)
        except RunFormatError:
            if number != len(lines):
                raise
            torn, good = raw + b"\n" + tail, good - len(raw) - 1
            break
        if exchange.id in seen:
            raise RunFormatError(
                f"{name}, line {number}: exchange {exchange.id} stands there twice; expected each once"
            )
        if (exchange.ask.probe, exchange.ask.item) not in known:
            raise RunFormatError(
                f"{name}, line {number}: no pack in the first line holds {exchange.ask.probe}/{exchange.ask.item}"
            )
        if exchange.endpoint not in endpoints or exchange.ask.variant not in variants:
            raise RunFormatError(
                f"{name}, line {number}: the first line holds no such endpoint or variant: {exchange.id}"
            )
        if exchange.turn not in range(known[exchange.ask.probe, exchange.ask.item]) or exchange.attempt < 0:
            raise RunFormatError(f"{name}, line {number}: the item has no such turn: {exchange.id}")
        seen.add(exchange.id)
        exchanges.append(exchange)
    return Loaded(replace(run, exchanges=tuple(exchanges)), torn, good)


def upgrade(line: Line, found: int, *, converters: Mapping[int, Converter] = CONVERTERS, to: int = FORMAT) -> Line:
    """Bring a line of format `found` to format `to`, step by step.

    >>> upgrade({"a": 1}, 1, converters={1: lambda line: line | {"b": 2}}, to=2)
    {'a': 1, 'b': 2}
    """
    for step in range(found, to):
        line = converters[step](line)
    return line


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


def observations_to_json(observations: Iterable[Observation]) -> str:
    """One JSON list, one observation a line: the golden of the reading stage."""
    rows = [[o.exchange, o.feature, o.value, o.reader] for o in observations]
    return "[\n" + ",\n".join(_dump(rounded(r)) for r in rows) + "\n]\n"


def findings_to_json(findings: Iterable[Finding]) -> str:
    """One JSON list, one finding a line: the golden of the comparing stage."""
    return "[\n" + ",\n".join(_dump(rounded(asdict(f))) for f in findings) + "\n]\n"


def verdict_to_json(verdict: Verdict) -> str:
    """The verdict as indented JSON: the golden of the judging stage."""
    return json.dumps(rounded(asdict(verdict)), ensure_ascii=False, indent=1) + "\n"


def rounded(value: Any, digits: int = 4) -> Any:
    """Floats to `digits` decimals throughout, -0.0 as 0.0, so that reports do not move with the last bit.

    >>> rounded({"a": [0.123456, -0.00001]})
    {'a': [0.1235, 0.0]}
    """
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return round(value, digits) + 0.0
        case dict():
            return {k: rounded(v, digits) for k, v in value.items()}
        case _:
            return [rounded(v, digits) for v in value]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _dump_bytes(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


def _load_bytes(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["b64"], validate=True)


def _parse(raw: bytes, name: str, number: int) -> Line:
    try:
        line = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RunFormatError(f"{name}, line {number}: not JSON ({error}); the file is damaged there") from error
    if not isinstance(line, dict):
        raise RunFormatError(f"{name}, line {number}: {type(line).__name__} where a JSON object is due")
    return line


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _format_of(head: Line, name: str) -> int:
    found = head.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise RunFormatError(
            f"{name}, line 1: format is {found!r}; expected 1 to {FORMAT}: is this a run file of wrapdetect?"
        )
    if found > FORMAT:
        raise RunFormatError(
            f"{name}: cannot read run format {found} (this program reads up to {FORMAT}); update wrapdetect"
        )
    return found


def _head(line: Line, name: str) -> Run:
    try:
        return Run(
            id=str(line["run"]),
            note=str(line["note"]),
            instrument=_instrument(line["instrument"]),
            endpoints=_endpoints(line["endpoints"]),
            packs=tuple(_pack(p) for p in line["packs"]),
            variants=tuple((str(k), str(v)) for k, v in line["variants"].items()),
            draws=int(line["draws"]),
            seed=int(line["seed"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise RunFormatError(
            f"{name}, line 1: {_said(error)}; expected the first line of a run file of format {FORMAT}"
        ) from error


def _endpoints(rows: Sequence[Line]) -> tuple[Endpoint, ...]:
    endpoints = tuple(Endpoint(**row) for row in rows)
    names = [e.name for e in endpoints]
    if [e.role for e in endpoints].count("target") != 1:
        raise ValueError("not exactly one endpoint has the role target")
    if len(set(names)) != len(names):
        raise ValueError(f"two endpoints share a name among {names}")
    for endpoint in endpoints:
        for value, allowed in (
            (endpoint.role, Role),
            (endpoint.dialect, Dialect),
            (endpoint.weights, Weights),
            (endpoint.token_limit, TokenLimit),
        ):
            if value not in get_args(allowed):
                raise ValueError(f"endpoint {endpoint.name}: {value!r} is none of {', '.join(get_args(allowed))}")
    return endpoints


def _instrument(line: Line) -> Instrument:
    return Instrument(
        versions=tuple((str(k), str(v)) for k, v in line["versions"]),
        host=str(line["host"]),
        vantage=str(line["vantage"]),
    )


def _pack(line: Line) -> Pack:
    items = tuple(_item(i) for i in line["items"])
    return Pack(**{**line, "id": str(line["id"]), "items": items})


def _item(line: Line) -> Item:
    fields: Line = {k: tuple(v) if isinstance(v, list) else v for k, v in line.items()}
    for key in ("turns", "readers", "expects", "rejects"):
        if not isinstance(fields[key], tuple) or not all(isinstance(v, str) for v in fields[key]):
            raise ValueError(f"{key} of item {line['id']!r} is no list of texts")
    return Item(**{**fields, "id": str(line["id"])})


def _exchange(line: Line, name: str, number: int) -> Exchange:
    try:
        failure = line["failure"]
        return Exchange(
            endpoint=str(line["endpoint"]),
            ask=key_from_text(line["ask"]),
            turn=_whole(line["turn"]),
            attempt=_whole(line["attempt"]),
            started=_moment(line["started"]),
            sent=str(line["sent"]),
            status=None if line["status"] is None else int(line["status"]),
            headers=tuple((str(k), str(v)) for k, v in line["headers"]),
            chunks=tuple(Chunk(t_s=float(t), data=_load_bytes(d)) for t, d in line["chunks"]),
            ended_s=float(line["ended_s"]),
            failure=None
            if failure is None
            else Failure(kind=FailureKind(failure["kind"]), detail=str(failure["detail"])),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise RunFormatError(
            f"{name}, line {number}: {_said(error)}; expected an exchange of format {FORMAT}"
        ) from error


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return moment


def _said(error: Exception) -> str:
    return f"field {error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
