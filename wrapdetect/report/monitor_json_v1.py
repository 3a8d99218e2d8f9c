"""What a monitor knows -> JSON, version 1: fields may be added, and never change or go (docs/monitor.md names them)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING

from wrapdetect.model.history import Dependence
from wrapdetect.report.nouns import FeedNow, MonitorNow, ServiceNow
from wrapdetect.runs.codec import rounded

if TYPE_CHECKING:  # loads what compares, which a report does not need
    from wrapdetect.monitor.incidents import Listed

_VERSION = 1


def render(now: MonitorNow) -> str:
    """The monitor as it stands, with its newline."""
    return _dump(
        {
            "status": _VERSION,
            "at": moment(now.at_s),
            "vantage": now.vantage,
            "services": [_service(s) for s in now.services],
            "feeds": [_feed(f) for f in now.feeds],
            "budget": {"requests": asdict(now.requests), "tokens": asdict(now.tokens)},
            "store": {"name": now.store, "bytes": now.store_bytes},
            "trouble": [{"what": t.what, "since": moment(t.since_s), "text": t.text} for t in now.trouble],
            "silent_since": moment(now.silent_since_s),
            "evidence": [_evidence(d) for found in now.evidence for d in found],
        }
    )


def incidents(listed: Sequence["Listed"]) -> str:
    """A list, as they came, with its newline."""
    return _dump([_incident(one) for one in listed])


def moment(at_s: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601, in UTC.

    >>> moment(0), moment(None)
    ('1970-01-01T00:00:00Z', None)
    """
    return None if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


def number(value: float | None) -> float | None:
    """JSON has no infinity: None.

    >>> number(float("inf")), number(2.0)
    (None, 2.0)
    """
    return value if value is not None and isfinite(value) else None


def _dump(body: Mapping[str, object] | Sequence[object]) -> str:
    """Numbers have four decimals. ASCII: what a remote said may hold signs that drive a terminal."""
    return json.dumps(rounded(body), indent=2) + "\n"


def _service(service: ServiceNow) -> dict[str, object]:
    return {
        "name": service.name,
        "kind": service.kind,
        "state": service.state,
        "last_round": moment(service.round_s),
        "up": service.up,
        "of": service.n,
        "latency_ms": service.latency_ms or None,
        "said": service.said,
    }


def _feed(feed: FeedNow) -> dict[str, object]:
    return {
        "name": feed.name,
        "ok": feed.ok,
        "read": moment(feed.at_s),
        "since": moment(feed.since_s),
        "detail": feed.detail,
    }


def _evidence(found: Dependence) -> dict[str, object]:
    return {
        "target": found.target,
        "upstream": found.upstream,
        "named": found.named,
        "hits": found.hits,
        "incidents": found.n,
        "llr_nats": number(found.llr),
        "p": number(found.p_corrected),
        "e": number(found.e),
        "more": found.more,
    }


def _incident(one: "Listed") -> dict[str, object]:
    return {
        "service": one.service,
        "kind": one.kind,
        "source": one.source,
        "began": moment(one.latest_s),
        "began_earliest": moment(one.earliest_s),
        "ended": moment(one.ended_latest_s),
        "ended_earliest": moment(one.ended_earliest_s),
        "shared_with": list(one.shared),
        "witness": one.witness,
    }
