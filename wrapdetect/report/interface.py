"""What a report is: a noun and a screen in, bytes out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Never

from wrapdetect.errors import SpecError
from wrapdetect.report.nouns import Judged, ListsCompared, Matched, MonitorNow, Screen

if TYPE_CHECKING:  # loads what compares, which a report does not need
    from wrapdetect.monitor.incidents import Listed


class Report:
    """A form in which whatever is found can be given, as UTF-8 that ends with a newline. A form of one's own defines
    `id` and what it can show; the rest is refused with SpecError."""

    id: ClassVar[str]

    def verdict(self, judged: Judged, screen: Screen) -> bytes:
        self._refuse("a verdict")

    def verdicts(self, judged: Sequence[Judged], screen: Screen) -> bytes:
        """Of several targets, in their order."""
        return b"".join(self.verdict(one, screen) for one in judged)

    def match(self, matched: Matched, screen: Screen) -> bytes:
        self._refuse("a match")

    def outages(self, compared: ListsCompared, screen: Screen) -> bytes:
        self._refuse("lists of incidents")

    def status(self, now: MonitorNow, screen: Screen) -> bytes:
        self._refuse("the status of a monitor")

    def incidents(self, listed: Sequence["Listed"], screen: Screen) -> bytes:
        """The oldest first."""
        self._refuse("the incidents of a monitor")

    def _refuse(self, what: str) -> Never:
        raise SpecError(f"report {self.id} does not show {what}; console and json do")


def as_bytes(text: str) -> bytes:
    """A lone surrogate, which JSON of a remote may hold, stays as it is; whoever prints it escapes it."""
    return text.encode("utf-8", "surrogatepass")


def as_text(report: bytes) -> str:
    """What `as_bytes` was given."""
    return report.decode("utf-8", "surrogatepass")
