"""wrapdetect ask --manual: an audit whose target is a person at the keyboard, who asks the bot by hand."""

import os
import sys
from collections import defaultdict
from pathlib import Path

from wrapdetect.cli.commands.asking import begun, check_resume, conduct, judged_where_comparable, recorded_at
from wrapdetect.cli.options import Options
from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, AskKey, Endpoint, Exchange, Run
from wrapdetect.model.prose import quote
from wrapdetect.runs.plan import Cost, Slot, estimate_cost, make_plan
from wrapdetect.runs.survey import SurveyPlan, side_by_side
from wrapdetect.store import run_file
from wrapdetect.store.shipped import neutral_prompts, with_hello
from wrapdetect.targets.config import Config, check_names, check_url
from wrapdetect.ways import clock
from wrapdetect.ways.person.clipboard import find_clipboard, osc_52
from wrapdetect.ways.person.pasted import PersonSender

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
        chosen = chosen.model_copy(update={"pack": [_SHORT]})
    packs, variants = with_hello(chosen.pack), neutral_prompts(chosen.enrol) if references else ()
    run = begun(endpoints, options, chosen, packs=packs, variants=variants, note=BY_HAND)
    slots = make_plan(run)
    by_hand = estimate_cost(s for s in slots if s.endpoint.dialect == "pasted").requests
    out = recorded_at(run, options)

    def words(run: Run, cost: Cost) -> str:
        return (
            f"target {quote(run.target.url, 80)}: you put {by_hand} questions to it and bring back its answers\n"
            f"at most {cost.requests - by_hand:,} requests to {len(references)} references meanwhile"
        )

    return conduct(
        SurveyPlan(
            run=run,
            slots=slots,
            limits=chosen.limits._replace(concurrency=1),
            words=words,
            asking=side_by_side,
        ),
        options,
        timeout_s=chosen.timeout_s,
        judge=judged_where_comparable,
        person=lambda: _person(by_hand, _put_before(out, slots) if options.resume else 0),
    )


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
