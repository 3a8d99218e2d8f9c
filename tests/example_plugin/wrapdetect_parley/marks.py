"""How many exclamation marks has an answer? `marks`, of every answer to a question that asks for it."""

from collections.abc import Iterator, Sequence

from wrapdetect.evidence.read import Background, Reader, Reading
from wrapdetect.model import Observation

READER = Reader(
    id="marks",
    features=("marks",),
    read=lambda readings, background: read(readings, background),
    paragraph="`marks`: exclamation marks in the answer.",
)


def read(readings: Sequence[Reading], _: Background) -> Iterator[Observation]:
    for reading in readings:
        if reading.reply.failure is None:
            yield reading.observe("marks", float(reading.reply.text.count("!")), READER.id)
