"""When a monitor asks whom: rounds on a grid of UTC, services interleaved within a minute, and what a round takes.

A round is named by the second it is due, and is a pure function of (services, seed, that second). Up to PHASE_TARGETS
targets are asked within the round's first minute, together with candidates, panel and sites, in random order and evenly
spread over the jitter. Of more targets, each has its own minute of the round, by a hash of its name that never changes;
everything else is still asked in the first minute: a target of a later minute is compared over up to a round's length.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from wrapdetect.dialects.template.filling import is_frame
from wrapdetect.errors import SpecError
from wrapdetect.model import Ask, AskKey, Endpoint, Item
from wrapdetect.model.history import DAY_S, Service
from wrapdetect.runs.plan import Cost, estimate_tokens

PHASE_S = 60
PHASE_TARGETS = 1500
"""Targets asked within one minute, as long as the round has minutes enough."""
SETTLE_S = 2
"""Between the last answer of a round and the next round: the last ones are recorded."""
UNLIMITED_TOKENS = 500
"""Reserved for the answer of an endpoint that takes no token limit."""
SHORT_TOKENS = 200
"""Reserved for what a chat without such a setting is seen to say: what it thinks beside is on nobody's bill of ours."""
PAGE_CADENCE_S = 300
"""Pages are asked no more often: each time a browser of some 100 MB is started, and ended."""
PAGE_EXTRA_S = 15
"""What that takes, beside the timeout, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often and how fast is asked, in whole seconds; `concurrency` is the most heartbeats in flight."""

    cadence_s: int = 300
    fingerprint_every_s: int = DAY_S
    jitter_s: int = 20
    timeout_s: int = 30
    concurrency: int = 500

    @property
    def lease_s(self) -> int:
        """How long a monitor holds its store without a sign of life: two rounds, and ten minutes at least."""
        return max(600, 2 * self.cadence_s)


class Budget(NamedTuple):
    """The most that a UTC day may take; hard: a round that would pass it is not begun."""

    requests_per_day: int
    tokens_per_day: int


class RoundSlot(NamedTuple):
    """One service of a round, and when it is asked: seconds from the round's due time."""

    service: Service
    offset_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Slots by rising offset. `prints`: every chat service is asked the fingerprint too, each after its heartbeat."""

    due_s: int
    slots: tuple[RoundSlot, ...]
    prints: bool


def round_of(now_s: float, cadence_s: int) -> int:
    """The round that is running: the last second that is a multiple of the cadence.

    >>> round_of(1_700_000_123.5, 300)
    1700000100
    """
    return int(now_s // cadence_s) * cadence_s


def day_of(round_s: int) -> date:
    """The UTC day that a round is paid from.

    >>> day_of(1_700_000_100).isoformat()
    '2023-11-14'
    """
    return datetime.fromtimestamp(round_s, UTC).date()


def prints_due(round_s: int, last_s: int | None, every_s: int) -> bool:
    """Whether no fingerprint was due since the last round: the first round of each `every_s` of the UTC clock has one.

    A round that was slept through hands its fingerprint to the next.

    >>> prints_due(86_400, 86_100, 86_400), prints_due(86_700, 86_400, 86_400), prints_due(300, None, 86_400)
    (True, False, True)
    """
    return last_s is None or round_of(last_s, every_s) < round_of(round_s, every_s)


def phases(n_targets: int, cadence_s: int) -> int:
    """Minutes over which the targets are spread.

    >>> phases(40, 300), phases(10_000, 300), phases(3_000, 300), phases(10_000, 60)
    (1, 5, 2, 1)
    """
    return max(1, min(cadence_s // PHASE_S, -(-n_targets // PHASE_TARGETS)))


def phase_of(name: str, n_phases: int) -> int:
    """The minute of a target, by a hash of its name that is the same on every machine and day."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) % n_phases


