"""wrapdetect monitor incidents: every outage that was seen or published, as a list. Sends nothing."""

import sys
from datetime import datetime
from pathlib import Path

from wrapdetect.cli.monitor.rounds import opened_monitor
from wrapdetect.cli.terminal import width
from wrapdetect.errors import SpecError
from wrapdetect.monitor.incidents import Listed, incidents_of
from wrapdetect.report import monitor_console, monitor_json_v1


def show_incidents(path: Path, *, target: str | None, since: datetime | None, as_json: bool) -> None:
    """Everything on standard output, the oldest first."""
    with opened_monitor(path, claimed=False) as monitor:
        names = [s.name for s in monitor.config.services() if s.kind != "site"]
        if target not in (None, *names):
            raise SpecError(f"--target: no service is called {target!r}; expected one of {', '.join(names)}")
        history = monitor.history()  # whole: what began before --since must not begin with it
    found = incidents_of(history, service=target, since_s=since.timestamp() if since else None)
    if as_json:
        sys.stdout.write(monitor_json_v1.dump([_fields(one) for one in found]))
    else:
        rows = [
            (one.service, monitor_console.shown_moment(one.latest_s), monitor_console.shown_moment(one.ended_latest_s),
             one.kind, one.source, ", ".join(one.shared), one.witness)
            for one in found
        ]  # fmt: skip
        sys.stdout.write(monitor_console.incidents_table(rows, width=width(), colour=sys.stdout.isatty()))


def _fields(one: Listed) -> dict[str, object]:
    iso = monitor_json_v1.moment
    return {
        "service": one.service,
        "kind": one.kind,
        "source": one.source,
        "began": iso(one.latest_s),
        "began_earliest": iso(one.earliest_s),
        "ended": iso(one.ended_latest_s),
        "ended_earliest": iso(one.ended_earliest_s),
        "shared_with": list(one.shared),
        "witness": one.witness,
    }
