"""Beside the rounds: figures, feeds that are due, alerts, packing of old days, and what the evidence says today."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from math import log
from typing import TypeVarTuple

from wrapdetect.errors import StoreError
from wrapdetect.evidence.compare.dependence.episodes import stamp
from wrapdetect.evidence.compare.dependence.outages import FEWEST_HITS
from wrapdetect.evidence.compare.dependence.together import evidence, outages_of_each
from wrapdetect.evidence.compare.dependence.vantages import own_view
from wrapdetect.evidence.compare.dependence.versions import change_points
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model.history import DAY_S, DOWN, Beat, Dependence, History, Outcome
from wrapdetect.monitor.alert import Alert, Bell, EventKind, PassingMemory
from wrapdetect.monitor.as_runs import restricted
from wrapdetect.monitor.feed_reader import FeedReader
from wrapdetect.monitor.outside import Figures, OpenPages, UpkeepStore
from wrapdetect.monitor.rounds import Done, FaultKind
from wrapdetect.monitor.spec import FeedSpec, MonitorConfig
from wrapdetect.monitor.standing import LastingState, Standing, disk_of, states_of

Args = TypeVarTuple("Args")

WEIGHED_EVERY_S = 3600
ALARM_EVERY_S, ALARM_SERVICES = 3600, 500
RETOLD_S = 60
AWAY = "store"
"""Under this key the ledger's events tell when the store was away."""
SUBJECTS: Mapping[FaultKind, str] = {"clock": "the clock", "lag": "the rounds", "store": "the store"}
BROKEN_AFTER = 12
"""Rounds in a row in which a service refused us before it is told."""


