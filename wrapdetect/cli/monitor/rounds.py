"""wrapdetect monitor init, once, run: a config and its store, joined to the rounds."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wrapdetect.cli.monitor.reload import Reload
from wrapdetect.cli.monitor.signals import renew_on_signal, stop_on_signals
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError, StoreAway
from wrapdetect.evidence.compare.dependence.episodes import stamp
from wrapdetect.model import Item
from wrapdetect.model.history import History, Outcome
from wrapdetect.monitor.alert import Memory
from wrapdetect.monitor.config import FILL_IN, parse_monitor
from wrapdetect.monitor.rounds import Done, Watch
from wrapdetect.monitor.spec import MonitorConfig, daily_cost
from wrapdetect.monitor.upkeep import Upkeep
from wrapdetect.monitor.watch import Renewal, keep_watch, once
from wrapdetect.store.ledger import Ledger, owner
from wrapdetect.store.monitor_file import load_monitor, template
from wrapdetect.store.shipped import load_pack, load_seeds
from wrapdetect.ways import clock
from wrapdetect.ways.alerts import Alerts, read_alert_urls
from wrapdetect.ways.heartbeat import HttpPulse
from wrapdetect.ways.keyring import read_keys
from wrapdetect.ways.metrics import Metrics, serve_metrics
from wrapdetect.ways.status_pages import open_pages

FINGERPRINT = "fingerprint"
NOTHING_ASKED_EXIT = 3
STOPPING_S = 10.0
"""What runs beside the rounds is waited for this long at the end; it is made up for next time."""
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A config and its open store."""

    config: MonitorConfig
    ledger: Ledger
    items: tuple[Item, ...]

    def history(self, *, since_s: int | None = None) -> History:
        """What the store knows of the config's services."""
        known = {s.name for s in self.ledger.services()}
        names = [s.name for s in self.config.services() if s.name in known]
        return self.ledger.history(since_s=since_s, services=names)


def init(path: Path) -> None:
    """Write the commented template, and say what it would take. Raises SpecError where a file is there already."""
    text = template()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SpecError(f"{path} is there already; it was left as it is: choose another --config") from error
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror}; choose another --config") from error
    say(f"written: {path}. Put your own values where {FILL_IN} stands, then: wrapdetect monitor once --config {path}")
    say(
        "as it stands, "
        + cost_line(parse_monitor(text.replace(FILL_IN, "example.org"), str(path), fingerprint()), fingerprint())
    )


def cost_line(config: MonitorConfig, items: Sequence[Item]) -> str:
    """What a day takes, and what it may take."""
    cost = daily_cost(config, items)
    return (
        f"a day takes at most {cost.requests:,} requests ({cost.beats:,} heartbeats, {cost.fingerprints:,} questions "
        f"of the fingerprint) and {cost.tokens:,} tokens; allowed are {config.limits.requests_per_day:,} and "
        f"{config.limits.tokens_per_day:,}"
    )


def ask_once(path: Path) -> int:
    """One round, and what is due beside it. Exit code 3 where nothing was asked."""
    with opened_monitor(path) as monitor:
        upkeep = make_upkeep(monitor, None)
        done = asyncio.run(_once(monitor, upkeep))
    for note in done.notes:
        say(note)
    if done.skipped:
        say(f"nothing was asked: {done.skipped}")
        return NOTHING_ASKED_EXIT
    up = sum(b.outcome is Outcome.UP for b in done.beats)
    say(f"round of {stamp(done.round_s)}: {up} of {len(done.beats)} up")
    sites = {s.name for s in monitor.config.sites}
    failed = [b for b in done.beats if b.service in sites and b.outcome is not Outcome.UP]
    if failed and 2 * len(failed) >= len(sites):
        say(f"{len(failed)} of {len(sites)} plain sites failed too: the fault is ours, and this round says nothing")
    return 0


def run(path: Path, *, metrics_port: int | None) -> int:
    """Rounds until SIGINT or SIGTERM; SIGHUP has the config read again."""
    with ExitStack() as stack:
        monitor = stack.enter_context(opened_monitor(path))
        port = metrics_port if metrics_port is not None else monitor.config.metrics_port
        metrics = Metrics() if port is not None else None
        if metrics is not None and port is not None:
            bound = stack.enter_context(serve_metrics(metrics, port, monitor.config.metrics_host))
            say(f"metrics on http://{monitor.config.metrics_host}:{bound}/metrics")
        say(cost_line(monitor.config, monitor.items))
        say(
            f"watching {len(monitor.config.services())} services every {monitor.config.rhythm.cadence_s} s; "
            "stop with Ctrl-C"
        )
        asyncio.run(_run(monitor, make_upkeep(monitor, metrics), path))
    say("stopped; what was answered is stored")
    return 0


