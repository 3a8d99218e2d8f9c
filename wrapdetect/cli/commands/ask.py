"""wrapdetect ask --manual: an audit whose target is a person at the keyboard, who asks the bot by hand."""

import asyncio
import os
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from wrapdetect.cli.commands.asking import (
    INTERRUPTED_EXIT,
    Asker,
    Options,
    check_resume,
    neutral_prompts,
    new_run,
    recorded,
)
from wrapdetect.cli.commands.collect import next_steps
from wrapdetect.cli.present import present
from wrapdetect.cli.terminal import say
from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, AskKey, Endpoint, Exchange, Run
from wrapdetect.model.prose import quote
from wrapdetect.report import CONSOLE
from wrapdetect.runs.plan import Slot, check_budget, estimate_cost, make_plan
from wrapdetect.store import run_file
from wrapdetect.store.shipped import HELLO, load_packs
from wrapdetect.targets.config import Config, check_names, check_url
from wrapdetect.ways import clock
from wrapdetect.ways.person.clipboard import find_clipboard, osc_52
from wrapdetect.ways.person.pasted import PersonSender, StoppedByHand

_SHORT = "short"
"""The pack, where none is named: hundreds of questions are more than a person brings back."""
BY_HAND = "asked by hand"
"""Where the bot's address would stand, if none is told."""


def ask_by_hand(bot: str | None, references: tuple[Endpoint, ...], config: Config, options: Options) -> int:
    """Show each question, take each answer; references are asked meanwhile. Gives the exit code. Raises
    WrapdetectError for what cannot be done."""
    endpoints = (person_endpoint(bot), *references)
    check_names(endpoints, references=bool(references))
    check_resume(options)
    chosen = options.over(config)
    if not (options.pack or config.audit.pack):
        chosen = replace(chosen, pack=[_SHORT])
    run = new_run(
        endpoints,
        chosen,
        options.vantage,
        packs=load_packs([HELLO, *(p for p in chosen.pack if p != HELLO)]),
        variants=neutral_prompts(chosen.enrol) if references else (),
        note=BY_HAND,
    )
    slots = make_plan(run)
    cost, by_hand = estimate_cost(slots), estimate_cost(s for s in slots if s.endpoint.dialect == "pasted")
    say(
        f"target {quote(run.target.url, 80)}: you put {by_hand.requests} questions to it and bring back its answers\n"
        f"at most {cost.requests - by_hand.requests:,} requests to {len(references)} references meanwhile"
    )
    check_budget(cost, max_requests=chosen.limits.max_requests, max_tokens=chosen.limits.max_tokens)
    if options.dry_run:
        say("dry run: nothing was sent")
        return 0
    out = options.out or Path("wrapdetect-runs") / f"{run.id}.jsonl"
    one_by_one = replace(chosen, limits=chosen.limits._replace(concurrency=1))
    try:
        made = recorded(
            run,
            replace(options, out=out),
            one_by_one,
            lambda asker: _ask(asker, slots),
            person=_person(by_hand.requests, _put_before(out, slots) if options.resume else 0),
        )
    except StoppedByHand:
        say(f"stopped; what was answered is in {out}; go on with the same command and --resume")
        return INTERRUPTED_EXIT
    if made is None:
        return INTERRUPTED_EXIT
    return _judge(made, out, options)


def person_endpoint(bot: str | None) -> Endpoint:
    """The target: an address, which is not asked, or the user's own name for the bot. Raises SpecError for an address
    that holds a secret."""
    named = (bot or "").strip()
    return Endpoint(
        name=TARGET,
        role="target",
        url=check_url(named, TARGET) if "://" in named else named or BY_HAND,
        model="unknown",
        dialect="pasted",
    )


async def _ask(asker: Asker, slots: tuple[Slot, ...]) -> None:
    """The hello of all, then each endpoint's questions one after the other, all endpoints at a time: a conversation
    with the person is never broken by another. Raises StoppedByHand where the person stops."""
    try:
        rest = await asker.hello(slots)
        by_endpoint: dict[str, list[Slot]] = defaultdict(list)
        for slot in rest:
            by_endpoint[slot.endpoint.name].append(slot)
        async with asyncio.TaskGroup() as group:
            for own in by_endpoint.values():
                group.create_task(asker.ask(own))
    except ExceptionGroup as error:
        if error.subgroup(StoppedByHand) is not None:
            raise StoppedByHand from None
        raise


def _put_before(out: Path, slots: tuple[Slot, ...]) -> int:
    """Turns of the person's conversations that are over in a run file; those broken off are begun again. Raises
    RunFormatError for another file."""
    if not out.exists() or run_file.broken_off(out):
        return 0
    held: dict[tuple[str, AskKey], dict[int, Exchange]] = defaultdict(dict)
    for exchange in run_file.load_file(out).run.exchanges:
        held[exchange.endpoint, exchange.ask][exchange.turn] = exchange
    put = 0
    for endpoint, ask in (s for s in slots if s.endpoint.dialect == "pasted"):
        known = held[endpoint.name, ask.key]
        if len(known) == len(ask.turns) or any(decode(e, endpoint).failure for e in known.values()):
            put += len(ask.turns)
    return put


def _person(total: int, done: int) -> PersonSender:
    """Raises SpecError where there is nothing to read from."""
    if sys.stdin is None:
        raise SpecError("standard input is closed; answers are read from a terminal or a pipe")
    clipboard = find_clipboard(os.environ)

    def offer(prompt: str) -> bool:
        if not clipboard.copy(prompt) and sys.stderr.isatty() and not clipboard.copying:
            _show(osc_52(prompt))  # a terminal that does not know it shows nothing, so nothing is promised
            return False
        return bool(clipboard.copying)

    return PersonSender(
        now=clock.now,
        stopwatch=clock.stopwatch,
        source=sys.stdin.fileno(),
        show=_show,
        offer=offer,
        clipboard=clipboard,
        total=total,
        done=done,
    )


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _judge(run: Run, out: Path, options: Options) -> int:
    if run.references or options.report != CONSOLE:
        return present(run, report=options.report, embed=options.embed, fail_at=options.fail_at)
    say(next_steps(out))
    return 0
