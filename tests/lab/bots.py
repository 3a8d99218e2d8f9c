"""A bot of the tests and benchmarks beside the demo's own: it says what was recorded."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from wrapdetect.cli.demo.bots import PIECE, Schedule
from wrapdetect.cli.demo.voice import Messages


@dataclass(slots=True, kw_only=True)
class RecordedBot:
    """Gives recorded answers to known prompts, the same each time."""

    model: str
    answers: Mapping[str, str]
    schedule: Schedule = field(default_factory=lambda: Schedule(first_s=0.0, gap_s=0.0))

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        answer = self.answers.get(messages[-1]["content"], "Hello.")
        async for piece in self.schedule.paced(PIECE.findall(answer)):
            yield piece
