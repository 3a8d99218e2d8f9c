"""Lines for the person at the terminal."""

import sys

from wrapdetect.model.prose import printable


def say(text: str) -> None:
    """A line for the person at the terminal, whatever names of files it holds; standard output is for the report."""
    print(printable(text), file=sys.stderr, flush=True)
