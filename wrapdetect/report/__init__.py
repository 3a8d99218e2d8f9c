"""Which reports there are. A new one is its file and its line here; other packages add theirs by an entry point of
group `wrapdetect.reports`."""

from wrapdetect.errors import SpecError
from wrapdetect.report.as_json import JsonReport
from wrapdetect.report.console import ConsoleReport
from wrapdetect.report.interface import Report

CONSOLE = "console"
"""The report where none is chosen."""
REPORTS: dict[str, Report] = {
    CONSOLE: ConsoleReport(),
    "json": JsonReport(),
}


def report_of(id_: str) -> Report:
    """Raises SpecError for one that is not known."""
    if id_ not in REPORTS:
        raise SpecError(f"no report is called {id_!r}; expected one of {', '.join(REPORTS)}")
    return REPORTS[id_]
