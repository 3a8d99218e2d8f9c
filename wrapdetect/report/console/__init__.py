"""The report for a person at a terminal: text of the screen's width, with colours where it shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from wrapdetect.report.console import dependence, match, monitor, verdict
from wrapdetect.report.console.parts import share
from wrapdetect.report.console.verdict import SAYS
from wrapdetect.report.interface import Report, as_bytes
from wrapdetect.report.nouns import Judged, ListsCompared, Matched, MonitorNow, Screen

if TYPE_CHECKING:  # loads what compares, which a report does not need
    from wrapdetect.monitor.incidents import Listed


__all__ = ["SAYS", "ConsoleReport", "share"]


class ConsoleReport(Report):
    """Every noun; what matters most stands first."""

    id: ClassVar[str] = "console"

    def verdict(self, judged: Judged, screen: Screen) -> bytes:
        text = verdict.render(judged.verdict, judged.run, width=screen.width, colour=screen.colour)
        if judged.outages:
            text += dependence.render(judged.outages, width=screen.width, colour=screen.colour)
        return as_bytes(text)

    def match(self, matched: Matched, screen: Screen) -> bytes:
        return as_bytes(match.render(matched.match, top=matched.top, width=screen.width, colour=screen.colour))

    def outages(self, compared: ListsCompared, screen: Screen) -> bytes:
        how = dependence.how_compared(compared)
        return as_bytes(dependence.render(compared.found, width=screen.width, colour=screen.colour, how=how))

    def status(self, now: MonitorNow, screen: Screen) -> bytes:
        return as_bytes(
            monitor.render(now, width=screen.width, colour=screen.colour)
            + "".join(
                dependence.render(found, width=screen.width, colour=screen.colour, incidents=False)
                for found in now.evidence
            )
        )

    def incidents(self, listed: Sequence["Listed"], screen: Screen) -> bytes:
        return as_bytes(monitor.incidents_table(listed, width=screen.width, colour=screen.colour))
