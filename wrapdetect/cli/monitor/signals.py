"""What the system's signals mean to a watch: end in order, or read the config again."""

import asyncio
import signal


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set `stop`, instead of ending the process."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


def renew_on_signal(wanted: asyncio.Event) -> None:
    """SIGHUP sets `wanted`, instead of ending the process; where there is such a signal."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, wanted.set)
