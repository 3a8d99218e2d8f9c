"""Run -> report on standard output, and the exit code. Shared by audit and replay."""

import sys
from typing import TYPE_CHECKING

from wrapdetect.cli.terminal import width
from wrapdetect.model import Run
from wrapdetect.report import console, dependence_console, json_v1
from wrapdetect.store.embed import embedder
from wrapdetect.store.shipped import load_seeds

if TYPE_CHECKING:
    from wrapdetect.evidence.analysis import Analysis

FAIL_AT_EXIT = 10


def analyse_run(run: Run, *, embed: bool | None) -> "Analysis":
    """`embed` None takes the embedding view where it is installed. Raises EmbeddingError for unknown weights."""
    from wrapdetect.evidence.analysis import analyse  # half a second, which a plan that is only shown need not take

    return analyse(run, load_seeds(), embed=embedder(embed))


def present(run: Run, *, as_json: bool, embed: bool | None, fail_at: float | None) -> int:
    """Analyse, print, and give the exit code: 10 where the probability reaches `fail_at`, else 0."""
    analysis = analyse_run(run, embed=embed)
    verdict = analysis.verdict
    if as_json:
        sys.stdout.write(json_v1.render(verdict, run))
    else:
        on_terminal = sys.stdout.isatty()
        sys.stdout.write(console.render(verdict, run, width=width(), colour=on_terminal))
        if analysis.outages:
            sys.stdout.write(dependence_console.render(analysis.outages, width=width(), colour=on_terminal))
    return FAIL_AT_EXIT if fail_at is not None and verdict.probability >= fail_at else 0
