"""What the reports for a terminal share: lines of a width, a probability in words, a colour for each state."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType

from wrapdetect.model import State

COLOURS: dict[State, str] = {
    "wrapper": "bold red",
    "likely_wrapper": "bold yellow",
    "same_model": "bold cyan",
    "unlike": "bold green",
    "insufficient": "bold",
}


def printed(parts: Sequence[RenderableType], *, width: int, colour: bool) -> str:
    """Parts of a report as lines of at most `width`, without blanks at their ends."""
    out = StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False
    )
    console.print(Group(*parts))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def share(p: float) -> str:
    """Two decimals, and never a certainty."""
    return "under .01" if p < 0.01 else "over .99" if p > 0.99 else f"{p:.2f}".lstrip("0")
