"""wrapdetect audit --library: the target alone is asked a library's questions, a fixed set or one after the other.

What was asked is a run file like any other; `wrapdetect match RUN --library NAME` gives the same match from it.
"""

from functools import partial

from wrapdetect.cli.commands.asking import begun, check_resume, conduct
from wrapdetect.cli.commands.match import heard_in_run, show_match
from wrapdetect.cli.options import Options
from wrapdetect.errors import SpecError
from wrapdetect.library.adaptive import Course, ask_in_turn, pack_of
from wrapdetect.library.matching import match
from wrapdetect.model import Endpoint, Run
from wrapdetect.runs.plan import Cost, make_plan
from wrapdetect.runs.survey import SurveyPlan, as_planned
from wrapdetect.store.embed import embedder
from wrapdetect.store.libraries.shelf import shelf, with_settings
from wrapdetect.store.shipped import load_seeds, with_hello
from wrapdetect.targets.config import Config, check_names
from wrapdetect.ways import clock

PROMPTS = 48
"""Questions of a library that are asked, where nothing else is said: those that tell most."""


def audit_library(
    endpoints: tuple[Endpoint, ...],
    config: Config,
    options: Options,
    *,
    library: str,
    prompts: int | None,
    adaptive: bool,
) -> int:
    """Ask a library's questions and match; returns the exit code. Raises WrapdetectError for what cannot be done."""
    check_names(endpoints, references=False)
    check_resume(options)
    if options.pack or config.audit.pack:
        raise SpecError("--library brings its own questions; leave --pack out")
    known, seeds = shelf(library), load_seeds()
    embed = embedder(options.embed)
    course = Course(known, seeds, most=prompts, embed=embed) if adaptive else None
    questions = list(course.pool) if course else list(known.telling())[: prompts or PROMPTS]
    chosen = options.over(config)
    run = begun(
        endpoints,
        options,
        chosen,
        packs=(*with_hello([]), pack_of(known, questions)),
        note=f"asked the questions of library {library} ({known.head.digest[:12]})",
    )

    def words(run: Run, cost: Cost) -> str:
        n = f"up to {course.most}" if course else str(len(questions))
        return (
            f"target {run.target.url} ({run.target.model}) against library {library} ({len(known.models)} models)\n"
            f"plan: {n} of its {len(known.questions)} questions, {run.draws} draw(s)\n"
            f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens"
        )

    def judge(made: Run, options: Options) -> int:
        heard = heard_in_run(made)
        found = match(heard, known, seeds, embed=embed, today=clock.now().date())
        return show_match(with_settings(found, heard), top=10, report=options.report, fail_at=options.fail_at)

    asking = partial(ask_in_turn, course=course, known=known) if course else as_planned
    plan = SurveyPlan(run=run, slots=make_plan(run), limits=chosen.limits, words=words, asking=asking)
    return conduct(plan, options, timeout_s=chosen.timeout_s, judge=judge)
