"""A running monitor rereads its config: what changed is said, and a config that does not fit leaves the old one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wrapdetect.errors import SpecError, WrapdetectError
from wrapdetect.model import Item
from wrapdetect.model.history import Service
from wrapdetect.monitor.alert import Bell
from wrapdetect.monitor.rounds import Watch
from wrapdetect.monitor.spec import MonitorConfig
from wrapdetect.monitor.upkeep import Upkeep
from wrapdetect.store.ledger import Ledger
from wrapdetect.store.ledger.rows import change
from wrapdetect.store.monitor_file import load_monitor

_NAMED = 12
SETTINGS: Mapping[str, Callable[[MonitorConfig], object]] = {
    "cadence": lambda c: c.rhythm,
    "budget": lambda c: c.limits,
    "feeds": lambda c: c.feeds,
    "alerts": lambda c: c.alerts,
    "retention": lambda c: (c.pack_after_s, c.keep_s),
}
"""What else a reread takes over, by its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What rereading takes. `alerts` and `watch` make anew what hangs on a config; both may refuse it."""

    path: Path
    items: tuple[Item, ...]
    ledger: Ledger
    upkeep: Upkeep
    alerts: Callable[[MonitorConfig], Bell]
    watch: Callable[[MonitorConfig], Awaitable[Watch]]
    say: Callable[[str], None]

    async def __call__(self) -> Watch | None:
        """The watch to go on with; None where the config was refused, which is said."""
        try:
            return await self._taken()
        except WrapdetectError as error:
            self.say(f"{error}. Refused: the config of before goes on")
            return None

    async def _taken(self) -> Watch:
        before = self.upkeep.config
        config = await asyncio.to_thread(load_monitor, self.path, self.items)
        if config.store != before.store:
            raise SpecError(f"{self.path}: store is another now; stop the monitor and start it anew")
        alerts, watch = self.alerts(config), await self.watch(config)
        # Last, since it stays: the store refuses a name that now stands for another service.
        await asyncio.to_thread(self._store, config)
        self.upkeep.config, self.upkeep.alerts = config, alerts
        gone = {s.name for s in before.services()} - {s.name for s in config.services()}
        if self.upkeep.metrics:
            self.upkeep.metrics.forget(gone)
        ids = await asyncio.to_thread(self.ledger.ids)
        for line in changes(before, config, ids):
            self.say(f"{self.path} reread: {line}")
        for warning in config.warnings:
            self.say(f"note: {warning}")
        return watch

    def _store(self, config: MonitorConfig) -> None:
        self.ledger.set_services(config.services())
        self.ledger.set_cadence(config.rhythm.cadence_s)


def changes(before: MonitorConfig, after: MonitorConfig, ids: Mapping[str, int]) -> Iterator[str]:
    """Lines on what is other, service by service and table by table. A service keeps its id, and its history."""
    was, now = ({s.name: s for s in c.services()} for c in (before, after))
    added = [n for n in now if n not in was]
    removed = [n for n in was if n not in now]
    changed = [_changed(was[n], now[n], ids) for n in now if n in was and was[n] != now[n]]
    kept = [n for n in now if was.get(n) == now[n]]
    if added:
        yield f"added {_named(added, ids)}"
    if removed:
        yield f"removed {_named(removed, ids)}; what was recorded of it stays"
    yield from (f"changed {line}" for line in changed[:_NAMED])
    if len(changed) > _NAMED:
        yield f"changed {len(changed) - _NAMED} services more"
    yield from (f"changed [{table}]" for table, part in SETTINGS.items() if part(before) != part(after))
    if before.vantage != after.vantage:
        yield "vantage is other: what was recorded before is taken for seen from there too, unless the store is new"
    if (before.metrics_port, before.metrics_host) != (after.metrics_port, after.metrics_host):
        yield "[metrics] is other, and only a new start changes where they are served"
    yield f"kept {_named(kept, ids)}" if kept else "no service is kept"


def _changed(before: Service, after: Service, ids: Mapping[str, int]) -> str:
    return f"{change(before, after) or f'service {after.name}'} (id {ids.get(after.name)} kept)"


def _named(names: Sequence[str], ids: Mapping[str, int]) -> str:
    shown = ", ".join(f"{n} (id {ids[n]})" if n in ids else n for n in names[:_NAMED])
    return shown + (f", and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
