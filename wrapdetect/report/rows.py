"""Tables of a verdict as plain rows, a dict each, as pandas.DataFrame and csv.DictWriter take them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Literal

from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError
from wrapdetect.model import Exchange, Match, Run, Verdict

PlainRow = dict[str, object]
VerdictTable = Literal["findings", "controls", "tallies", "answers"]


def verdict_rows(table: VerdictTable, verdict: Verdict, run: Run) -> list[PlainRow]:
    """A row for each finding, control or endpoint, or for each answer. Raises SpecError for another table."""
    if table not in _TABLES:
        raise SpecError(f"no table {table!r}; expected one of {', '.join(_TABLES)}")
    return list(_TABLES[table](verdict, run))


def match_rows(match: Match) -> list[PlainRow]:
    """A row for each model of the library, the nearest first."""
    return [asdict(near) for near in match.ranked]


def _answer(exchange: Exchange, run: Run) -> PlainRow:
    endpoint = next(e for e in run.endpoints if e.name == exchange.endpoint)
    reply, key = decode(exchange, endpoint), exchange.ask
    turns = run.item(key).turns
    return {
        "endpoint": endpoint.name,
        "role": endpoint.role,
        "pack": key.probe,
        "item": key.item,
        "draw": key.draw,
        "variant": key.variant,
        "turn": exchange.turn,
        "attempt": exchange.attempt,
        "question": turns[exchange.turn] if exchange.turn < len(turns) else "",
        "answer": reply.text,
        "failure": None if reply.failure is None else reply.failure.kind.value,
        "started": exchange.started,
        "first_s": reply.pieces[0].t_s if reply.pieces else None,
        "ended_s": exchange.ended_s,
    }


def _tallies(verdict: Verdict) -> Iterator[PlainRow]:
    for t in verdict.tallies:
        yield {"endpoint": t.endpoint, "planned": t.planned, "answered": t.answered, "failed": dict(t.failures)}


_TABLES: Mapping[VerdictTable, Callable[[Verdict, Run], Iterator[PlainRow]]] = {
    "findings": lambda verdict, _: (asdict(f) for f in verdict.findings),
    "controls": lambda verdict, _: (asdict(c) for c in verdict.controls),
    "tallies": lambda verdict, _: _tallies(verdict),
    "answers": lambda _, run: (_answer(e, run) for e in run.exchanges),
}
