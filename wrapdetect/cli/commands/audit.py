"""wrapdetect audit: a target and its references are asked the packs, and compared."""

from functools import partial

from wrapdetect.cli.commands.asking import begun, check_resume, conduct, recorded_at
from wrapdetect.cli.options import Options
from wrapdetect.cli.present import present
from wrapdetect.cli.target.detecting import Looked, write_beside
from wrapdetect.cli.terminal import say
from wrapdetect.model import Endpoint, Run
from wrapdetect.runs.plan import Cost, make_plan
from wrapdetect.runs.survey import SurveyPlan
from wrapdetect.store.shipped import neutral_prompts, with_hello
from wrapdetect.targets.config import Config, check_names
from wrapdetect.targets.settings import Chosen

_ALONE = ["identity", "coherence"]
"""Packs for a target without a reference: what can be read without comparing."""


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
        words=_words,
        greeted=lambda: None if looked is None else _write(looked, run, options),
    )
    judge = partial(present, as_json=options.as_json, embed=options.embed, fail_at=options.fail_at)
    return conduct(plan, options, timeout_s=chosen.timeout_s, judge=judge)


def _write(looked: Looked, run: Run, options: Options) -> None:
    place = write_beside(recorded_at(run, options).parent, looked)
    say(f"target written to {place}; next time: --config with it")


def _words(run: Run, cost: Cost) -> str:
    packs = ", ".join(f"{p.id} ({len(p.items)})" for p in run.packs)
    references = ", ".join(f"{e.name} ({e.model})" for e in run.references)
    against = f"against {references}" if references else "alone: without --reference nothing is said of an upstream"
    return (
        f"target {run.target.url} ({run.target.model or run.target.dialect}) {against}\n"
        f"plan: {packs}; {run.draws} draw(s), {len(run.variants)} neutral prompt(s) for references, seed {run.seed}\n"
        f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens over all endpoints"
    )


def _packs_for(endpoints: tuple[Endpoint, ...], config: Config, options: Options) -> Chosen:
    """The options, with fewer packs where there is nobody to compare with and the user named none."""
    chosen = options.over(config)
    compared = any(e.role == "reference" for e in endpoints)
    return chosen if compared or options.pack or config.audit.pack else chosen.model_copy(update={"pack": _ALONE})
