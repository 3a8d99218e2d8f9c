"""The first line of a run file: all of the run but its exchanges, of its history the services."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from wrapdetect.model import Endpoint, Instrument, Pack, Run
from wrapdetect.runs.codec.door import FileLine, Whole, check_named, number_shown
from wrapdetect.runs.codec.endpoints import checked_dialect, dump_endpoint
from wrapdetect.runs.codec.history import history_head, read_head
from wrapdetect.runs.codec.lines import FORMAT, JsonLine, line_text

MOST_DRAWS, MOST_ASKS, MOST_ENDPOINTS = 10_000, 500_000, 1_000
"""What a run may plan: draws of each item, and asks in all; a file that says more was not written by an audit."""


class _HeadLine(FileLine):
    format: int
    run: str
    note: str
    instrument: Instrument
    endpoints: list[Endpoint]
    packs: list[Pack]
    variants: dict[str, str]
    draws: Whole
    seed: Whole


def dump_head(run: Run) -> str:
    """With its newline."""
    return (
        line_text(
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


def load_head(fields: JsonLine) -> Run:
    """The inverse of dump_head, of a line that was parsed. Raises one of UNREADABLE."""
    history = read_head(fields["history"])
    if history is None:
        _check_count(fields.get("endpoints"))
    line = _HeadLine.of({name: value for name, value in fields.items() if name != "history"})
    for pack in cast("list[JsonLine]", fields["packs"]):
        check_named(pack["items"], "expects", "rejects")
    run = Run(
        id=line.run,
        note=line.note,
        instrument=line.instrument,
        endpoints=_checked(line.endpoints, watched=history is not None),
        packs=tuple(line.packs),
        variants=tuple(line.variants.items()),
        draws=line.draws,
        seed=line.seed,
        history=history,
    )
    _check_size(run)
    return run


def _check_count(rows: object) -> None:
    """Raises ValueError for more endpoints than anybody asks, before each is looked at."""
    if isinstance(rows, list) and len(rows) > MOST_ENDPOINTS:
        raise ValueError(f"it asks {len(rows):,} endpoints; expected at most {MOST_ENDPOINTS:,}")


def _checked(endpoints: Sequence[Endpoint], *, watched: bool) -> tuple[Endpoint, ...]:
    """Exactly one target; or none of any role, where services are only `watched`."""
    found = tuple(map(checked_dialect, endpoints))
    names = [e.name for e in found]
    if [e.role for e in found].count("target") != 1 and (found or not watched):
        raise ValueError("not exactly one endpoint has the role target")
    if len(set(names)) != len(names):
        raise ValueError(f"two endpoints share a name among {names}")
    return found


def _check_size(run: Run) -> None:
    """Raises ValueError for a plan so large that nobody made it: it would only keep its reader busy."""
    if run.draws not in range(MOST_DRAWS + 1):
        raise ValueError(f"draws is {number_shown(run.draws)}; expected 0 to {MOST_DRAWS:,}")
    asks = sum(len(p.items) for p in run.packs) * len(run.endpoints) * (1 + len(run.variants)) * run.draws
    if asks > MOST_ASKS:
        raise ValueError(f"it plans {asks:,} asks; expected at most {MOST_ASKS:,}")
