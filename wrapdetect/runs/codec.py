"""Nouns <-> JSON lines: the run file, its format number, and one converter for each step of it.

Line 1 is the run (format, endpoints, packs, plan, services watched); each further line is one exchange, or a part of a
monitor's history (codec_history). Lines end in "\\n" only. Chunks that are valid UTF-8 are kept as text, all others as
{"b64": ...}.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from wrapdetect.dialects import dialect_names
from wrapdetect.errors import RunFormatError
from wrapdetect.model import (
    AskKey,
    Chunk,
    Endpoint,
    Exchange,
    Failure,
    FailureKind,
    Finding,
    Hop,
    Instrument,
    Item,
    Missing,
    Observation,
    Pack,
    Role,
    Run,
    TokenLimit,
    Verdict,
    Weights,
)
from wrapdetect.model.prose import quote
from wrapdetect.model.text import shown
from wrapdetect.runs.codec_history import (
    ENTRIES,
    Gathering,
    HistoryEntry,
    history_head,
    history_lines,
    read_entry,
    read_head,
)
from wrapdetect.runs.codec_ways import check_values, dump_endpoint, load_endpoint

FORMAT = 4

_Line = dict[str, Any]
Converter = Callable[[_Line], _Line]


def _with_history(line: _Line) -> _Line:
    """Format 2 names the services of a monitor in its first line; an exchange is as it was."""
    return {**line, "format": 2, "history": None} if "format" in line else line


def _with_ways(line: _Line) -> _Line:
    """Format 3 tells how a target without a known API is asked, and what an exchange does not hold: each where it is
    so, and else the lines are as they were."""
    return {**line, "format": 3} if "format" in line else line


def _with_own_faults(line: _Line) -> _Line:
    """Format 4 tells what was late on our side, of logins, polls, replies, headers, and whence a monitor looked: each
    where it is so, and else the lines are as they were."""
    return {**line, "format": 4} if "format" in line else line


CONVERTERS: Mapping[int, Converter] = {1: _with_history, 2: _with_ways, 3: _with_own_faults}
"""CONVERTERS[n] turns a line of format n into one of format n + 1; tests keep it complete up to FORMAT."""


MOST_DRAWS, MOST_ASKS, MOST_ENDPOINTS = 10_000, 500_000, 1_000
"""What a run may plan: draws of each item, and asks in all; a file that says more was not written by an audit."""
_LONGEST_S = 1e7
"""Seconds that an exchange may take, or a time in it may lie before its start."""
_YEARS = range(1970, 2200)
UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError)
"""What reading a line that was never ours may raise."""
_LONGEST_SAID = 400
"""Characters of what is wrong with a line: names and texts of a file may be of any length."""
ROWS = 500
"""Chunks that are dumped in one go."""
HALVES = re.compile(rb"\\u[dD][89a-fA-F]")
"""Where a surrogate is spelt; most lines have none, and are not looked through for halves of a pair."""


class Loaded(NamedTuple):
    """A run, and what of its file could not be read (a torn last line; empty where the file is whole).

    `twice` counts lines that stood there again (two audits wrote to one file): the first of each is kept.
    """

    run: Run
    torn: bytes
    good_bytes: int
    twice: int = 0


def _dump(line: Mapping[str, Any] | Sequence[Any]) -> str:
    """One line; what drives a terminal or cannot be encoded stands in it as an escape, and is read back as it was."""
    return shown(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


def dump_head(run: Run) -> str:
    """The first line of a run file, with its newline: all of the run but the exchanges, of its history the services."""
    return (
        _dump(
            {
                "format": FORMAT,
                "run": run.id,
                "note": run.note,
                "instrument": asdict(run.instrument),
                "endpoints": [dump_endpoint(e) for e in run.endpoints],
                "packs": [asdict(p) for p in run.packs],
                "variants": dict(run.variants),
                "draws": run.draws,
                "seed": run.seed,
                "history": None if run.history is None else history_head(run.history),
            }
        )
        + "\n"
    )


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
    return f'{_dump(before)[:-1]},"chunks":[{_chunks_text(exchange.chunks)}],{_dump(after)[1:]}\n'


def _chunks_text(chunks: Sequence[Chunk]) -> str:
    """Rows, some at a time: one dump of all would keep every other thread waiting."""
    parts = (chunks[at : at + ROWS] for at in range(0, len(chunks), ROWS))
    return ",".join(_dump(_dump_chunks(part))[1:-1] for part in parts)


def dump_lines(run: Run) -> Iterator[str]:
    """The lines of a run file, each with its newline, so that a year of heartbeats can be written without holding it.

    Raises ValueError for beats that could not be read again.
    """
    yield dump_head(run)
    yield from (dump_exchange(e) for e in run.exchanges)
    if run.history is not None:
        yield from (_dump(line) + "\n" for line in history_lines(run.history))


def dump_run(run: Run) -> str:
    """The whole file."""
    return "".join(dump_lines(run))


def load_run(data: bytes, *, name: str = "run") -> Loaded:
    """Read a run file. `name` is how errors call it.

    A torn last line (no newline, or not JSON) is set aside, never guessed at. Of an exchange that stands there twice,
    or a day of a service, the first is kept and the others are counted.

    Raises RunFormatError for an empty file, a newer format, or a damaged line that is not the last.
    """
    *lines, tail = data.split(b"\n")
    if not lines:
        raise RunFormatError(
            f"{name}: no complete first line in {len(data)} bytes; expected a run file made by wrapdetect"
        )
    head = _parse(lines[0], name, 1)
    found = _format_of(head, name)
    run = _head(upgraded(head, found), name)
    exchanges, gathering = _Exchanges(run), Gathering(run.history)
    torn, good, twice = tail, len(data) - len(tail), 0
    for number, raw in enumerate(lines[1:], start=2):
        if raw == lines[0]:
            twice += 1
            continue
        try:
            line = _parse(raw, name, number)
            if "format" in line and "endpoints" in line:
                raise RunFormatError(f"{name}, line {number}: another recording begins here; expected one a file")
            entry = _entry(upgraded(line, found), name, number)
        except RunFormatError:
            if number != len(lines):
                raise
            torn, good = raw + b"\n" + tail, good - len(raw) - 1
            break
        try:
            twice += not (exchanges.add(entry) if isinstance(entry, Exchange) else gathering.add(entry))
        except ValueError as misfit:
            raise RunFormatError(f"{name}, line {number}: {_said(misfit)}") from misfit
    return Loaded(replace(run, exchanges=tuple(exchanges.added), history=gathering.history()), torn, good, twice)


class _Exchanges:
    """The exchanges of one file, each of which must fit the file's first line."""

    def __init__(self, run: Run) -> None:
        self.added: list[Exchange] = []
        self._seen: set[str] = set()
        self._turns = {(p.id, i.id): len(i.turns) for p in run.packs for i in p.items}
        self._endpoints, self._variants = {e.name for e in run.endpoints}, {"", *dict(run.variants)}

    def add(self, exchange: Exchange) -> bool:
        """False where it is there already. Raises ValueError for an exchange that the first line knows nothing of."""
        ask, name = exchange.ask, exchange.id
        if name in self._seen:
            return False
        if (ask.probe, ask.item) not in self._turns:
            raise ValueError(f"no pack in the first line holds {ask.probe}/{ask.item}")
        if exchange.endpoint not in self._endpoints or ask.variant not in self._variants:
            raise ValueError(f"the first line holds no such endpoint or variant: {name}")
        if exchange.turn not in range(self._turns[ask.probe, ask.item]) or exchange.attempt < 0:
            raise ValueError(f"the item has no such turn: {name}")
        self._seen.add(name)
        self.added.append(exchange)
        return True