def fingerprint() -> tuple[Item, ...]:
    """The fixed questions by which versions are seen."""
    return load_pack(FINGERPRINT).items


@contextmanager
def opened_monitor(path: Path, *, claimed: bool = True) -> Iterator[Monitor]:
    """The config of `path` and its store. `claimed`: as one who writes, so services and cadence are brought up to
    date."""
    items = fingerprint()
    config = load_monitor(path, items)
    for warning in config.warnings:
        say(f"note: {warning}")
    gone = partial(owner.has_ended, place=owner.here(), started=owner.started)
    holder = owner.holder_of_this_process()
    with Ledger.open(config.store, now=clock.now, holder=holder, make=claimed, gone=gone) as ledger:
        if claimed:
            ledger.claim(config.rhythm.lease_s)
            ledger.set_cadence(config.rhythm.cadence_s)
            for line in ledger.set_services(config.services()):
                say(f"note: {line}")
        yield Monitor(config=config, ledger=ledger, items=items)


def make_upkeep(monitor: Monitor, metrics: Metrics | None) -> Upkeep:
    """What is due beside the rounds. Raises SpecError for an alert variable that is not set."""
    return Upkeep(
        config=monitor.config,
        ledger=monitor.ledger,
        alerts=make_alerts(monitor.config, monitor.ledger),
        metrics=metrics,
        pages=open_pages,
        seeds=load_seeds,
        now=clock.now,
        say=say,
    )


def make_alerts(config: MonitorConfig, memory: Memory) -> Alerts:
    """Raises SpecError for an alert variable that is not set."""
    return Alerts(read_alert_urls(config.alerts.urls_env), memory=memory, now=clock.now, quiet_s=config.alerts.quiet_s)


async def _once(monitor: Monitor, upkeep: Upkeep) -> Done:
    stop = asyncio.Event()
    stop_on_signals(stop)
    done = await once(await _watch(monitor, upkeep, monitor.config), stop=stop)
    if not stop.is_set():
        await upkeep.after(done)
        await upkeep.finish()
    return done


async def _run(monitor: Monitor, upkeep: Upkeep, path: Path) -> None:
    stop, wanted = asyncio.Event(), asyncio.Event()
    stop_on_signals(stop)
    renew_on_signal(wanted)
    reload = Reload(
        path=path,
        items=monitor.items,
        ledger=monitor.ledger,
        upkeep=upkeep,
        alerts=lambda config: make_alerts(config, monitor.ledger),
        watch=lambda config: _watch(monitor, upkeep, config),
        say=say,
    )
    watch = await _watch(monitor, upkeep, monitor.config)
    await keep_watch(watch, after_round=upkeep.after, stop=stop, renewal=Renewal(wanted=wanted, watch=reload))
    with suppress(TimeoutError, StoreAway):  # what is left undone is done after the next start
        async with asyncio.timeout(STOPPING_S):
            await upkeep.finish()


async def _watch(monitor: Monitor, upkeep: Upkeep, config: MonitorConfig) -> Watch:
    """Raises SpecError for a key that is not set, and where there is no browser for a page."""
    services = config.asked()
    pulse = HttpPulse(
        services,
        keyring=read_keys([s.endpoint for s in services if s.endpoint]),
        now=clock.now,
        stopwatch=clock.stopwatch,
        timeout_s=config.rhythm.timeout_s,
    )
    await pulse.check()
    return Watch(
        services=services,
        rhythm=config.rhythm,
        budget=config.limits,
        items=monitor.items,
        seed=SEED,
        ledger=monitor.ledger,
        pulse=pulse,
        now=clock.now,
        stopwatch=clock.stopwatch,
        sleep=asyncio.sleep,
        say=say,
        offload=lambda call: asyncio.get_running_loop().run_in_executor(upkeep.store_thread, call),
        alarmed=upkeep.alarmed,
        fault=upkeep.fault,
    )
