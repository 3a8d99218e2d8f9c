"""wrapdetect audit: a target and its references are asked the packs, and compared."""

from functools import partial

from wrapdetect.cli.commands.asking import begun, check_resume, conduct, recorded_at
from wrapdetect.cli.options import Options
from wrapdetect.cli.present import present
from wrapdetect.cli.target.detecting import Looked, write_beside
from wrapdetect.cli.terminal import say
from wrapdetect.model import Endpoint, Run
from wrapdetect.runs.audit import audit_words, packs_to_ask
from wrapdetect.runs.plan import make_plan
from wrapdetect.runs.survey import SurveyPlan
from wrapdetect.store.shipped import neutral_prompts, with_hello
from wrapdetect.targets.config import Config, check_names
from wrapdetect.targets.settings import Chosen


def run_audit(
    endpoints: tuple[Endpoint, ...], config: Config, options: Options, *, looked: Looked | None = None
) -> int:
    """Audit a target; returns the exit code. Raises WrapdetectError for what cannot be done.

    Of a target that was `looked` at, its TOML is written beside the run once it has answered the hello.
    """
    check_names(endpoints)
    check_resume(options)
    chosen = _packs_for(endpoints, config, options)
    packs, variants = with_hello(chosen.pack), neutral_prompts(chosen.enrol)
    run = begun(endpoints, options, chosen, packs=packs, variants=variants)
    plan = SurveyPlan(
        run=run,
        slots=make_plan(run),
        limits=chosen.limits,
        words=audit_words,
        greeted=lambda: None if looked is None else _write(looked, run, options),
    )
    judge = partial(present, report=options.report, embed=options.embed, fail_at=options.fail_at)
    return conduct(plan, options, timeout_s=chosen.timeout_s, judge=judge)


def _write(looked: Looked, run: Run, options: Options) -> None:
    place = write_beside(recorded_at(run, options).parent, looked)
    say(f"target written to {place}; next time: --config with it")


def _packs_for(endpoints: tuple[Endpoint, ...], config: Config, options: Options) -> Chosen:
    """The options, with fewer packs where there is nobody to compare with and the user named none."""
    chosen = options.over(config)
    pack = packs_to_ask(endpoints, chosen.pack, named=bool(options.pack or config.audit.pack))
    return chosen.model_copy(update={"pack": pack})
