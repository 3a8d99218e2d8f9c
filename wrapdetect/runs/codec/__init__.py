"""Nouns <-> JSON lines: the run file as a whole.

Line 1 is the run (format, endpoints, packs, plan, services watched); each further line is one exchange, or a part of a
monitor's history (history). Lines end in "\\n" only.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from wrapdetect.errors import RunFormatError
from wrapdetect.model import Exchange, Run
from wrapdetect.runs.codec.door import UNREADABLE, what_is_wrong
from wrapdetect.runs.codec.exchanges import dump_exchange, key_from_text, read_exchange
from wrapdetect.runs.codec.head import dump_head, load_head
from wrapdetect.runs.codec.history import ENTRIES, Gathering, HistoryEntry, history_lines, read_entry
from wrapdetect.runs.codec.lines import (
    CONVERTERS,
    FORMAT,
    JsonLine,
    format_of,
    line_text,
    parse_line,
    upgraded,
)
from wrapdetect.runs.codec.stages import rounded


class Loaded(NamedTuple):
    """A run, and what of its file could not be read (a torn last line; empty where the file is whole).

    `twice` counts lines that stood there again (two audits wrote to one file): the first of each is kept.
    """

    run: Run
    torn: bytes
    good_bytes: int
    twice: int = 0


def dump_lines(run: Run) -> Iterator[str]:
    """The lines of a run file, each with its newline, so that a year of heartbeats can be written without holding it.

    Raises ValueError for beats that could not be read again.
    """
    yield dump_head(run)
    yield from (dump_exchange(e) for e in run.exchanges)
    if run.history is not None:
        yield from (line_text(line) + "\n" for line in history_lines(run.history))


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
    head = parse_line(lines[0], name, 1)
    found = format_of(head, name)
    run = _begun(upgraded(head, found), name)
    exchanges, gathering = _Exchanges(run), Gathering(run.history)
    torn, good, twice = tail, len(data) - len(tail), 0
    for number, raw in enumerate(lines[1:], start=2):
        if raw == lines[0]:
            twice += 1
            continue
        try:
            line = parse_line(raw, name, number)
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
            raise RunFormatError(f"{name}, line {number}: {what_is_wrong(misfit)}") from misfit
    return Loaded(replace(run, exchanges=tuple(exchanges.added), history=gathering.history()), torn, good, twice)


def check_run(run: Run) -> None:
    """Raises RunFormatError for a run in memory that no file could hold, for one because an endpoint was taken out of
    it and its exchanges were left."""
    try:
        fitting = _Exchanges(load_head(parse_line(dump_head(run).encode(), "its first line", 1)))
        for exchange in run.exchanges:
            fitting.add(exchange)
    except UNREADABLE as error:
        raise RunFormatError(f"the run given: {what_is_wrong(error)}; expected one as load_run gives it") from error


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


def _begun(line: JsonLine, name: str) -> Run:
    try:
        return load_head(line)
    except UNREADABLE as error:
        raise RunFormatError(
            f"{name}, line 1: {what_is_wrong(error)}; expected the first line of a run file of format {FORMAT}"
        ) from error


def _entry(line: JsonLine, name: str, number: int) -> Exchange | HistoryEntry:
    kind = next(iter(line), "")
    try:
        return read_entry(line) if kind in ENTRIES else read_exchange(line)
    except UNREADABLE as error:
        due = f"a line of {kind}" if kind in ENTRIES else "an exchange"
        raise RunFormatError(
            f"{name}, line {number}: {what_is_wrong(error)}; expected {due} of format {FORMAT}"
        ) from error


__all__ = [
    "CONVERTERS",
    "FORMAT",
    "Loaded",
    "check_run",
    "dump_exchange",
    "dump_head",
    "dump_lines",
    "dump_run",
    "key_from_text",
    "load_run",
    "rounded",
    "upgraded",
]
