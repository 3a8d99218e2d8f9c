"""The published incidents of shared/data/outages as timelines, and what is known of who depends on whom.

Which services are downstream, on whom, and which depend on nobody is read from dependencies.json, never written here;
whose a provider is follows from seeds/models.toml. All other services with incidents are taken for providers too.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from wrapdetect.errors import WrapdetectError
from wrapdetect.evidence.compare.dependence.episodes import from_incidents, union
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model.history import Coverage, Incident, Timeline
from wrapdetect.store.shipped import load_seeds

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "outages"
LISTS, LABELS = ("incidents.parquet", "incidents.jsonl.gz"), "dependencies.json"
COLUMNS = ("source", "service", "incident_id", "title", "start", "end", "severity")
SEVERITY: Mapping[str, int] = {
    "0": 0, "1": 1, "2": 2, "3": 3, "4": 3,
    "operational": 0, "none": 0, "minor": 1, "degraded_performance": 1,
    "major": 2, "partial_outage": 2, "critical": 3, "major_outage": 3,
}  # fmt: skip
UNSTATED = 1
POSTED_LATE_S = 1800
"""The lists give the time of the first post: it began up to half an hour before (on 21 February 2023, 25 minutes)."""
POST_S = 3 * 3600
"""An incident that ends when it began is a post about one: its onset is known to +-3 hours only, and counts as none."""
EXTRA = (("github-copilot", "openai"), ("cursor", "anthropic"))
"""Edges known from the incidents' own texts that dependencies.json does not hold; no row of the table needs them."""


class Missing(WrapdetectError):
    """The data is not there."""


class Edge(NamedTuple):
    """A true dependence; `why` as the labels say it."""

    target: str
    upstream: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """`lines` by service. `controls` depend on nobody; `makers` serve models of their own: no two of different vendors
    depend on one another; `providers` are all that are not downstream and no control, or makers."""

    lines: Mapping[str, Timeline]
    incidents: tuple[Incident, ...]
    edges: tuple[Edge, ...]
    controls: tuple[str, ...]
    absent: tuple[str, ...]
    makers: tuple[str, ...]
    providers: tuple[str, ...]
    seeds: Seeds

    def candidates(self, target: str) -> list[Timeline]:
        """Providers of other vendors than the target's."""
        vendor = self.lines[target].vendor
        return [self.lines[p] for p in self.providers if self.lines[p].vendor != vendor and p != target]

    def panel(self, target: str) -> list[Timeline]:
        """The rest: services that are neither candidates nor downstream of one."""
        shut = {target, *self.providers, *(e.target for e in self.edges)}
        return [t for name, t in self.lines.items() if name not in shut]

    def of_vendor(self, vendor: str) -> list[str]:
        """Providers that are this service, or of this vendor."""
        return [p for p in self.providers if vendor in (p, self.lines[p].vendor)]


def load(data: Path) -> Truth:
    """Raises Missing, naming the file."""
    labels = _labels(data / LABELS)
    seeds = load_seeds()
    incidents, coverage = read_incidents(data)
    names = sorted({i.service for i in incidents})
    edges = tuple(e for e in (*labels[0], *(Edge(t, u, "extra") for t, u in EXTRA if {t, u} <= set(names))))
    downstream = {e.target for e in edges}
    vendor = {n: _own_vendor(n, names) if n in downstream else vendor_of(n, names, seeds) for n in names}
    lines = {n: _timeline(n, vendor[n], incidents, coverage) for n in names}
    known = {v.id for v in seeds.vendors.vendor}
    found = {c: _spelled(c, names) for c in labels[1]}
    controls = tuple(sorted({n for n in found.values() if n is not None}))
    makers = tuple(n for n in names if n not in downstream and vendor[n] in known)
    providers = tuple(n for n in names if n not in downstream and (n in makers or n not in controls))
    return Truth(
        lines=lines,
        incidents=tuple(incidents),
        edges=edges,
        controls=controls,
        absent=tuple(c for c, n in found.items() if n is None),
        makers=makers,
        providers=providers,
        seeds=seeds,
    )


