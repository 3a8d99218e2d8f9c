"""What was read of a run that others collected, and what references are asked of it now."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Run
from wrapdetect.model.prose import quote
from wrapdetect.runs.plan import HELLO, Cost, Slot, make_plan


def refuse_unread(run: Run, place: str) -> None:
    """Raises SpecError where no answer of the target can be read: nobody is asked for the sake of none."""
    replies = [decode(e, run.target) for e in run.exchanges if e.endpoint == run.target.name]
    failures = [r.failure for r in replies if r.failure is not None]
    if len(failures) == len(replies):
        why = f": {quote(failures[0].detail, 300)}" if failures else ""
        raise SpecError(f"{place}: {len(replies)} questions found, 0 answers read{why}")


def what_was_read(run: Run) -> str:
    """The target's answers, by pack, in words."""
    own = [e for e in run.exchanges if e.endpoint == run.target.name]
    failed = Counter(f.kind for e in own if (f := decode(e, run.target).failure) is not None)
    unread = ", ".join(f"{n} {kind}" for kind, n in sorted(failed.items()))
    known = {(e.ask.probe, e.ask.item) for e in own}
    packs = ", ".join(f"{p.id} ({n})" for p in run.packs if (n := sum(probe == p.id for probe, _ in known)))
    without = f"; without an answer: {unread}" if unread else ""
    others = f"; {len(run.references)} references in the same file" if run.references else ""
    return f"{quote(run.target.name, 40)}: {len(own) - failed.total()} answers to questions of {packs}{without}{others}"


def slots_against(run: Run, references: Sequence[Endpoint], draws: int) -> list[Slot]:
    """The target's questions to each reference, with the hello before all."""
    asked = {(e.ask.probe, e.ask.item) for e in run.exchanges if e.endpoint == run.target.name}
    names = {e.name for e in references}
    return [
        s
        for s in make_plan(replace(run, draws=draws))
        if s.endpoint.name in names and (s.ask.key.probe == HELLO or (s.ask.key.probe, s.ask.key.item) in asked)
    ]


def words_against(references: Sequence[Endpoint], draws: int) -> Callable[[Run, Cost], str]:
    """The plan of asking them, in words."""
    names = ", ".join(f"{quote(e.name, 40)} ({quote(e.model, 40)})" for e in references)
    return lambda run, cost: (
        f"target {quote(run.target.name, 40)}, as collected, against {names}, asked now; so times are not compared\n"
        f"plan: its questions, {draws} draw(s), {len(run.variants)} neutral prompt(s), seed {run.seed}\n"
        f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens over all references"
    )