def check_rhythm(rhythm: Rhythm, services: Sequence[Service]) -> None:
    """Raises SpecError where a round could still be waiting for answers when the next is due."""
    pages = [s for s in services if is_page(s)]
    if pages and rhythm.cadence_s < PAGE_CADENCE_S:
        raise SpecError(
            f"{pages[0].name} is a page, and every {rhythm.cadence_s} s is too often: each time a browser is started; "
            f"make the cadence {PAGE_CADENCE_S} s or longer, or watch what the page sends, as a template"
        )
    minutes = phases(_targets(services), rhythm.cadence_s) - 1
    asking_s = max([rhythm.timeout_s, sum(longest_s(s, rhythm) for s in pages)])
    needed = minutes * PHASE_S + rhythm.jitter_s + asking_s + SETTLE_S
    if needed > rhythm.cadence_s:
        one_by_one = f", {len(pages)} pages one after the other" if pages else ""
        raise SpecError(
            f"a round of {len(services):,} services takes up to {needed} s (jitter {rhythm.jitter_s}, timeout "
            f"{rhythm.timeout_s}{one_by_one}) and the next is due after {rhythm.cadence_s} s; shorten jitter or "
            f"timeout, or make the cadence longer"
        )


def is_page(service: Service) -> bool:
    """Whether it is asked in a browser."""
    return service.endpoint is not None and service.endpoint.dialect == "page"


def longest_s(service: Service, rhythm: Rhythm) -> int:
    """Most seconds that one question to it takes."""
    return rhythm.timeout_s + (PAGE_EXTRA_S if is_page(service) else 0)


def requests_of(endpoint: Endpoint) -> int:
    """Requests that one question takes: before a template's are its steps, after it its polls, each counted once."""
    template = endpoint.template
    if template is None:
        return 1
    return 1 + sum(not is_frame(step) for step in template.steps) + len(template.polls)


def make_round(services: Sequence[Service], due_s: int, *, rhythm: Rhythm, seed: int, prints: bool) -> Round:
    """Each service once. Within a minute the order is random, the times evenly spread over the jitter, each a little
    off; all of it decided by (seed, due_s)."""
    rng = random.Random(f"{seed}/{due_s}")
    n_phases = phases(_targets(services), rhythm.cadence_s)
    minutes: list[list[Service]] = [[] for _ in range(n_phases)]
    for service in services:
        minutes[phase_of(service.name, n_phases) if service.kind == "target" and n_phases > 1 else 0].append(service)
    slots: list[RoundSlot] = []
    for minute, members in enumerate(minutes):
        rng.shuffle(members)
        width_s = rhythm.jitter_s / max(len(members), 1)
        slots += (RoundSlot(s, minute * PHASE_S + (k + rng.random()) * width_s) for k, s in enumerate(members))
    return Round(due_s=due_s, slots=tuple(slots), prints=prints)


def heartbeat(round_s: int) -> Ask:
    """The same short question to all of a round, and another in the next: a cache between us and them must not answer.

    >>> heartbeat(1_700_000_100).turns
    ('Say the number 533335.',)
    """
    number = 100_000 + round_s // PHASE_S % 900_000
    turns = (f"Say the number {number}.",)
    return Ask(key=AskKey("heartbeat", "number", 0), turns=turns, system="", temperature=0.0, max_tokens=1)


def print_ask(item: Item) -> Ask:
    """One question of the fingerprint, at temperature 0."""
    key = AskKey("fingerprint", item.id, 0)
    return Ask(key=key, turns=item.turns[:1], system="", temperature=0.0, max_tokens=item.max_tokens)


def cost_of(a_round: Round, items: Sequence[Item]) -> Cost:
    """What a round takes at most: requests, and of chat services the tokens of question and full answer."""
    asks = [heartbeat(a_round.due_s), *((print_ask(i) for i in items) if a_round.prints else ())]
    asked = sum(estimate_tokens(ask.turns[0]) for ask in asks)
    requests = tokens = 0
    for service, _ in a_round.slots:
        requests += len(asks) * requests_of(service.endpoint) if service.endpoint else 1
        if service.endpoint is not None:
            tokens += asked + sum(_most_tokens(service.endpoint, ask) for ask in asks)
    return Cost(requests, tokens)


def _most_tokens(endpoint: Endpoint, ask: Ask) -> int:
    if endpoint.dialect in ("template", "page"):
        return SHORT_TOKENS
    return UNLIMITED_TOKENS if endpoint.token_limit == "omit" else ask.max_tokens


def _targets(services: Sequence[Service]) -> int:
    return sum(s.kind == "target" for s in services)
