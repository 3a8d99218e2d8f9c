"""What the incidents of candidates say of a target, for a terminal: a line each, then the incidents themselves."""

from collections.abc import Sequence
from math import exp

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wrapdetect.model.history import Dependence, Weighed
from wrapdetect.model.prose import quote
from wrapdetect.report.console.monitor import shown_moment
from wrapdetect.report.console.parts import printed
from wrapdetect.report.nouns import ListsCompared

_LONGEST = 12
_WORDS = (
    "s: share of the upstream's incidents with which the target fell; b: chance of that if they are independent;",
    "LR: likelihood ratio, passing through against independent, before the bound that a verdict puts on it;",
    "p: by whole-week shifts, corrected over candidates, - with too few weeks; e: holds however often one looks;",
    "more: incidents it would still take (weeks: the ratio is there, the tests do not pass yet).",
)


def render(
    found: Sequence[Dependence], *, width: int = 100, colour: bool = False, incidents: bool = True, how: str = ""
) -> str:
    """All candidates of one target, the likeliest first. `how` says by which choices it was compared."""
    ranked = sorted(found, key=lambda d: (-d.named, -d.llr, d.upstream))
    parts: list[RenderableType] = [Text(), Text(_headline(ranked), style="bold"), table(ranked)]
    parts += [Text(line, style="dim") for line in (*_WORDS, *([quote(how, 400)] if how else []))]
    if incidents:
        for one in ranked:
            parts += _incidents(one)
    return printed(parts, width=width, colour=colour)


def how_compared(compared: ListsCompared) -> str:
    """By which choices lists were compared, in words."""
    n = len(compared.panel)
    panel = f"{n} unrelated lists" if n else "none: a common cause could not be seen (--panel)"
    spans = ", ".join(f"{shown_moment(a)} to {shown_moment(b)}" for a, b in compared.target.watched[:3]) or "nothing"
    return f"Onsets coincide within {compared.window_min:g} minutes. Panel: {panel}. Watched: {spans}."


def _headline(ranked: Sequence[Dependence]) -> str:
    """One sentence on all of them."""
    if not ranked:
        return "No candidate was compared."
    target, named = quote(ranked[0].target), [quote(d.upstream) for d in ranked if d.named]
    if named:
        return f"{target} falls with {', '.join(named)} more than chance explains."
    return f"{target}: no dependence is shown on {_candidates(len(ranked))}."


def table(ranked: Sequence[Dependence]) -> Table:
    """A row for each candidate."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    made.add_column("upstream", overflow="fold")
    for column in ("fell together", "s [95 %]", "b", "LR", "p", "e", "more"):
        made.add_column(column, justify="right", no_wrap=True)
    made.add_column("says")
    for d in ranked:
        made.add_row(
            Text(quote(d.upstream)),
            f"{d.hits} of {d.n}",
            f"{d.s:.2f} [{d.s_low:.2f}, {d.s_high:.2f}]" if d.n else "-",
            f"{d.base_rate:.3f}" if d.n else "-",
            ratio(d.llr),
            "-" if d.p_corrected is None else f"{d.p_corrected:.2g}",
            f"{d.e:.3g}",
            "-" if d.named else "over 1,000" if d.more is None else str(d.more or "weeks"),
            _says(d),
        )
    return made


def ratio(llr: float) -> str:
    """A likelihood ratio for people.

    >>> ratio(3.4), ratio(-2.0), ratio(20.0)
    ('30', '0.14', 'over 1e6')
    """
    value = exp(min(llr, 700.0))
    return "over 1e6" if value > 1e6 else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _candidates(n: int) -> str:
    return "its one candidate" if n == 1 else f"any of {n} candidates"


def _lag(seconds: float) -> str:
    """When the target fell, told from the upstream's fall.

    >>> _lag(540), _lag(-60), _lag(9)
    ('9 min after it', '1 min before it', 'with it')
    """
    minutes = round(seconds / 60)
    return "with it" if not minutes else f"{abs(minutes)} min {'after' if minutes > 0 else 'before'} it"


def _says(d: Dependence) -> str:
    if d.named:
        return "dependent"
    if not d.n:
        return "no incident to tell"
    return "points to it, unproven" if d.llr > 1 else "points away" if d.llr < -1 else "little"


def _incidents(d: Dependence) -> list[RenderableType]:
    if not (d.incidents or d.common or d.unknown or d.excused):
        return []
    title = f"\n{quote(d.upstream)}: incidents that say most (factor: of each alone; the LR learns s from all of them)"
    left = [
        f"{n} {what}"
        for n, what in (
            (d.common, "had a common cause"),
            (d.unknown, "while the target was not watched, or down already"),
            (d.excused, "while the target's text showed a fallback"),
        )
        if n
    ]
    told = sorted(d.incidents, key=lambda i: -abs(i.nats))[:_LONGEST]
    lines: list[RenderableType] = [Text(title, style="bold")]
    lines += [Padding(Text(line(d.target, i)), (0, 0, 0, 2)) for i in sorted(told, key=lambda i: i.onset_s)]
    if len(d.incidents) > len(told):
        lines.append(Padding(Text(f"and {len(d.incidents) - len(told)} more"), (0, 0, 0, 2)))
    if left:
        lines.append(Padding(Text(f"not counted: {'; '.join(left)}"), (0, 0, 0, 2)))
    if d.n_back:
        lines.append(
            Padding(
                Text(f"{d.back_hits} of {d.n_back} falls of {quote(d.target)} began with one of them"), (0, 0, 0, 2)
            )
        )
    return lines


def line(target: str, incident: Weighed) -> str:
    """One incident, what the target did, and how that is weighed."""
    what = quote(incident.witness, 160)
    if incident.condition == "degraded" and "degraded" not in what:
        what += " (degraded)"
    if not incident.hit or incident.lag_s is None:
        return f"{what}: {quote(target)} did not fall; factor {ratio(incident.nats)}"
    parts = f"hit against chance {incident.chance:.3f}, agreement of onsets and ends x{exp(incident.detail):.2g}"
    shared = f", shared by {incident.claims} candidates" if incident.claims > 1 else ""
    return (
        f"{what}: {quote(target)} fell {_lag(incident.lag_s)} ({quote(incident.target_witness, 120)}); "
        f"factor {ratio(incident.nats)} ({parts}{shared})"
    )
