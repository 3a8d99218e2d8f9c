"""When an answer came: `first_s` (first piece of text), `gap_s` (median between pieces), `rate_cps`."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.model import Observation

READER = Reader(
    id="timing",
    features=("first_s", "gap_s", "rate_cps"),
    read=lambda readings, background: read(readings, background),
    always=True,
    paragraph="""`first_s`: seconds from the send to the first piece of text. `gap_s`: median between pieces.
    `rate_cps`: characters a second after the first piece. Read of every exchange but those during which our own event
    loop stood still for more than 20 ms (`lag_s`): their times are ours.""",
)


def read(readings: Sequence[Reading], background: Background) -> Iterator[Observation]:
    for reading in readings:
        pieces = reading.reply.pieces
        if reading.reply.failure is not None or not pieces or "times" in reading.exchange.missing:
            continue
        if reading.exchange.lag_s:  # our own loop stood still: the times are ours
            continue
        yield reading.observe("first_s", pieces[0].t_s, READER.id)
        if len(pieces) < 3:
            continue
        gaps = [b.t_s - a.t_s for a, b in pairwise(pieces)]
        yield reading.observe("gap_s", median(gaps), READER.id)
        if (span := pieces[-1].t_s - pieces[0].t_s) > 0:
            yield reading.observe("rate_cps", sum(len(p.text) for p in pieces[1:]) / span, READER.id)
