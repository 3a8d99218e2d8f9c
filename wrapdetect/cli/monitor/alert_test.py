"""wrapdetect monitor alert-test: does each alert URL take a message? No URL is shown; the store is not touched."""

from pathlib import Path

from wrapdetect.cli.monitor.rounds import fingerprint, make_alerts
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.monitor.alert import PassingMemory
from wrapdetect.store.monitor_file import load_monitor

FAILED_EXIT = 2


def alert_test(path: Path) -> int:
    """A line for each variable. Raises SpecError where there is none, or one that is not set."""
    config = load_monitor(path, fingerprint())
    if not config.alerts.urls_env:
        raise SpecError(
            f"{path}: [alerts] names nobody to tell; expected urls_env, the variables that hold Apprise URLs"
        )
    found = make_alerts(config, PassingMemory()).test()
    for name, trouble in found.items():
        say(trouble or f"{name}: the test message was taken")
    return FAILED_EXIT if any(found.values()) else 0
