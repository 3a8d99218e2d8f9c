"""wrapdetect audit: plan, ask, record, and judge against references."""

from dataclasses import replace
from pathlib import Path

from wrapdetect.cli.commands.asking import (
    INTERRUPTED_EXIT,
    Asker,
    Chosen,
    Options,
    check_resume,
    neutral_prompts,
    new_run,
    progress_shown,
    recorded,
)
from wrapdetect.cli.present import present
from wrapdetect.cli.target.detecting import Looked, write_beside
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Run
from wrapdetect.runs.plan import Cost, check_budget, estimate_cost, make_plan
from wrapdetect.store.shipped import HELLO, load_packs
from wrapdetect.targets.config import Config, check_names

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
    run = new_run(
        endpoints,
        chosen,
        options.vantage,
        packs=load_packs([HELLO, *(p for p in chosen.pack if p != HELLO)]),
        variants=neutral_prompts(chosen.enrol),
    )
    slots = make_plan(run)
    cost = estimate_cost(slots)
    say(_describe(run, cost))
    check_budget(cost, max_requests=chosen.limits.max_requests, max_tokens=chosen.limits.max_tokens)
    if options.dry_run:
        say("dry run: nothing was sent")
        return 0

    async def ask(asker: Asker) -> None:
        rest = await asker.hello(slots)
        if looked is not None:
            folder = options.out.parent if options.out else Path("wrapdetect-runs")
            say(f"target written to {write_beside(folder, looked)}; next time: --config with it")
        with progress_shown(len(rest)) as progress:
            await asker.ask(rest, progress)

    made = recorded(run, options, chosen, ask)
    if made is None:
        return INTERRUPTED_EXIT
    return present(made, report=options.report, embed=options.embed, fail_at=options.fail_at)


def pack_names(text: str) -> list[str]:
    """The names between the commas. Raises SpecError where there is none."""
    names = [p.strip() for p in text.split(",") if p.strip()]
    if not names:
        raise SpecError("--pack names no pack; leave it out for the usual ones, or give ids or paths with commas")
    return names


def _describe(run: Run, cost: Cost) -> str:
    """The plan in words, before anything is sent."""
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
    return chosen if compared or options.pack or config.audit.pack else replace(chosen, pack=_ALONE)
