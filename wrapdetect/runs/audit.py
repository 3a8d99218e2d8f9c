"""What an audit asks by default, and its plan in words."""

from collections.abc import Iterable

from wrapdetect.model import Endpoint, Run
from wrapdetect.runs.plan import Cost

ALONE = ("identity", "coherence")
"""Packs for a target without a reference: what can be read without comparing."""


def packs_to_ask(endpoints: Iterable[Endpoint], packs: list[str], *, named: bool) -> list[str]:
    """Those packs; fewer where there is nobody to compare with, and the user `named` none."""
    compared = any(e.role == "reference" for e in endpoints)
    return packs if compared or named else list(ALONE)


def audit_words(run: Run, cost: Cost) -> str:
    """The plan, before anything is sent."""
    packs = ", ".join(f"{p.id} ({len(p.items)})" for p in run.packs)
    references = ", ".join(f"{e.name} ({e.model})" for e in run.references)
    against = f"against {references}" if references else "alone: without --reference nothing is said of an upstream"
    return (
        f"target {run.target.url} ({run.target.model or run.target.dialect}) {against}\n"
        f"plan: {packs}; {run.draws} draw(s), {len(run.variants)} neutral prompt(s) for references, seed {run.seed}\n"
        f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens over all endpoints"
    )
