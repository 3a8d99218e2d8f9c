"""A store that is away is waited for: the same call again, until it does or the watch is to end; told when it begins
and when it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from wrapdetect.errors import StoreAway
from wrapdetect.monitor.rounds import Stopping, Watch, cancelled, shown_round

RETRY_S = 5.0
SILENT_S = 30.0
"""A call to the store takes at most the ten seconds for which other writers are waited for."""

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class Patience:
    """`offload` of a watch (rounds.Offload). Raises StoreAway where `stopping` comes first, and StoreError for anything
    that waiting does not mend: another monitor that has taken the store meanwhile is one."""

    watch: Watch
    stopping: Stopping
    away_s: float | None = None
    was_away: bool = False
    """Since it was last set to False, by whoever asks."""

    async def __call__(self, call: Callable[[], _T], /) -> _T:
        while True:
            try:
                if self.away_s is not None:  # the lease may have run out: ours again, or another's
                    await self._done(self.watch.offload(lambda: self.watch.ledger.claim(self.watch.rhythm.lease_s)))
                found = await self._done(self.watch.offload(call))
            except StoreAway as error:
                self.gone(error)
                if self.stopping.done():
                    raise
                await self._pause()
            else:
                self._back()
                return found

    def gone(self, error: StoreAway) -> None:
        """The store was found away, by us or by others."""
        if self.away_s is None:
            self.away_s = self.watch.now_s()
            self.watch.say(f"{error}. Waiting for it: until then nothing is asked, and rounds stay unknown")
        self.watch.fault("store", str(error))

    def _back(self) -> None:
        if self.away_s is not None:
            away_s, self.away_s, self.was_away = self.away_s, None, True
            self.watch.say(f"the store is back; it was away since {shown_round(away_s)}")
            self.watch.fault("store", "")

    async def _done(self, work: Awaitable[_T]) -> _T:
        """Its result. A server that takes a call and says nothing is away too; the same call is waited for, since a
        second one would have to wait behind it."""
        doing = asyncio.ensure_future(work)
        while not doing.done():
            await asyncio.wait((doing, self.stopping), timeout=SILENT_S, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                silent = StoreAway(f"the store has not answered for {SILENT_S:.0f} s")
                if self.stopping.done():
                    await asyncio.wait((doing,), timeout=SILENT_S)
                    if not doing.done():
                        doing.cancel()
                        raise silent
                else:
                    self.gone(silent)
        return doing.result()

    async def _pause(self) -> None:
        sleeping: asyncio.Future[None] = asyncio.ensure_future(_slept(self.watch.sleep(RETRY_S)))
        await asyncio.wait((sleeping, self.stopping), return_when=asyncio.FIRST_COMPLETED)
        await cancelled(sleeping)


async def _slept(sleep: Awaitable[None]) -> None:
    await sleep
