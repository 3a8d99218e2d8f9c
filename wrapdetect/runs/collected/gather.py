"""Conversations -> Run: which question each one answers, and which draw of it.

A conversation whose turns are those of a pack's item answers that item, so that its readers work; all others go into a
pack made on the spot, `collected`, whose questions are compared as text.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wrapdetect.errors import SpecError
from wrapdetect.model import AskKey, Endpoint, Exchange, Instrument, Item, Pack, Run
from wrapdetect.model.prose import quote
from wrapdetect.runs.collected.said import Conversation

_PACK = "collected"
TEMPERATURE, MAX_TOKENS = 0.7, 1500
"""With which questions are asked whose answers others collected, or a library holds: as a chat page would ask; what
those answers came with is often not known."""
SAME_MINUTES = timedelta(minutes=10)
_SHOWN = 8
"""Speakers named in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """All that was collected, in its own order, and notes for the user on what was left out."""

    speakers: tuple[Endpoint, ...]  # references, until one is chosen as the target
    conversations: tuple[Conversation, ...]
    notes: tuple[str, ...] = ()

    def of(self, target: str | None, only: str | None, place: str) -> tuple[str, "Collection"]:
        """The target's name, and what is to be kept: all speakers, or `only` that one.

        Raises SpecError where several speak and none is chosen, and where the one chosen does not speak.
        """
        names = [s.name for s in self.speakers]
        shown = ", ".join(quote(n, 40) for n in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        for option, name in (("--target", target), ("--only", only)):
            if name is not None and name not in names:
                raise SpecError(f"{place}: {option} {quote(name, 40)}: no answers of that name; there are {shown}")
        if target and only and target != only:
            raise SpecError("--only and --target name two speakers; --only NAME alone makes that one the target")
        chosen = only or target
        if chosen is None and len(names) > 1:
            raise SpecError(
                f"{place} holds answers of {len(names)} speakers ({shown}); name one: --target NAME judges it against "
                "the others, --only NAME leaves them out"
            )
        return chosen or names[0], self if only is None else self._only(only)

    def run(self, target: str, packs: Sequence[Pack], *, run_id: str, now: datetime, instrument: Instrument) -> Run:
        """The run; `now` stands for when answers were given whose time is not known (they stay in their order).

        `packs` are those whose items may have been asked; those of them that were, and `collected`, are in the run.
        Raises SpecError where one of them is called `collected`.
        """
        known: dict[tuple[str, ...], tuple[str, str]] = {}
        if _PACK in {p.id for p in packs}:
            raise SpecError(
                f"--pack: a pack of yours has the id {_PACK!r}, which import itself uses; choose another id"
            )
        for pack in packs:
            for item in pack.items:
                known.setdefault(item.turns, (pack.id, item.id))
        others = {c.turns: _item(c.turns) for c in self.conversations if c.turns not in known}
        places = known | {turns: (_PACK, item.id) for turns, item in others.items()}
        used = {places[c.turns][0] for c in self.conversations}
        return Run(
            id=run_id,
            note="",
            instrument=instrument,
            endpoints=tuple(
                sorted(
                    (replace(s, role="target") if s.name == target else s for s in self.speakers),
                    key=lambda e: e.role != "target",
                )
            ),
            packs=(*(p for p in packs if p.id in used), *([_pack(tuple(others.values()))] if others else [])),
            variants=(),
            draws=0,
            seed=1,
            exchanges=tuple(_exchanges(self.conversations, places, now)),
        )

    def _only(self, name: str) -> "Collection":
        return replace(
            self,
            speakers=tuple(s for s in self.speakers if s.name == name),
            conversations=tuple(c for c in self.conversations if c.speaker == name),
        )


def without_times(run: Run) -> Run:
    """The run with all that it holds so far marked as of unknown time: others are asked at another."""
    marked = (e if "times" in e.missing else replace(e, missing=(*e.missing, "times")) for e in run.exchanges)
    return replace(run, exchanges=tuple(marked))


def without_doubles(conversations: Iterable[Conversation]) -> tuple[tuple[Conversation, ...], int]:
    """Without those that stand there twice, word for word and of the same time (or of none), and how many these are."""
    every = list(conversations)
    first: dict[object, Conversation] = {}
    for c in every:
        first.setdefault((c.speaker, c.turns, tuple((s.turn, s.started, s.data) for s in c.said)), c)
    return tuple(first.values()), len(every) - len(first)


def asked_together(run: Run) -> bool:
    """Whether all who answered the same question, and whose times are known, were asked within SAME_MINUTES: only then
    can their times be compared."""
    asked: dict[tuple[AskKey, int], list[datetime]] = defaultdict(list)
    for e in run.exchanges:
        if "times" not in e.missing:
            asked[e.ask, e.turn].append(e.started)
    return all(max(moments) - min(moments) <= SAME_MINUTES for moments in asked.values())


def _exchanges(
    conversations: Iterable[Conversation], places: Mapping[tuple[str, ...], tuple[str, str]], now: datetime
) -> Iterable[Exchange]:
    draws: Counter[tuple[str, str, str]] = Counter()
    number = 0
    for conversation in conversations:
        probe, item = places[conversation.turns]
        draw = draws[conversation.speaker, probe, item]
        draws[conversation.speaker, probe, item] += 1
        for said in conversation.said:
            number += 1
            unknown = now + timedelta(microseconds=number)
            yield said.exchange(conversation.speaker, AskKey(probe, item, draw), said.started or unknown)


def _item(turns: tuple[str, ...]) -> Item:
    """Its id is of its turns, so that the same question has the same id in every run."""
    return Item(
        id=f"q{hashlib.sha256(_text([turns]).encode()).hexdigest()[:16]}",
        language="und",
        turns=turns,
        purpose="collected by others",
        readers=("text",),
        temperature=TEMPERATURE,
        max_tokens=MAX_TOKENS,
    )


def _pack(items: tuple[Item, ...]) -> Pack:
    return Pack(
        id=_PACK,
        version=1,
        digest=hashlib.sha256(_text([i.turns for i in items]).encode()).hexdigest(),
        title="Collected questions",
        purpose="what was asked when these answers were collected",
        items=items,
    )


def _text(turns: Iterable[tuple[str, ...]]) -> str:
    return json.dumps([list(t) for t in turns], ensure_ascii=True)
