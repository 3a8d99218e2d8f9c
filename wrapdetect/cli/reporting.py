"""How does a report get to standard output, and what is its exit code?"""

import shutil
import sys

from wrapdetect.report.interface import as_text
from wrapdetect.report.nouns import Screen

FAIL_AT_EXIT = 10


def show(report: bytes) -> None:
    """Standard output is for the report alone."""
    sys.stdout.write(as_text(report))


def screen() -> Screen:
    """Lines of the window's width, at most 130 characters; colours on a terminal only."""
    return Screen(width=min(shutil.get_terminal_size((110, 24)).columns, 130), colour=sys.stdout.isatty())


def fail_at_code(probability: float, fail_at: float | None) -> int:
    """The exit code of a report: 10 where the probability reaches `fail_at`, else 0."""
    return FAIL_AT_EXIT if fail_at is not None and probability >= fail_at else 0
