"""Verdict -> text for a terminal: the state and its probability first, then the evidence, controls and limits."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wrapdetect.model import Control, Finding, Run, State, Verdict
from wrapdetect.model.prose import quote
from wrapdetect.report.console.parts import COLOURS, printed, share

SAYS: dict[State, str] = {
    "wrapper": "answers as {u} does, and lives and dies with it",
    "likely_wrapper": "probably answers through {u}",
    "same_model": "answers as {u} does; that the answers pass through {u} is not shown",
    "unlike": "answers like none of the references",
    "insufficient": "the evidence does not carry a verdict",
}


def render(verdict: Verdict, run: Run, *, width: int = 100, colour: bool = False) -> str:
    """The whole report, lines at most `width` long."""
    return printed(_parts(verdict, run), width=width, colour=colour)


def _headline(verdict: Verdict) -> Text:
    """State, upstream, probability with its interval."""
    upstream = f" of {quote(verdict.upstream)}" if verdict.upstream else ""
    if (verdict.low, verdict.high) == (0.0, 1.0):
        return Text.assemble((verdict.state, COLOURS[verdict.state]), "   no probability: nothing was compared")
    return Text.assemble(
        (f"{verdict.state}{upstream}", COLOURS[verdict.state]),
        f"   probability of passing through {share(verdict.probability)}, ",
        f"range {share(verdict.low)} to {share(verdict.high)}",
    )


def _parts(verdict: Verdict, run: Run) -> list[RenderableType]:
    lead = verdict.findings[0].upstream if verdict.findings else ""
    shown = quote(lead)
    says = SAYS[verdict.state].format(u=shown)
    model = f", model {quote(run.target.model)}" if run.target.model else ""
    against = f" (against {shown}, the nearest)" if lead and not verdict.upstream else ""
    parts: list[RenderableType] = [
        Text(),
        _headline(verdict),
        Text(f"{quote(run.target.name)} ({quote(run.target.url)}{model}) {says}."),
        Text(
            f"behaviour {verdict.behaviour:+.1f} nats, dependence {verdict.dependence:+.1f} nats{against}; "
            f"ruleset {verdict.ruleset}, calibrator: {verdict.calibrator}"
        ),
    ]
    if run.note:
        parts.append(Text(quote(run.note), style="italic"))
    if verdict.findings:
        parts += [
            Text(f"\nEvidence on {shown}", style="bold"),
            _evidence([f for f in verdict.findings if f.upstream == lead]),
        ]
    if others := [f for f in verdict.findings if f.upstream != lead]:
        parts += [Text("Other references (llr in nats)", style="bold"), _others(others)]
    parts += [Text("Controls", style="bold"), _controls(verdict.controls)]
    for title, sentences in (
        ("Limits", verdict.limits),
        ("What would decide it", verdict.needs),
        ("Bugs of ours on the way (please report)", verdict.bugs),
    ):
        if sentences:
            parts += [
                Text(title, style="bold"),
                *(Padding(Text(f"- {quote(s, 400)}"), (0, 0, 0, 2)) for s in sentences),
            ]
    return parts


def _evidence(findings: Sequence[Finding]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("rule", no_wrap=True)
    table.add_column("effect [95 %]", no_wrap=True, justify="right")
    table.add_column("llr", justify="right")
    table.add_column("n", justify="right")
    table.add_column("what it is, and its witness", overflow="fold")
    for f in findings:
        what = Text(quote(f"{f.unit}; {f.evidence}", 600))
        if f.witness:
            what.append(f"\n{quote(f.witness, 320)}", style="italic")
        table.add_row(f.rule, f"{f.effect:.2f} [{f.low:.2f}, {f.high:.2f}]", f"{f.llr:+.1f}", str(f.n_upstream), what)
    return table


def _others(findings: Sequence[Finding]) -> Table:
    rules = list(dict.fromkeys(f.rule for f in findings))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("reference", no_wrap=True)
    for rule in rules:
        table.add_column(rule, justify="right")
    for upstream in dict.fromkeys(f.upstream for f in findings):
        llr = {f.rule: f"{f.llr:+.1f}" for f in findings if f.upstream == upstream}
        table.add_row(Text(quote(upstream)), *(llr.get(rule, "") for rule in rules))
    return table


def _controls(controls: Sequence[Control]) -> RenderableType:
    if not controls:
        return Padding(Text("- none could be made: no claim-free answers to compare"), (0, 0, 0, 2))
    marks = {True: ("passed", "green"), False: ("FAILED", "bold red"), None: ("not made", "dim")}
    table = Table(box=None, pad_edge=False, show_header=False)
    for c in controls:
        word, style = marks[c.passed]
        table.add_row(Text(f"  {c.id}"), Text(word, style=style), Text(quote(c.evidence, 300)))
    return table
