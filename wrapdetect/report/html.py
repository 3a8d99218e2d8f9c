"""Verdict or Match -> a piece of HTML for a notebook: self-contained, small, without a script; all that others said is
escaped, and no formula is read in it."""

from collections.abc import Iterable, Sequence
from html import escape

from wrapdetect.model import Finding, Match, Run, Verdict
from wrapdetect.model.prose import quote
from wrapdetect.report.console import SAYS, share

_MARKS = {True: "passed", False: "FAILED", None: "not made"}
_RANKED = 10
"""Models of a library that are shown."""


def verdict_html(verdict: Verdict, run: Run, remarks: Sequence[str] = ()) -> str:
    """State and probability, the evidence on the nearest reference, controls and limits."""
    lead = verdict.findings[0].upstream if verdict.findings else ""
    nothing = (verdict.low, verdict.high) == (0.0, 1.0)
    target = f"{quote(run.target.name)} ({quote(run.target.url)})"
    return _page(
        verdict.state + (f" of {quote(verdict.upstream)}" if verdict.upstream else ""),
        "nothing was compared" if nothing else _chance(verdict),
        f"{target} {SAYS[verdict.state].format(u=quote(lead))}.",
        _table(
            ("rule", "effect [95 %]", "llr", "n", f"evidence on {quote(lead)}"),
            [_evidence(f) for f in verdict.findings if f.upstream == lead],
        ),
        _table(
            ("control", "", "what it shows"),
            [(c.id, _MARKS[c.passed], quote(c.evidence, 300)) for c in verdict.controls],
        ),
        _list("Limits", (*remarks, *verdict.limits)),
        _list("What would decide it", verdict.needs),
        _list("Bugs of ours on the way (please report)", verdict.bugs),
    )


def match_html(match: Match) -> str:
    """State and probability, the nearest models, and limits."""
    return _page(
        match.state + (f" to {quote(match.nearest)}" if match.nearest else ""),
        _chance(match) if match.nearest else "nothing was near enough",
        f"Answers of {quote(match.answers)} to {match.n_questions} questions of library {quote(match.library)}.",
        _table(
            ("model", "score", "n", "the very model"),
            [(quote(m.model), f"{m.score:+.2f}", str(m.n), share(m.probability)) for m in match.ranked[:_RANKED]],
        ),
        _list("Notes", match.notes),
        _list("Limits", match.limits),
        _list("What would decide it", match.needs),
    )


def _chance(said: Verdict | Match) -> str:
    return f"probability of passing through {share(said.probability)}, range {share(said.low)} to {share(said.high)}"


def _evidence(f: Finding) -> tuple[str, ...]:
    witness = f"\n{quote(f.witness, 320)}" if f.witness else ""
    what = f"{quote(f'{f.unit}; {f.evidence}', 600)}{witness}"
    return (f.rule, f"{f.effect:.2f} [{f.low:.2f}, {f.high:.2f}]", f"{f.llr:+.1f}", str(f.n_upstream), what)


def _page(headline: str, chance: str, sentence: str, *parts: str) -> str:
    """The classes keep a notebook's MathJax from reading formulas in what others said."""
    return (
        '<div class="tex2jax_ignore mathjax_ignore" style="max-width: 60em">\n'
        f"<p><b>{escape(headline)}</b> &mdash; {escape(chance)}</p>\n"
        f"<p>{escape(sentence)}</p>\n{''.join(parts)}</div>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row("td", row) for row in rows]
    return f"<table>\n{_row('th', head)}{''.join(lines)}</table>\n" if lines else ""


def _row(tag: str, cells: Sequence[str]) -> str:
    left = f'<{tag} style="text-align: left; white-space: pre-wrap">'
    return "<tr>" + "".join(f"{left}{escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"


def _list(title: str, sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(quote(s, 400))}</li>\n" for s in sentences)
    return (
        f"<details><summary>{escape(title)} ({len(sentences)})</summary>\n<ul>\n{items}</ul></details>\n"
        if items
        else ""
    )
