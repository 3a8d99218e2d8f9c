"""How does a report get to standard output, and what is its exit code?"""

import shutil
import sys
from collections.abc import Callable

from wrapdetect.errors import SpecError, WrapdetectError
from wrapdetect.model.prose import quote
from wrapdetect.report import report_of
from wrapdetect.report.interface import Report, as_text
from wrapdetect.report.nouns import Screen

FAIL_AT_EXIT = 10


def show(report: str, made_by: Callable[[Report], bytes]) -> None:
    """Standard output is for the report alone. Raises SpecError for a report that is unknown, or that another package
    added and that breaks."""
    form = report_of(report)
    try:
        made = as_text(made_by(form))
    except WrapdetectError:
        raise
    except Exception as error:
        package = type(form).__module__.partition(".")[0]
        if package == "wrapdetect":
            raise
        raise SpecError(
            f"report {report} of package {package} broke ({quote(f'{type(error).__name__}: {error}', 200)}); "
            "choose another, and tell its makers"
        ) from error
    sys.stdout.write(made)


def screen() -> Screen:
    """Lines of the window's width, at most 130 characters; colours on a terminal only."""
    return Screen(width=min(shutil.get_terminal_size((110, 24)).columns, 130), colour=sys.stdout.isatty())


def fail_at_code(probability: float, fail_at: float | None) -> int:
    """The exit code of a report: 10 where the probability reaches `fail_at`, else 0."""
    return FAIL_AT_EXIT if fail_at is not None and probability >= fail_at else 0
