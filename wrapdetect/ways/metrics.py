"""Figures of the monitor for Prometheus, on a registry of their own. Labels are names from the config, never an address
or a key."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from wrapdetect.errors import SpecError
from wrapdetect.model.history import UNKNOWN, Beat, Outcome

LATENCY_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the histogram's classes."""


class Metrics:
    """What is counted since this process began. May be used from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._beats = Counter(
            "wrapdetect_beats", "Heartbeats by how they ended", ["service", "outcome"], registry=self.registry
        )
        self._latency = Histogram(
            "wrapdetect_latency_seconds",
            "From sending a heartbeat to the first piece of its answer",
            ["service"],
            buckets=LATENCY_S,
            registry=self.registry,
        )
        self._lateness = self._gauge(
            "wrapdetect_round_lateness_seconds", "How late the latest heartbeat of the last round was sent"
        )
        self._up = self._gauge(
            "wrapdetect_up",
            "Last heartbeat: 1 answered, 0 not, NaN unknown (refused or limited: our account)",
            "service",
        )
        self._evidence = self._gauge(
            "wrapdetect_evidence_nats",
            "Logarithm of the likelihood ratio, towards passing through",
            "target",
            "candidate",
        )
        self._budget = self._gauge("wrapdetect_budget_spent", "Spent of this UTC day's budget, 0 to 1", "kind")
        self._store = self._gauge("wrapdetect_store_ok", "1 the store answers, 0 it is away and waited for")
        self._store.set(1)
        self._feeds = self._gauge("wrapdetect_feed_ok", "Last reading of a status feed: 1 read, 0 broken", "feed")

    def _gauge(self, name: str, said: str, *labels: str) -> Gauge:
        return Gauge(name, said, labels, registry=self.registry)

    def beat(self, beat: Beat) -> None:
        """One heartbeat that was recorded."""
        self._beats.labels(beat.service, beat.outcome.name.lower()).inc()
        if beat.outcome is Outcome.UP and beat.latency_ms:  # 0: it is not known
            self._latency.labels(beat.service).observe(beat.latency_ms / 1000)
        self._up.labels(beat.service).set(math.nan if beat.outcome in UNKNOWN else beat.outcome is Outcome.UP)

    def forget(self, services: Iterable[str]) -> None:
        """These are watched no more: how they were must not stand there as if it were now."""
        for name in services:
            with contextlib.suppress(KeyError):
                self._up.remove(name)

    def lateness(self, seconds: float) -> None:
        """Of a whole round: the latest heartbeat."""
        self._lateness.set(seconds)

    def evidence(self, target: str, candidate: str, nats: float) -> None:
        self._evidence.labels(target, candidate).set(nats)

    def budget(self, spent: Mapping[str, float]) -> None:
        """Shares of the day's budget by kind: requests, tokens."""
        for kind, share in spent.items():
            self._budget.labels(kind).set(share)

    def store(self, ok: bool) -> None:
        """Whether the store answers."""
        self._store.set(ok)

    def feed(self, name: str, ok: bool) -> None:
        self._feeds.labels(name).set(ok)


@contextlib.contextmanager
def serve_metrics(metrics: Metrics, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve /metrics until the block ends; gives the port (0 asks for any free one).

    Raises SpecError for a port that is in use or may not be taken, and for a host that is not this machine's.
    """
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SpecError(
            f"cannot serve metrics on {host}, port {port}: {why}; give a free --metrics-port, or leave it out"
        ) from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
