"""wrapdetect audit: plan, ask, record, and judge against references."""

from wrapdetect.commands.asking import (
    INTERRUPTED_EXIT,
    Asker,
    Options,
    check_resume,
    new_run,
    progress_shown,
    recorded,
)
from wrapdetect.commands.present import present
from wrapdetect.commands.terminal import say
from wrapdetect.edge.config import Config, check_names
from wrapdetect.edge.shipped import HELLO, load_packs, load_seeds
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Run
from wrapdetect.plan import Cost, check_budget, estimate_cost, make_plan


def audit(endpoints: tuple[Endpoint, ...], config: Config, options: Options) -> int:
    """Audit a target; returns the exit code. Raises WrapdetectError for what cannot be done."""
    check_names(endpoints)
    check_resume(options)
    chosen = options.over(config)
    run = new_run(
        endpoints,
        chosen,
        options.vantage,
        packs=load_packs([HELLO, *(p for p in chosen.pack if p != HELLO)]),
        variants=_variants(chosen.enrol),
    )
    slots = make_plan(run)
    cost = estimate_cost(slots)
    say(describe(run, cost))
    check_budget(cost, max_requests=chosen.limits.max_requests, max_tokens=chosen.limits.max_tokens)
    if options.dry_run:
        say("dry run: nothing was sent")
        return 0

    async def ask(asker: Asker) -> None:
        rest = await asker.hello(slots)
        with progress_shown(len(rest)) as progress:
            await asker.ask(rest, progress)

    made = recorded(run, options, chosen, ask)
    if made is None:
        return INTERRUPTED_EXIT
    return present(made, as_json=options.as_json, embed=options.embed, fail_at=options.fail_at)


def pack_names(text: str) -> list[str]:
    """The names between the commas. Raises SpecError where there is none."""
    names = [p.strip() for p in text.split(",") if p.strip()]
    if not names:
        raise SpecError("--pack names no pack; leave it out for the usual ones, or give ids or paths with commas")
    return names


def describe(run: Run, cost: Cost) -> str:
    """The plan in words, before anything is sent."""
    packs = ", ".join(f"{p.id} ({len(p.items)})" for p in run.packs)
    references = ", ".join(f"{e.name} ({e.model})" for e in run.references)
    return (
        f"target {run.target.url} ({run.target.model}) against {references}\n"
        f"plan: {packs}; {run.draws} draw(s), {len(run.variants)} neutral prompt(s) for references, seed {run.seed}\n"
        f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens over all endpoints"
    )


def _variants(n: int) -> tuple[tuple[str, str], ...]:
    """The first n neutral prompts. Raises SpecError where there are fewer."""
    known = load_seeds().variants.variant
    if n > len(known):
        raise SpecError(f"--enrol {n}: there are {len(known)} neutral prompts; expected 0 to {len(known)}")
    return tuple((v.id, v.text) for v in known[:n])
