"""The survey (runs/survey.py) as the commands run it: on this machine's ways, with a run file, at a terminal."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wrapdetect.cli.options import Options
from wrapdetect.cli.present import present
from wrapdetect.cli.terminal import say
from wrapdetect.model import Endpoint, Pack, Run
from wrapdetect.report import CONSOLE, report_of
from wrapdetect.runs.ask import StoppedByHand
from wrapdetect.runs.survey import Advance, Open, SurveyPlan, World, new_run, survey
from wrapdetect.store.run_file import RunFileAt, usual_place
from wrapdetect.targets.settings import Chosen
from wrapdetect.ways import clock
from wrapdetect.ways.instrument import instrument
from wrapdetect.ways.send import Sender, ways_to

INTERRUPTED_EXIT = 130


def check_resume(options: Options) -> None:
    """Raises SpecError for --resume without the file to go on with, and for a report that nobody knows: before
    anything is asked."""
    report_of(options.report)
    options.check_resume()


def begun(
    endpoints: tuple[Endpoint, ...],
    options: Options,
    chosen: Chosen,
    *,
    packs: tuple[Pack, ...],
    variants: tuple[tuple[str, str], ...] = (),
    note: str = "",
) -> Run:
    """The run to be made, here and now, as the user chose."""
    return new_run(
        endpoints,
        packs=packs,
        variants=variants,
        draws=chosen.draws,
        seed=chosen.seed,
        instrument=instrument(options.vantage),
        now=clock.now(),
        note=note,
    )


def recorded_at(run: Run, options: Options) -> Path:
    """Where a run is recorded: --out, or a file that is called by its id."""
    return options.out or usual_place(run)


def conduct(
    plan: SurveyPlan,
    options: Options,
    *,
    timeout_s: float,
    judge: Callable[[Run, Options], int] | None = None,
    person: Callable[[], AbstractAsyncContextManager[Sender]] | None = None,
) -> int:
    """Survey, then `judge` (judge_and_show if None); the exit code. `person` gives who answers for an endpoint whose
    answers are pasted.

    Raises WrapdetectError for what cannot be done; TargetSilent where the target answered nothing.
    """
    path = recorded_at(plan.run, options)

    def ways(endpoints: tuple[Endpoint, ...]) -> Open:
        return ways_to(endpoints, say=say, timeout_s=timeout_s, person=person() if person else None)

    world = World(ways=ways, place=RunFileAt(path), stopwatch=clock.stopwatch, say=say, progress=progress_shown)
    try:
        made = asyncio.run(survey(plan, world, resume=options.resume, dry_run=options.dry_run))
    except (KeyboardInterrupt, StoppedByHand):
        say(f"stopped; what was answered is in {path}; go on with the same command and --resume")
        return INTERRUPTED_EXIT
    return 0 if made is None else (judge or judge_and_show)(made, options)


def judge_and_show(run: Run, options: Options) -> int:
    """Compare the target with its references, and print the report; the exit code."""
    return present(run, report=options.report, embed=options.embed, fail_at=options.fail_at)


def judged_where_comparable(run: Run, options: Options) -> int:
    """The same; or, of a run without references, what can be done with it."""
    if run.references or options.report != CONSOLE:
        return judge_and_show(run, options)
    say(
        "nothing to compare with yet. Next: `wrapdetect match "
        f"{recorded_at(run, options)} --library NAME` compares with recorded models; the same command with --reference "
        "NAME=URL#MODEL@KEY_VARIABLE and another --out asks references the same questions and judges"
    )
    return 0


@contextmanager
def progress_shown(total: int) -> Iterator[Advance]:
    """A bar on a terminal, a line for each tenth elsewhere; on standard error."""
    if sys.stderr.isatty():
        columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("asking", total=total)
            yield lambda done, _: bar.update(task, completed=done)
        return
    shown = 0

    def line(done: int, of: int) -> None:
        nonlocal shown
        if done * 10 // of > shown:
            shown = done * 10 // of
            say(f"asked {shown * 10} % ({done} of {of})")

    yield line
