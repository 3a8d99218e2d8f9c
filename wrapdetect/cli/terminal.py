"""The person at the terminal: lines for them, and how wide their window is."""

import shutil
import sys

from wrapdetect.model.prose import printable


def say(text: str) -> None:
    """A line for the person at the terminal, whatever names of files it holds; standard output is for the report."""
    print(printable(text), file=sys.stderr, flush=True)


def width() -> int:
    """Characters of a report's line: the window's, at most 130."""
    return min(shutil.get_terminal_size((110, 24)).columns, 130)
