"""Run -> report on standard output, and the exit code: shared by whatever judges."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wrapdetect.cli.reporting import fail_at_code, screen, show
from wrapdetect.model import Run
from wrapdetect.report import report_of
from wrapdetect.report.nouns import Judged
from wrapdetect.store.embed import embedder
from wrapdetect.store.shipped import load_seeds

if TYPE_CHECKING:
    from wrapdetect.evidence.analysis import Analysis


def analyse_run(run: Run, *, embed: bool | None) -> "Analysis":
    """`embed` None takes the embedding view where it is installed. Raises EmbeddingError for unknown weights."""
    from wrapdetect.evidence.analysis import analyse  # half a second, which a plan that is only shown need not take

    return analyse(run, load_seeds(), embed=embedder(embed))


def present(run: Run, *, report: str, embed: bool | None, fail_at: float | None) -> int:
    """Analyse, print, and give the exit code: 10 where the probability reaches `fail_at`, else 0."""
    return present_each([run], report=report, embed=embed, fail_at=fail_at)


def present_each(runs: Iterable[Run], *, report: str, embed: bool | None, fail_at: float | None) -> int:
    """Of several targets one report; the exit code is that of the likeliest. Raises SpecError for an unknown report."""
    report_of(report)  # an unknown one is refused before anything is judged
    judged = [judged_run(run, embed=embed) for run in runs]
    show(report, lambda form: form.verdicts(judged, screen()))
    return fail_at_code(max(j.verdict.probability for j in judged), fail_at)


def judged_run(run: Run, *, embed: bool | None) -> Judged:
    analysis = analyse_run(run, embed=embed)
    return Judged(run=run, verdict=analysis.verdict, outages=analysis.outages)