def read_incidents(data: Path) -> tuple[list[Incident], list[Coverage]]:
    """All incidents, and for each service and source the time from its first to its last. Raises Missing."""
    path = next((data / name for name in LISTS if (data / name).is_file()), None)
    if path is None:
        raise Missing(f"no {' or '.join(LISTS)} in {data}; expected the incident lists, give their folder with --data")
    rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_json(path, lines=True)
    lacking = [c for c in COLUMNS if c not in rows]
    if lacking:
        raise Missing(f"{path} has no column {lacking[0]}; expected {', '.join(COLUMNS)}")
    start, end = (pd.to_datetime(rows[c], utc=True, errors="coerce", format="ISO8601") for c in ("start", "end"))
    rows = rows.assign(start=start, end=end)
    incidents = [
        _incident(str(service), str(source), str(id_), str(title), start, None if pd.isna(end) else end, severity)
        for service, source, id_, title, start, end, severity in zip(
            rows.service, rows.source, rows.incident_id, rows.title, rows.start, rows.end, rows.severity, strict=True
        )
        if not pd.isna(start)
    ]
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i in incidents:
        times[i.service, i.feed] += [i.began_s, i.ended_s or i.began_s]
    return incidents, [
        Coverage(service=s, feed=f, since_s=min(at), until_s=max(at)) for (s, f), at in sorted(times.items())
    ]


def vendor_of(service: str, names: Sequence[str], seeds: Seeds) -> str:
    """By seeds/models.toml: a vendor's id within the name, a model's name, one of its products; else its own."""
    bare = compact(service)
    for vendor in seeds.vendors.vendor:
        if vendor.id in bare or bare in {compact(n) for n in (*vendor.names, *vendor.cased)}:
            return vendor.id
    by_model, _ = seeds.vendors.of_model(service)
    return by_model.id if by_model else _own_vendor(service, names)


def compact(name: str) -> str:
    """Letters and digits, in lower case.

    >>> compact("JetBrains-AI")
    'jetbrainsai'
    """
    return "".join(c for c in name.lower() if c.isalnum())


def gaps(line: Timeline) -> list[tuple[float, float]]:
    """Holes between the spans watched."""
    return [(a[1], b[0]) for a, b in pairwise(line.watched)]


def _own_vendor(service: str, names: Iterable[str]) -> str:
    """`github-copilot` is of `github`, where that is a service; else it is its own."""
    return next((n for n in names if service.startswith(f"{n}-")), service)


def _spelled(control: str, names: Sequence[str]) -> str | None:
    """The service meant: `characterai` is `character`."""
    wanted = compact(control)
    return next((n for n in names if compact(n) in (wanted, wanted.removesuffix("ai"))), None)


def _labels(path: Path) -> tuple[list[Edge], list[str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Missing(f"no {path.name} in {path.parent}; expected the known dependencies, see --data") from error
    edges = [Edge(t, u, str(why)) for t, on in found.items() if not t.startswith("_") for u, why in on.items()]
    return edges, [str(c) for c in found.get("_controls", ())]


def _incident(
    service: str,
    source: str,
    id_: str,
    title: str,
    start: pd.Timestamp,
    end: pd.Timestamp | None,
    severity: object,
) -> Incident:
    post = end is not None and end <= start
    return Incident(
        service=service,
        feed=source.split("/")[-1],
        id=id_,
        title=title,
        began_s=int(start.timestamp()),
        early_s=POST_S if post else POSTED_LATE_S,
        late_s=POST_S if post else 0,
        ended_s=int(end.timestamp()) if end is not None and end > start else None,
        severity=SEVERITY.get(str(severity).removesuffix(".0"), UNSTATED),
    )


def _timeline(service: str, vendor: str, incidents: Sequence[Incident], coverage: Sequence[Coverage]) -> Timeline:
    return Timeline(
        service=service,
        vendor=vendor,
        episodes=tuple(from_incidents(i for i in incidents if i.service == service)),
        watched=union((float(c.since_s), float(c.until_s)) for c in coverage if c.service == service),
    )
