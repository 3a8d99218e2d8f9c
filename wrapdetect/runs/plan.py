"""Packs x draws x endpoints -> slots, in a balanced random order from an rng; and what they will cost."""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wrapdetect.dialects import wire_format
from wrapdetect.errors import BudgetError, PackError
from wrapdetect.model import Ask, AskKey, Endpoint, Item, Pack, Run

BYTES_PER_TOKEN = 4
"""A rule of thumb for English text, good enough for a budget; never used as evidence."""
HELLO = "hello"
"""The pack of the first plain question, asked before all else."""
LIBRARY_PACK = "library"
"""The pack of a run that asks the questions of a library."""
MOST_ASKS = 1_000_000
"""That one plan can hold: it is laid out whole before anything is said or sent."""


class Slot(NamedTuple):
    """One ask put to one endpoint."""

    endpoint: Endpoint
    ask: Ask


class Cost(NamedTuple):
    """What a plan takes at most: requests (one a turn) and tokens (prompts and full-length answers)."""

    requests: int
    tokens: int

    def fits(self, spent: "Cost", allowed: "Cost") -> bool:
        """Whether this much more may be taken.

        >>> Cost(1, 50).fits(Cost(9, 50), Cost(10, 100)), Cost(1, 51).fits(Cost(9, 50), Cost(10, 100))
        (True, False)
        """
        return spent.requests + self.requests <= allowed.requests and spent.tokens + self.tokens <= allowed.tokens


def make_plan(run: Run) -> tuple[Slot, ...]:
    """All slots of a run. Target and references get the same asks, next to one another, in random order.

    References are also asked the items read for `text` behind each neutral system prompt of the run: how far a
    system prompt alone moves the same model is the null that the comparison needs.

    The order is a pure function of run.seed. Raises PackError where no item is left to ask, BudgetError for more asks
    than a plan can hold.
    """
    asks = run.draws * len(run.endpoints) * (1 + len(run.variants)) * sum(len(pack.items) for pack in run.packs)
    if asks > MOST_ASKS:
        raise BudgetError(
            f"up to {asks:,} questions, and a plan holds {MOST_ASKS:,}; lower --draws or name fewer packs"
        )
    rng = random.Random(run.seed)
    groups = [*_plain(run), *_behind_prompts(run)]
    if not groups:
        raise PackError("the packs hold no item to ask; name another pack with --pack")
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    return tuple(slot for group in groups for slot in group)


def estimate_cost(slots: Iterable[Slot]) -> Cost:
    """Upper estimate: each turn sends all turns before it, and each answer is as long as allowed."""
    requests = tokens = 0
    for _, ask in slots:
        history = estimate_tokens(ask.system)
        for turn in ask.turns:
            history += estimate_tokens(turn)
            requests += 1
            tokens += history + ask.max_tokens
            history += ask.max_tokens
    return Cost(requests, tokens)


def estimate_tokens(text: str) -> int:
    """UTF-8 bytes over four, rounded up.

    >>> estimate_tokens("hello")
    2
    """
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def check_budget(cost: Cost, *, max_requests: int, max_tokens: int) -> None:
    """Raises BudgetError where the plan could take more than is allowed."""
    for name, needed, allowed in (
        ("requests", cost.requests, max_requests),
        ("tokens", cost.tokens, max_tokens),
    ):
        if needed > allowed:
            raise BudgetError(
                f"the plan takes up to {needed:,} {name} and --max-{name} allows {allowed:,}; "
                f"choose fewer packs or draws, or allow --max-{name} {needed}"
            )


def _ask(key: AskKey, item: Item, system: str) -> Ask:
    return Ask(key=key, turns=item.turns, system=system, temperature=item.temperature, max_tokens=item.max_tokens)


def _items(packs: Sequence[Pack]) -> Iterable[tuple[str, Item]]:
    return ((pack.id, item) for pack in packs for item in pack.items)


def _plain(run: Run) -> list[list[Slot]]:
    return [
        [Slot(e, _ask(AskKey(probe, item.id, draw), item, "")) for e in run.endpoints]
        for probe, item in _items(run.packs)
        for draw in range(run.draws)
    ]


def _behind_prompts(run: Run) -> list[list[Slot]]:
    prompted = [e for e in run.references if wire_format(e.dialect).takes_system(e)]
    return [
        [Slot(e, _ask(AskKey(probe, item.id, draw, variant), item, system)) for e in prompted]
        for probe, item in _items(run.packs)
        if "text" in item.readers
        for variant, system in run.variants
        for draw in range(run.draws)
    ]
