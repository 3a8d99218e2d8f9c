"""Verdict -> JSON, report version 1. The schema (json_v1.schema.json, beside this file) is frozen: fields may never
change or go; a new shape is json_v2. Numbers have four decimals, so the same run gives the same bytes."""

import json
from dataclasses import asdict

from wrapdetect.model import Run, Verdict
from wrapdetect.runs.codec import rounded

_VERSION = 1


def render(verdict: Verdict, run: Run) -> str:
    """The report with its newline."""
    body = {
        "report": _VERSION,
        "run": {
            "id": run.id,
            "note": run.note,
            "seed": run.seed,
            "vantage": run.instrument.vantage,
            "versions": dict(run.instrument.versions),
            "packs": [{"id": p.id, "version": p.version, "digest": p.digest} for p in run.packs],
        },
        "target": {"name": run.target.name, "url": run.target.url, "model": run.target.model},
        "references": [{"name": e.name, "url": e.url, "model": e.model} for e in run.references],
        "state": verdict.state,
        "upstream": verdict.upstream,
        "probability": verdict.probability,
        "low": verdict.low,
        "high": verdict.high,
        "behaviour_nats": verdict.behaviour,
        "dependence_nats": verdict.dependence,
        "ruleset": verdict.ruleset,
        "calibrator": verdict.calibrator,
        "views": list(verdict.views),
        "findings": [asdict(f) for f in verdict.findings],
        "controls": [asdict(c) for c in verdict.controls],
        "tallies": [
            {"endpoint": t.endpoint, "planned": t.planned, "answered": t.answered, "failures": dict(t.failures)}
            for t in verdict.tallies
        ],
        "limits": list(verdict.limits),
        "needs": list(verdict.needs),
        "bugs": list(verdict.bugs),
    }
    return json.dumps(rounded(body), ensure_ascii=False, indent=2) + "\n"
