"""Report line: a verdict in one line, for a log or a chat."""

from typing import ClassVar

from wrapdetect.report.interface import Report, as_bytes
from wrapdetect.report.nouns import Judged, Screen


class LineReport(Report):
    """Verdicts only; what else there is, it refuses."""

    id: ClassVar[str] = "line"

    def verdict(self, judged: Judged, screen: Screen) -> bytes:
        verdict = judged.verdict
        return as_bytes(f"{verdict.target}: {verdict.state}, p {verdict.probability:.2f}\n")


REPORT = LineReport()