@dataclass(slots=True, kw_only=True)
class Upkeep:
    """Everything that happens after a round. Nothing here is lost when it is skipped or killed: work is marked as done
    after it was done, and the next round makes up for what is not."""

    config: MonitorConfig
    ledger: UpkeepStore
    alerts: Bell
    metrics: Figures | None
    pages: OpenPages
    seeds: Callable[[], Seeds]
    now: Callable[[], datetime]
    say: Callable[[str], None]
    weighed_s: int = 0
    _passing: PassingMemory = field(default_factory=PassingMemory)
    _faults: dict[FaultKind, tuple[int, str]] = field(default_factory=dict)
    """Of our own, each with when it was found and what it is, "" where it is over."""
    _tried_s: dict[FaultKind, int] = field(default_factory=dict)
    _telling: set[asyncio.Task[None]] = field(default_factory=set)
    _teller: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "alerts"))
    _running: asyncio.Task[None] | None = None
    store_thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "store"))
    """Of its own: the default executor also resolves names, and a name server that hangs must not hold up the store."""

    async def after(self, done: Done) -> None:
        """Begin what is due, beside the rounds: a feed that hangs must not make the next round late.

        Raises StoreError where the store was in trouble, now or the last time.
        """
        await asyncio.to_thread(self._count, done)
        if self._running is not None and not self._running.done():
            return  # the next round makes up for it
        await self._finish_running()
        self._running = asyncio.create_task(self._slowly(done))

    async def finish(self) -> None:
        """Wait for what is running, and for what is being told."""
        if self._telling:
            await asyncio.wait(self._telling)
        await self._finish_running()

    async def _finish_running(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            await running
        except ExceptionGroup as group:  # of the feeds: the first is the cause
            raise group.exceptions[0] from group

    async def _aside(self, work: Callable[[*Args], None], *args: *Args) -> None:
        """In the thread that tells, one thing after the other: nothing is told twice, and an inbox that hangs takes no
        thread from those that resolve names for heartbeats."""
        await asyncio.get_running_loop().run_in_executor(self._teller, work, *args)

    async def _slowly(self, done: Done) -> None:
        await self.read_feeds()
        await self._aside(self._tell_of, done)
        await asyncio.to_thread(self._weigh)
        await asyncio.to_thread(self._pack)

    def fault(self, kind: FaultKind, text: str) -> None:
        """A fault of our own, or its end, as the watch finds it (Watch.fault): told at once beside the rounds, and
        again once a minute at most while it was not taken."""
        now_s = self._now_s()
        before = self._faults.get(kind)
        same = before is not None and bool(before[1]) == bool(text)
        if same and (not text or now_s - self._tried_s[kind] < RETOLD_S):
            return
        self._faults[kind] = before if same and before else (now_s, text)
        self._tried_s[kind] = now_s
        task = asyncio.create_task(self._aside(self._tell_fault, kind, before))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _tell_fault(self, kind: FaultKind, before: tuple[int, str] | None) -> None:
        since_s, text = self._faults[kind]
        with suppress(StoreError):  # it is told again after the next round
            if kind != "store":
                self._standing().settle("own", [LastingState(SUBJECTS[kind], since_s if text else None, text)])
                return
            if self.metrics:
                self.metrics.store(not text)
            about = Standing(alerts=self.alerts.with_memory(self._passing), say=self.say, now_s=self._now_s)
            about.settle("store", [LastingState("the store", since_s if text else None, text)])
            if before is not None and before[1] and not text:
                away = f"was away from {stamp(before[0])} to {stamp(since_s)}: {before[1]}"
                self.ledger.note_event(AWAY, before[0], away)

    def _standing(self) -> Standing:
        return Standing(alerts=self.alerts, say=self.say, now_s=self._now_s)

    def alarmed(self) -> bool:
        """Whether a candidate has just fallen and a target has not: then the fingerprint shows whether it fell back on
        another upstream. Once an hour at most; not with more than ALARM_SERVICES services."""
        targets, candidates = ({s.name for s in some} for some in (self.config.targets, self.config.candidates))
        if len(self.config.services()) > ALARM_SERVICES:
            return False
        latest = self.ledger.latest(2)
        fell = any(len(b) == 2 and all(map(is_down, b)) for n, b in latest.items() if n in candidates)
        stays = any(b and b[-1].outcome is Outcome.UP for n, b in latest.items() if n in targets)
        if not (fell and stays):
            return False
        recent = self.ledger.history(since_s=self._now_s() - ALARM_EVERY_S, services=sorted(targets), beats=False)
        return not any(not p.vantage for p in recent.prints)

    async def read_feeds(self) -> None:
        """Each feed that is due; one that breaks is an alert, never an outage."""
        reader = FeedReader(ledger=self.ledger, pages=self.pages, now_s=self._now_s, told=self._tell_of_feed)
        await reader.read(self.config.feeds)

    async def _tell_of_feed(
        self, feed: FeedSpec, state: LastingState, at_s: int, detail: str, tags: Mapping[str, str | None]
    ) -> None:
        await self._aside(self._told_of_feed, feed, state, at_s, detail, tags)

    def _told_of_feed(
        self, feed: FeedSpec, state: LastingState, at_s: int, detail: str, tags: Mapping[str, str | None]
    ) -> None:
        """Told before it is noted: a kill between loses no message."""
        ok = state.since_s is None
        self._standing().settle("feed", [state])
        self.ledger.note_feed(feed.name, at_s, ok=ok, detail=detail, **tags)
        if self.metrics:
            self.metrics.feed(feed.name, ok)

    def _count(self, done: Done) -> None:
        if self.metrics is None:
            return
        for beat in done.beats:
            self.metrics.beat(beat)
        if done.late_s:
            self.metrics.lateness(max(done.late_s))
        spent, limits = self.ledger.spent(self.now().date()), self.config.limits
        self.metrics.budget(
            {
                "requests": spent.requests / limits.requests_per_day,
                "tokens": spent.tokens / limits.tokens_per_day,
            }
        )

    def _tell_of(self, done: Done) -> None:
        """What a round shows by itself: the budget is spent, who fell or came back, our own faults, who refuses us."""
        for fault in tuple(self._faults):
            self._tell_fault(fault, None)
        if not done.skipped:
            states, sites = states_of(self.config, self.ledger, done.round_s)
            self._standing().settle("down", states)
            ours = (sites, disk_of(self.ledger, self._now_s()))
            self._standing().settle("own", [s for s in ours if s is not None])
        day = f"{self.now():%Y-%m-%d}"
        if "budget" in done.skipped:
            self._send(
                Alert(key=f"budget/{day}", kind="budget", subject="the monitor", text=done.skipped, at_s=self._now_s())
            )
        if not any(b.outcome is Outcome.REFUSED for b in done.beats):
            return
        kinds = {s.name: s.kind for s in self.config.services()}
        for name, beats in self.ledger.latest(BROKEN_AFTER).items():
            if name in kinds and refuses(beats):
                kind: EventKind = "blocked" if kinds[name] == "target" else "reference"
                text = f"{name} has refused the last {len(beats)} heartbeats: {beats[-1].said}. This is no outage"
                key = f"{kind}/{name}/{day}"
                self._send(Alert(key=key, kind=kind, subject=name, text=text, at_s=beats[-1].round_s))

    def _weigh(self) -> None:
        """Once an hour: the evidence of each target, changes of version."""
        now_s = self._now_s()
        key = f"weighed/{now_s // WEIGHED_EVERY_S}"
        if now_s - self.weighed_s < WEIGHED_EVERY_S or self.ledger.marked(key):
            return
        self.weighed_s = now_s
        try:
            self._weigh_all()
            self.ledger.first_time(key, now_s)
        except StoreError:
            self.weighed_s = 0  # not done: the next round makes up for it
            raise

    def _pack(self) -> None:
        """Once a day: old days packed and dropped."""
        now_s = self._now_s()
        key = f"packed/{now_s // DAY_S}"
        if not self.ledger.marked(key):
            self.ledger.pack(now_s - self.config.pack_after_s)
            self.ledger.retain(now_s - self.config.keep_s)
            self.ledger.first_time(key, now_s)

    def _weigh_all(self) -> None:
        history = self.ledger.history(services=[s.name for s in self.config.services()])
        for outages in outages_of_each(history, [t.name for t in self.config.targets], self.seeds()):
            for found in outages.found:
                self._evidence(found)
        self._versions(own_view(history))

    def _evidence(self, found: Dependence) -> None:
        if self.metrics:
            self.metrics.evidence(found.target, found.upstream, found.llr)
        at = self.config.alerts.evidence_at
        # The e-value holds however often it is looked at; the ratio says how strong it is.
        if found.hits >= FEWEST_HITS and found.llr >= log(at) and found.e >= at * found.candidates:
            text = f"{found.target} and {found.upstream}: {evidence(found)}. See: wrapdetect monitor judge"
            key = f"evidence/{found.target}/{found.upstream}/{at:g}"
            self._send(
                Alert(
                    key=key,
                    kind="evidence",
                    subject=f"{found.target} on {found.upstream}",
                    text=text,
                    at_s=self._now_s(),
                )
            )

    def _versions(self, history: History) -> None:
        for service in (*self.config.targets, *self.config.candidates):
            prints = restricted(history, [service]).prints
            for change in change_points(prints):
                text = f"answers differently since {stamp(change.at_s)}: {change.witness}"
                key = f"version/{service.name}/{change.at_s}"
                self._send(Alert(key=key, kind="version", subject=service.name, text=text, at_s=change.at_s))

    def _send(self, event: Alert) -> None:
        delivery = self.alerts.send(event)
        if delivery.trouble:
            self.say(delivery.trouble)

    def _now_s(self) -> int:
        return int(self.now().timestamp())


def is_down(beat: Beat) -> bool:
    """Not up, and not for our own account's sake."""
    return beat.outcome in DOWN


def refuses(beats: list[Beat]) -> bool:
    """Whether all of the last rounds were refused.

    >>> refuses([])
    False
    """
    return len(beats) >= BROKEN_AFTER and all(b.outcome is Outcome.REFUSED for b in beats)
