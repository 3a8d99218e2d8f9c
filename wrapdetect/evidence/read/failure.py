"""How an exchange ended: `outcome` is "ok" or the kind of failure, with `detail`; `apology` marks a canned excuse,
`empty` a well-formed reply without text, `lagged` a failure that our own event loop may have made by standing still."""

import re
from collections.abc import Iterator, Sequence

from wrapdetect.dialects.base import EMPTY
from wrapdetect.evidence.read.base import Background, Reading
from wrapdetect.model import Observation
from wrapdetect.model.prose import quote

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
        yield reading.observe("outcome", "ok" if failure is None else failure.kind.value, "failure")
        if failure is not None:
            yield reading.observe("detail", quote(failure.detail), "failure")
            if failure.detail == EMPTY:
                yield reading.observe("empty", True, "failure")
            if reading.exchange.may_be_ours(failure):
                yield reading.observe("lagged", True, "failure")
        elif len(reading.reply.text) <= LONGEST_APOLOGY and APOLOGY.search(reading.reply.text):
            yield reading.observe("apology", quote(reading.reply.text), "failure")
