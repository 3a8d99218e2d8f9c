"""The report for programs: JSON of version 1, whatever the screen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from wrapdetect.report import json_v1, match_json_v1, monitor_json_v1, outages_json_v1
from wrapdetect.report.interface import Report, as_bytes
from wrapdetect.report.nouns import Judged, ListsCompared, Matched, MonitorNow, Screen

if TYPE_CHECKING:  # loads what compares, which a report does not need
    from wrapdetect.monitor.incidents import Listed


class JsonReport(Report):
    """Every noun; one target is its report, and several are a list of theirs."""

    id: ClassVar[str] = "json"

    def verdict(self, judged: Judged, screen: Screen) -> bytes:
        return as_bytes(json_v1.render(judged.verdict, judged.run))

    def verdicts(self, judged: Sequence[Judged], screen: Screen) -> bytes:
        each = [self.verdict(one, screen) for one in judged]
        return each[0] if len(each) == 1 else b"[\n" + b",\n".join(each) + b"]\n"

    def match(self, matched: Matched, screen: Screen) -> bytes:
        return as_bytes(match_json_v1.render(matched.match, top=matched.top))

    def outages(self, compared: ListsCompared, screen: Screen) -> bytes:
        return as_bytes(outages_json_v1.render(compared))

    def status(self, now: MonitorNow, screen: Screen) -> bytes:
        return as_bytes(monitor_json_v1.render(now))

    def incidents(self, listed: Sequence["Listed"], screen: Screen) -> bytes:
        return as_bytes(monitor_json_v1.incidents(listed))
