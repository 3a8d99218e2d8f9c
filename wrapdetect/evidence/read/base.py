"""What every reader takes and gives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wrapdetect.dialects import Reply
from wrapdetect.evidence.seeds import Vendors
from wrapdetect.model import Exchange, Item, Observation, Value


class Reading(NamedTuple):
    """One exchange with what its dialect read in it and the item that was asked."""

    exchange: Exchange
    reply: Reply
    item: Item

    @property
    def last_turn(self) -> bool:
        return self.exchange.turn == len(self.item.turns) - 1

    @property
    def question(self) -> str:
        return self.item.turns[self.exchange.turn]

    def observe(self, feature: str, value: Value, reader: str) -> Observation:
        return Observation(
            exchange=self.exchange.id,
            endpoint=self.exchange.endpoint,
            ask=self.exchange.ask,
            turn=self.exchange.turn,
            feature=feature,
            value=value,
            reader=reader,
        )


class Background(NamedTuple):
    """What readers know beside the readings: vendors, and every question of the run by item and turn."""

    vendors: Vendors
    questions: Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One way of reading: `read` sees all readings that ask for it at once, and observes `features`, no other's.

    It reads what the item names it for; with `always` every exchange. `named`: whether an item may name it.
    `paragraph` stands in docs/evidence.md, and tells each feature in backticks. `origin` is that of a rule.
    """

    id: str
    features: tuple[str, ...]
    read: Callable[[Sequence[Reading], Background], Iterator[Observation]]
    paragraph: str
    always: bool = False
    named: bool = True
    origin: str = ""

    def observations(self, readings: Sequence[Reading], background: Background) -> tuple[Observation, ...]:
        """All that it observes. Raises ValueError for a feature that is not its own."""
        found = tuple(self.read(readings, background))
        strange = {o.feature for o in found if o.reader != self.id or o.feature not in self.features}
        if strange:
            raise ValueError(f"observes {', '.join(sorted(strange))}; expected {', '.join(self.features)}")
        return found