def upgraded(line: _Line, found: int, *, converters: Mapping[int, Converter] = CONVERTERS, to: int = FORMAT) -> _Line:
    """Bring a line of format `found` to format `to`, step by step.

    >>> upgraded({"a": 1}, 1, converters={1: lambda line: line | {"b": 2}}, to=2)
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


def _dump_chunks(chunks: Iterable[Chunk]) -> list[list[Any]]:
    return [[round(c.t_s, 6), _dump_bytes(c.data)] for c in chunks]


def _load_chunks(rows: Iterable[Sequence[Any]]) -> tuple[Chunk, ...]:
    return tuple(Chunk(t_s=_seconds(t), data=_load_bytes(d)) for t, d in rows)


def _seconds(value: Any) -> float:
    if not -_LONGEST_S <= (seconds := float(value)) <= _LONGEST_S:
        raise ValueError(f"{value!r} is no time within an exchange")
    return seconds


def _beside(exchange: Exchange) -> _Line:
    """What only some ways in have."""
    fields = {
        "missing": list(exchange.missing),
        "hops": [_dump_hop(h) for h in exchange.hops],
        "screenshot": base64.b64encode(exchange.screenshot).decode(),
        "lag_s": round(exchange.lag_s, 6),
    }
    return {k: v for k, v in fields.items() if v}


def _dump_hop(hop: Hop) -> _Line:
    return {
        "t_s": round(hop.t_s, 6),
        "method": hop.method,
        "url": hop.url,
        "sent": hop.sent,
        "status": hop.status,
        "headers": [list(h) for h in hop.headers],
        "chunks": _dump_chunks(hop.chunks),
    }


def _load_hop(line: _Line) -> Hop:
    return Hop(
        t_s=_seconds(line["t_s"]),
        method=str(line["method"]),
        url=str(line["url"]),
        sent=str(line["sent"]),
        status=_status(line["status"]),
        headers=tuple((str(k), str(v)) for k, v in line["headers"]),
        chunks=_load_chunks(line["chunks"]),
    )


def _missing(names: Iterable[Any]) -> tuple[Missing, ...]:
    for name in (found := tuple(names)):
        if name not in get_args(Missing):
            raise ValueError(f"missing holds {name!r}; expected {', '.join(get_args(Missing))}")
    return found


def _load_bytes(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["b64"], validate=True)


def _parse(raw: bytes, name: str, number: int) -> _Line:
    try:
        line = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
        if HALVES.search(raw):
            json.dumps(
                line, ensure_ascii=False
            ).encode()  # half a surrogate pair, which JSON can spell and no file can hold
    except (ValueError, RecursionError) as error:
        raise RunFormatError(f"{name}, line {number}: not JSON ({error}); the file is damaged there") from error
    if not isinstance(line, dict):
        raise RunFormatError(f"{name}, line {number}: {type(line).__name__} where a JSON object is due")
    return line


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _format_of(head: _Line, name: str) -> int:
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


def _head(line: _Line, name: str) -> Run:
    try:
        history = read_head(line["history"], _endpoint)
        run = Run(
            id=str(line["run"]),
            note=str(line["note"]),
            instrument=_instrument(line["instrument"]),
            endpoints=_endpoints(line["endpoints"], watched=history is not None),
            packs=tuple(_pack(p) for p in line["packs"]),
            variants=tuple((str(k), str(v)) for k, v in line["variants"].items()),
            draws=_whole(line["draws"]),
            seed=_whole(line["seed"]),
            history=history,
        )
        _check_size(run)
        return run
    except UNREADABLE as error:
        raise RunFormatError(
            f"{name}, line 1: {_said(error)}; expected the first line of a run file of format {FORMAT}"
        ) from error


def _check_size(run: Run) -> None:
    """Raises ValueError for a plan so large that nobody made it: it would only keep its reader busy."""
    if run.draws not in range(MOST_DRAWS + 1):
        raise ValueError(f"draws is {number_shown(run.draws)}; expected 0 to {MOST_DRAWS:,}")
    asks = sum(len(p.items) for p in run.packs) * len(run.endpoints) * (1 + len(run.variants)) * run.draws
    if asks > MOST_ASKS:
        raise ValueError(f"it plans {asks:,} asks; expected at most {MOST_ASKS:,}")


def number_shown(value: int) -> str:
    """A whole number as an error shows it, however long.

    >>> number_shown(7), number_shown(10**30)
    ('7', 'a number of more than 20 digits')
    """
    return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"


def _endpoints(rows: Sequence[_Line], *, watched: bool) -> tuple[Endpoint, ...]:
    """Exactly one target; or none of any role, where services are only `watched`."""
    if not watched and len(rows) > MOST_ENDPOINTS:
        raise ValueError(f"it asks {len(rows):,} endpoints; expected at most {MOST_ENDPOINTS:,}")
    endpoints = tuple(_endpoint(row) for row in rows)
    names = [e.name for e in endpoints]
    if [e.role for e in endpoints].count("target") != 1 and (endpoints or not watched):
        raise ValueError("not exactly one endpoint has the role target")
    if len(set(names)) != len(names):
        raise ValueError(f"two endpoints share a name among {names}")
    return endpoints


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    endpoint = load_endpoint(row)
    for value, allowed in (
        (endpoint.role, get_args(Role)),
        (endpoint.dialect, dialect_names()),
        (endpoint.weights, get_args(Weights)),
        (endpoint.token_limit, get_args(TokenLimit)),
    ):
        if value not in allowed:
            raise ValueError(f"endpoint {endpoint.name}: {value!r} is none of {', '.join(allowed)}")
    return endpoint


def _instrument(line: _Line) -> Instrument:
    return Instrument(
        versions=tuple((str(k), str(v)) for k, v in line["versions"]),
        host=str(line["host"]),
        vantage=str(line["vantage"]),
    )


def _pack(line: _Line) -> Pack:
    items = tuple(_item(i) for i in line["items"])
    pack = Pack(**{**line, "id": str(line["id"]), "items": items})
    check_values(pack)
    return pack


def _item(line: _Line) -> Item:
    fields: _Line = {k: tuple(v) if isinstance(v, list) else v for k, v in line.items()}
    for key in ("turns", "readers", "expects", "rejects"):
        if not isinstance(fields[key], tuple) or not all(isinstance(v, str) for v in fields[key]):
            raise ValueError(f"{key} of item {line['id']!r} is no list of texts")
    item = Item(**{**fields, "id": str(line["id"])})
    check_values(item)
    return item


def _entry(line: _Line, name: str, number: int) -> Exchange | HistoryEntry:
    kind = next(iter(line), "")
    try:
        return read_entry(line) if kind in ENTRIES else _exchange(line)
    except UNREADABLE as error:
        due = f"a line of {kind}" if kind in ENTRIES else "an exchange"
        raise RunFormatError(f"{name}, line {number}: {_said(error)}; expected {due} of format {FORMAT}") from error


def _exchange(line: _Line) -> Exchange:
    failure = line["failure"]
    return Exchange(
        endpoint=str(line["endpoint"]),
        ask=key_from_text(line["ask"]),
        turn=_whole(line["turn"]),
        attempt=_whole(line["attempt"]),
        started=_moment(line["started"]),
        sent=str(line["sent"]),
        status=_status(line["status"]),
        headers=tuple((str(k), str(v)) for k, v in line["headers"]),
        chunks=_load_chunks(line["chunks"]),
        ended_s=_seconds(line["ended_s"]),
        failure=None if failure is None else Failure(kind=FailureKind(failure["kind"]), detail=str(failure["detail"])),
        missing=_missing(line.get("missing", ())),
        hops=tuple(_load_hop(h) for h in line.get("hops", ())),
        screenshot=base64.b64decode(line.get("screenshot", ""), validate=True),
        lag_s=_seconds(line.get("lag_s", 0.0)),
    )


def _whole(value: object) -> int:
    if type(value) is not int or abs(value) >= 2**128:
        raise ValueError(
            f"{value!r} is no whole number" if type(value) is not int else f"{number_shown(value)} is too large"
        )
    return value


def _status(value: object) -> int | None:
    if value is not None and (type(value) is not int or value not in range(1000)):
        raise ValueError("status is no status of HTTP")
    return value if isinstance(value, int) else None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    if moment.year not in _YEARS:
        raise ValueError(f"{text!r} lies outside of the years {_YEARS.start} to {_YEARS.stop - 1}")
    return moment


def _said(error: Exception) -> str:
    return f"field {error.args[0]!r} is missing" if isinstance(error, KeyError) else quote(str(error), _LONGEST_SAID)
