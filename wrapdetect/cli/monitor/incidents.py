"""wrapdetect monitor incidents: every outage that was seen or published, as a list. Sends nothing."""

from datetime import datetime
from pathlib import Path

from wrapdetect.cli.monitor.rounds import opened_monitor
from wrapdetect.cli.reporting import screen, show
from wrapdetect.errors import SpecError
from wrapdetect.monitor.incidents import incidents_of


def show_incidents(path: Path, *, target: str | None, since: datetime | None, report: str) -> None:
    """Everything on standard output, the oldest first."""
    with opened_monitor(path, claimed=False) as monitor:
        names = [s.name for s in monitor.config.services() if s.kind != "site"]
        if target not in (None, *names):
            raise SpecError(f"--target: no service is called {target!r}; expected one of {', '.join(names)}")
        history = monitor.history()  # whole: what began before --since must not begin with it
    found = incidents_of(history, service=target, since_s=since.timestamp() if since else None)
    show(report, lambda form: form.incidents(found, screen()))
