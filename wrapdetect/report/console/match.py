"""Match -> text for a terminal: the state and its probabilities first, then the nearest models, limits and needs."""

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wrapdetect.model import Match, State
from wrapdetect.model.prose import quote
from wrapdetect.report.console.parts import COLOURS, printed, share

MATCH_SAYS: dict[State, str] = {
    "wrapper": "",
    "likely_wrapper": "answers as {u} does, to the letter, and {u} can be had through its maker only",
    "same_model": "answers as the family of {u} does; which member it is, and whether it passes through, is not shown",
    "unlike": "answers like no model of this library",
    "insufficient": "gave answers that do not carry a name",
}
NAMES_SHOWN = 6


def render(match: Match, *, top: int, width: int = 100, colour: bool = False) -> str:
    """The whole report, lines at most `width` long; `top` models in the table."""
    return printed(_parts(match, top), width=width, colour=colour)


def _parts(match: Match, top: int) -> list[RenderableType]:
    named = match.nearest if match.state in ("likely_wrapper", "same_model") else None
    family = f", or of its family ({_names(match.family)})" if len(match.family) > 1 else ""
    parts: list[RenderableType] = [
        Text(),
        Text.assemble(
            (f"{match.state}{f' of {quote(named)}' if named else ''}", COLOURS[match.state]),
            f"   probability of the family {share(match.family_probability)}, "
            f"range {share(match.family_low)} to {share(match.family_high)}",
        ),
        Text(
            f"{quote(match.answers)} {MATCH_SAYS[match.state].format(u=quote(named or ''))}. "
            f"Probability of passing through {share(match.probability)}, "
            f"range {share(match.low)} to {share(match.high)}."
        ),
        Text(
            f"library {match.library} ({match.digest[:12]}, {_age(match.age_days)}), {match.n_questions} prompts; "
            f"calibrator {match.calibrator}"
        ),
    ]
    if match.nearest:
        parts.append(
            Text(
                f"nearest {quote(match.nearest)}{family}: {match.standard:+.1f} standard deviations beyond what "
                f"{match.strangers} strangers reach; {match.exact} answers the same to the letter; "
                f"it is this member with {share(match.member_probability)}"
            )
        )
        parts.append(_table(match, top))
        parts.append(Text(f"nearest on {quote(match.witness, 400)}", style="italic"))
    if match.two:
        two = match.two
        when = (
            f", from question {two.change + 1} on (p {two.p_change:.3f})"
            if two.change is not None and two.p_change <= 0.05
            else ""
        )
        parts.append(
            Text(
                f"two models seem to answer: {quote(two.first)} and, with a share of {two.share:.2f} "
                f"({two.low:.2f} to {two.high:.2f}), {quote(two.second)}{when}; p of one alone {two.p:.3f}",
                style="bold",
            )
        )
    for title, sentences in (("Notes", match.notes), ("Limits", match.limits), ("What would decide it", match.needs)):
        if sentences:
            parts += [
                Text(title, style="bold"),
                *(Padding(Text(f"- {quote(s, 400)}"), (0, 0, 0, 2)) for s in sentences),
            ]
    return parts


def _table(match: Match, top: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", justify="right")
    table.add_column("model", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("prompts", justify="right")
    table.add_column("it is this", justify="right")
    table.add_column("family", overflow="fold")
    for place, near in enumerate(match.ranked[:top], start=1):
        mark = share(near.probability) if near.family == match.family else ""
        others = [m for m in near.family if m != near.model]
        table.add_row(
            str(place), Text(quote(near.model)), f"{near.score:+.2f}", str(near.n), mark, Text(_names(tuple(others)))
        )
    return table


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(quote(n, 60) for n in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _age(days: int | None) -> str:
    return "age not told" if days is None else f"{days} days old"
