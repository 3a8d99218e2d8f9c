"""Tables and figures as the page of benchmarks shows them."""

from collections.abc import Iterable, Sequence
from math import exp, log10

from wrapdetect.evidence.compare.shares import jeffreys
from wrapdetect.model.history import Dependence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table.

    >>> print(table(["a", "b"], [[1, "x"]]))
    | a | b |
    |---|---|
    | 1 | x |
    """
    lines = [list(head), *([str(c) for c in row] for row in rows)]
    texts = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([texts[0], "|" + "---|" * len(head), *texts[1:]])


def share(hits: int, n: int) -> str:
    """k of n, with its 95 % interval (Jeffreys).

    >>> share(0, 10)
    '0 of 10 = 0.000 (0.000 to 0.217)'
    """
    if not n:
        return "none of 0"
    low, high = jeffreys(hits, n)
    digits = 3 if n < 1000 else 4
    return f"{hits} of {n:,} = {hits / n:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratio(nats: float) -> str:
    """A likelihood ratio.

    >>> ratio(0.0), ratio(-20.0), ratio(9.21)
    ('1.0', '1e-9', '9997')
    """
    if nats < -4.6:
        return f"1e{nats / 2.302585092994046:.0f}"
    return f"{exp(nats):.2g}" if nats < 4.6 and nats < 0 else f"{exp(nats):.1f}" if nats < 4.6 else _large(nats)


def p_text(p: float | None) -> str:
    """A p-value, or that there is none."""
    return "-" if p is None else f"{p:.2g}"


def needs(found: Dependence) -> str:
    """Named, or how much more it takes."""
    if found.named:
        return "**named**"
    if found.p_corrected is not None and found.p_corrected <= 0.05:
        return "**significant after correction**, not named: the ratio is under 20"
    if found.more is None:
        return "not named; over 1,000 more"
    if found.more == 0:
        return "not named; ratio reached, p not: more weeks"
    return f"not named; {found.more} more"


def _large(nats: float) -> str:
    decades = nats / 2.302585092994046
    return f"{exp(nats):.0f}" if decades < 4 else f"1e{log10(exp(min(nats, 700))):.0f}"
