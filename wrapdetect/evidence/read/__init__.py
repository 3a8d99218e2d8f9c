"""Exchange -> Observations: what happened, never what it means. One module a reader, all of them in READERS."""

from dataclasses import replace

from wrapdetect.dialects import Reply, decode
from wrapdetect.evidence.read import coherence, failure, identity, text, timing
from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.evidence.seeds import Vendors
from wrapdetect.model import Endpoint, Exchange, Observation, Run
from wrapdetect.model.prose import LONGEST_READ

READERS: dict[str, Reader] = {
    "failure": failure.READER,
    "identity": identity.READER,
    "coherence": coherence.READER,
    "text": text.READER,
    "timing": timing.READER,
}
"""By id; packages of others add to it (store/plugins.py)."""


def named_readers() -> tuple[str, ...]:
    """What an item of a pack may ask to be read for."""
    return tuple(reader.id for reader in READERS.values() if reader.named)


def read_run(run: Run, vendors: Vendors) -> tuple[tuple[Observation, ...], tuple[str, ...]]:
    """All observations of a run, and the readers that broke (a bug of ours each, by name; the rest goes on).

    What a turn said is read off its last attempt; how each attempt fared, off all of them.
    """
    endpoints = {e.name: e for e in run.endpoints}
    items = {(pack.id, item.id): item for pack in run.packs for item in pack.items}
    readings = [Reading(e, _answer(e, endpoints[e.endpoint]), items[e.ask.probe, e.ask.item]) for e in run.exchanges]
    last = {(e.endpoint, e.ask, e.turn): e.attempt for e in sorted(run.exchanges, key=lambda e: e.attempt)}
    final = [r for r in readings if last[r.exchange.endpoint, r.exchange.ask, r.exchange.turn] == r.exchange.attempt]
    questions = {(i.id, turn): text for i in items.values() for turn, text in enumerate(i.turns)}
    background = Background(vendors, questions)
    observations: list[Observation] = []
    bugs: list[str] = []
    for name, reader in READERS.items():
        wanted = readings if reader.always else [r for r in final if name in r.item.readers]
        try:
            observations += reader.observations(wanted, background)
        except Exception as error:  # a broken reader is reported by name, and the others still count
            of = f" ({reader.origin})" if reader.origin else ""
            bugs.append(f"reader {name}{of}: {type(error).__name__}: {error}")
    return tuple(observations), tuple(bugs)


def _answer(exchange: Exchange, endpoint: Endpoint) -> Reply:
    reply = decode(exchange, endpoint)
    return reply if len(reply.text) <= LONGEST_READ else replace(reply, text=reply.text[:LONGEST_READ])


__all__ = ["READERS", "Background", "Reader", "Reading", "named_readers", "read_run"]
