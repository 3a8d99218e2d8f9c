"""A monitor's history -> runs, one for each target, which evidence/analysis.py judges and a run file carries. Pure.

The judging of a monitor is that of its exported run: the same bytes give the same verdict.
"""

from collections.abc import Iterable
from dataclasses import replace

from wrapdetect.model import Endpoint, Instrument, Role, Run
from wrapdetect.model.history import History, Service

NOTE = "the history of a monitor; no questions were asked"


def targets_of(history: History) -> list[str]:
    """Names of the services that may be wrappers."""
    return [s.name for s in history.services if s.kind == "target"]


def run_of(history: History, target: str, *, id_: str, instrument: Instrument, seed: int = 1) -> Run:
    """The run of one target: the target, its candidates, panel and sites; other targets are left out.

    Raises KeyError where the history has no such target.
    """
    if target not in targets_of(history):
        raise KeyError(target)
    kept = tuple(s for s in history.services if s.kind != "target" or s.name == target)
    asked = sorted((s for s in kept if s.kind in ("target", "candidate")), key=lambda s: s.kind != "target")
    return Run(
        id=id_,
        note=NOTE,
        instrument=instrument,
        endpoints=tuple(_endpoint(s) for s in asked),
        packs=(),
        variants=(),
        draws=0,
        seed=seed,
        history=restricted(history, kept),
    )


def restricted(history: History, services: Iterable[Service]) -> History:
    """What the history knows of some services."""
    kept = tuple(services)
    names = {s.name for s in kept}
    return replace(
        history,
        services=kept,
        beats=tuple(b for b in history.beats if b.service in names),
        incidents=tuple(i for i in history.incidents if i.service in names),
        coverage=tuple(c for c in history.coverage if c.service in names),
        prints=tuple(p for p in history.prints if p.service in names),
    )


def seen_from(history: History, vantage: str, *, ours: str) -> History:
    """The history for a store whose own vantage is `ours`: what the file's holder saw, from `vantage` ("" where nobody
    says), is named so, and what was seen from our own place is ours."""

    def named(before: str) -> str:
        whence = before or vantage
        return "" if whence == ours else whence

    return replace(
        history,
        beats=tuple(replace(b, vantage=named(b.vantage)) for b in history.beats),
        prints=tuple(replace(p, vantage=named(p.vantage)) for p in history.prints),
    )


def _endpoint(service: Service) -> Endpoint:
    """How a run names a service; one that only a feed tells of has no model."""
    role: Role = "target" if service.kind == "target" else "reference"
    if service.endpoint is not None:
        return replace(service.endpoint, name=service.name, role=role)
    return Endpoint(name=service.name, role=role, url=service.url, model="")
