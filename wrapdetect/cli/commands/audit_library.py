"""wrapdetect audit --library: the target alone is asked a library's questions, a fixed set or one after the other.

What was asked is a run file like any other; `wrapdetect match RUN --library NAME` gives the same match from it.
"""

from dataclasses import replace

from wrapdetect.cli.commands.asking import (
    INTERRUPTED_EXIT,
    Asker,
    Options,
    check_resume,
    new_run,
    progress_shown,
    recorded,
)
from wrapdetect.cli.commands.match import heard_in_run, show_match, with_settings
from wrapdetect.cli.commands.shelf import shelf
from wrapdetect.cli.present import embedder
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.library.adaptive import STEP, Course
from wrapdetect.library.answers import question_id
from wrapdetect.library.matching import Shelf, match
from wrapdetect.model import Endpoint, Item, Pack
from wrapdetect.runs.plan import Slot, check_budget, estimate_cost, make_plan
from wrapdetect.store.shipped import HELLO, load_packs, load_seeds
from wrapdetect.targets.config import Config, check_names
from wrapdetect.ways import clock

_PACK = "library"
PROMPTS = 48
"""Questions of a library that are asked, where nothing else is said: those that tell most."""
MAX_TOKENS = 1500
TEMPERATURE = 0.7
"""As a chat page would ask; what the library's own answers were asked with is often not told."""


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
    run = new_run(
        endpoints,
        chosen,
        options.vantage,
        packs=(*load_packs([HELLO]), _pack(known, questions)),
        note=f"asked the questions of library {library} ({known.head.digest[:12]})",
    )
    slots = make_plan(run)
    cost = estimate_cost(slots)
    n = course.most if course else len(questions)
    say(
        f"target {run.target.url} ({run.target.model}) against library {library} ({len(known.models)} models)\n"
        f"plan: {'up to ' if course else ''}{n} of its {len(known.questions)} questions, {run.draws} draw(s)\n"
        f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens"
    )
    check_budget(cost, max_requests=chosen.limits.max_requests, max_tokens=chosen.limits.max_tokens)
    if options.dry_run:
        say("dry run: nothing was sent")
        return 0

    async def ask(asker: Asker) -> None:
        rest = await asker.hello(slots)
        if course is None:
            with progress_shown(len(rest)) as progress:
                await asker.ask(rest, progress)
        else:
            await _ask_in_turn(asker, rest, course, known)

    made = recorded(run, options, chosen, ask)
    if made is None:
        return INTERRUPTED_EXIT
    heard = heard_in_run(made)
    found = match(heard, known, seeds, embed=embed, today=clock.now().date())
    return show_match(with_settings(found, heard), top=10, report=options.report, fail_at=options.fail_at)


async def _ask_in_turn(asker: Asker, slots: list[Slot], course: Course, known: Shelf) -> None:
    """Ask, listen, and ask what separates best what is left, until it is decided or the most are asked."""
    for question, draws in _answers(asker, known).items():
        course.tell(question, draws)  # of a run that is taken up again
    standing = course.standing()
    while not standing.decided and (wanted := course.ask_next(STEP)):
        await asker.ask([s for s in slots if question_id(s.ask.turns[0]) in wanted])
        answers = _answers(asker, known)
        for question in wanted:
            course.tell(question, answers.get(question, ()))
        standing = course.standing()
        say(standing.why)


def _answers(asker: Asker, known: Shelf) -> dict[str, list[str]]:
    """Question id -> draws, of all that was answered so far."""
    so_far = replace(asker.run, exchanges=tuple(asker.exchanges))
    draws = heard_in_run(so_far, quiet=True).draws
    return {i: list(d) for text, d in draws.items() if (i := question_id(text)) in known.questions}


def _pack(known: Shelf, questions: list[str]) -> Pack:
    items = tuple(
        Item(
            id=f"q{question}",
            language="und",
            turns=(known.questions[question],),
            purpose=f"a question of library {known.name}",
            readers=("text",),
            temperature=TEMPERATURE,
            max_tokens=MAX_TOKENS,
        )
        for question in questions
    )
    return Pack(
        id=_PACK,
        version=1,
        digest=known.head.digest,
        title=f"Questions of library {known.name}",
        purpose="whose answers are these?",
        items=items,
    )
