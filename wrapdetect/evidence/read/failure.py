"""How an exchange ended: `outcome` is "ok" or the kind of failure, with `detail`; `apology` marks a canned excuse,
`empty` a well-formed reply without text, `lagged` a failure that our own event loop may have made by standing still."""

import re
from collections.abc import Iterator, Sequence

from wrapdetect.dialects.base import EMPTY
from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.model import Observation
from wrapdetect.model.prose import quote

READER = Reader(
    id="failure",
    features=("outcome", "detail", "empty", "lagged", "apology"),
    read=lambda readings, background: read(readings, background),
    always=True,
    named=False,
    paragraph="""`outcome`: `ok` or the kind of failure (connect, timeout, refused, limited, server, garbled, cut_off),
    with `detail`. An error told in a 200 is of the kind that its status would have been ([ways.md](ways.md), "What is
    read"). `apology`: a short answer that is a canned excuse. `empty`: a well-formed reply without text, whose sender
    is up. `lagged`: it ran out of time or broke off while our own event loop stood still for more than a hundredth of
    it, so that it counts neither as up nor as down. An exchange that met a kept connection already closed, so that not
    one byte came back, is put once more over a fresh one, and is no failure. What passes a limit of ours (50,000 pieces
    or frames, 256 headers, 100 cookies, heads of 1,024 lines or 65,536 bytes, 2,000,000 bytes) is `cut_off`, and says
    which. Read of every exchange.""",
)

APOLOGY = re.compile(
    r"something went wrong|(temporarily|currently) (unavailable|down|overloaded|experiencing)|try again (later|in a)"
    r"|service is (busy|unavailable)|too many people|at capacity"
    r"|稍后再试|服务(器)?(繁忙|不可用|异常)|网络(异常|错误)|系统繁忙"
    r"|inténte?a?lo (de nuevo )?más tarde|réessaye[rz]? plus tard|später (noch einmal|erneut)|しばらくしてから",
    re.I,
)
LONGEST_APOLOGY = 300
"""Characters; a longer answer that holds such words is an answer."""


def read(readings: Sequence[Reading], background: Background) -> Iterator[Observation]:
    for reading in readings:
        failure = reading.reply.failure
        yield reading.observe("outcome", "ok" if failure is None else failure.kind.value, READER.id)
        if failure is not None:
            yield reading.observe("detail", quote(failure.detail), READER.id)
            if failure.detail == EMPTY:
                yield reading.observe("empty", True, READER.id)
            if reading.exchange.may_be_ours(failure):
                yield reading.observe("lagged", True, READER.id)
        elif len(reading.reply.text) <= LONGEST_APOLOGY and APOLOGY.search(reading.reply.text):
            yield reading.observe("apology", quote(reading.reply.text), READER.id)
