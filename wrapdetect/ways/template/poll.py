"""The half of a template's way out that asks again and again: the question gives a job, polls bring its answer.

The question and every poll but the last are hops; the last one's answer is the exchange's, on the clock that started
when the question left. Between two polls as long is waited as the server asks (Retry-After, in seconds), or `every_s`.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from wrapdetect.dialects.body.json_text import short
from wrapdetect.dialects.body.unpacked import BodyError, header_of
from wrapdetect.dialects.template import kept_by, polled
from wrapdetect.dialects.template.filling import Outgoing, names_in, request_of
from wrapdetect.dialects.template.polling import MISSING, MOST_MISSING
from wrapdetect.dialects.template.slots import CONVERSATION_ID
from wrapdetect.model import AskKey, Chunk, Exchange, Failure, FailureKind, Template
from wrapdetect.model.template import Poll, Request
from wrapdetect.secrets.named import clean_url
from wrapdetect.secrets.names import SHORTEST_LEARNT
from wrapdetect.targets.origins import MOST_REDIRECTS, REDIRECTS, join
from wrapdetect.ways.net.failures import no_answer
from wrapdetect.ways.net.tape import Tape
from wrapdetect.ways.template.talk import Aside, Asking, Filled, TalkState, address_of, led_on, shown_of, shown_url

KEPT_BYTES = 1_000_000
"""Most bytes kept of what came of polls before the answer was there; of later ones the status and headers are."""
_EPOCH = datetime.fromtimestamp(0, UTC)
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,6})?", re.ASCII)


class Polls:
    """`values` tells what placeholders stand for; `request` makes one, of which asking.current then holds what came."""

    def __init__(
        self,
        *,
        values: Callable[[Asking, TalkState], Filled],
        request: Callable[[Asking, Outgoing], Awaitable[None]],
        stopwatch: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        byte_limit: int,
    ) -> None:
        self._values, self._request = values, request
        self._stopwatch, self._sleep, self._limit = stopwatch, sleep, byte_limit

    async def put(self, asking: Asking) -> None:
        """The question, and polls up to its answer, which becomes the tape. Raises Stopped where there is none."""
        template, asked = asking.bot.template, asking.tape
        asking.step = "the question"
        first = len(asking.asides)
        try:
            await self._ask(asking, template)
        finally:
            aside = asking.asides[first]
            path = clean_url(aside.url.removeprefix(join(asking.bot.endpoint.url, "")))
            asked.sent, asked.start_s = aside.sent or f"{aside.method} {path}", aside.tape.start_s
        if not (_keeps_the_way(asking, template) and asking.current.status in REDIRECTS):
            self._refuse(asking)
        self._take(asking, template.keep, replace(template, framing="body"))
        for number, poll in enumerate(template.polls, start=1):
            asking.step = f"poll {number}" if len(template.polls) > 1 else "the poll"
            await self._until_there(asking, poll)
        asking.tape, asking.step = asking.asides.pop().tape, ""
        late_s = asking.tape.start_s - asked.start_s
        asking.tape.chunks = [Chunk(t_s=c.t_s + late_s, data=c.data) for c in asking.tape.chunks]
        asking.tape.start_s, asking.tape.sent = asked.start_s, asked.sent
        self._refuse(asking)

    async def _until_there(self, asking: Asking, poll: Poll) -> None:
        template = asking.bot.template
        last = poll is template.polls[-1]
        if not last:
            template = replace(template, framing="body")
        left, missing = KEPT_BYTES, 0
        for _ in range(poll.most_tries):
            await self._ask(asking, poll)
            state, told = polled(template, poll, _as_exchange(asking.current))
            missing += asking.current.status == MISSING
            if asking.current.status == MISSING and missing < MOST_MISSING:
                state = "running"
            if state == "failed":
                detail = f"the job failed: {short(told)}"
                raise asking.stopped(Failure(kind=FailureKind.SERVER, detail=detail))
            if state == "answered":
                break
            left -= sum(len(c.data) for c in asking.current.chunks)
            if left < 0:
                asking.current.chunks.clear()
            await self._sleep(max(poll.every_s, _asked_to_wait_s(asking.current)))
        else:
            detail = f"no answer after {poll.most_tries} polls"
            raise asking.stopped(Failure(kind=FailureKind.TIMEOUT, detail=detail))
        if not last:
            self._refuse(asking)
        if (asking.current.status or 0) < 300:
            self._take(asking, poll.keep, template)

    async def _ask(self, asking: Asking, part: Request) -> None:
        """One request, as a hop, and where it leads on, one more for each redirect."""
        state, base = asking.talk.state, asking.bot.endpoint.url
        values = self._values(asking, state)
        outgoing: Outgoing | None = request_of(part, values)
        for number in range(MOST_REDIRECTS + 1):
            assert outgoing is not None
            tape = asking.current = Tape(self._stopwatch())
            aside = Aside(outgoing.method, base, "", tape)
            asking.asides.append(aside)
            try:
                await self._request(asking, outgoing)
            finally:
                if number:
                    aside.url = clean_url(outgoing.path, SHORTEST_LEARNT)
                else:
                    shown = shown_of(part, outgoing, values)
                    aside.url, aside.sent = shown_url(base, shown), shown.body
                asking.secrets |= state.secrets()
            outgoing = None if _keeps_the_way(asking, part) else led_on(outgoing, address_of(base, outgoing), tape)
            if outgoing is None:
                return

    def _take(self, asking: Asking, keep: Sequence[tuple[str, str]], template: Template) -> None:
        """What is kept of what came. A poll that needs it never goes out with what an earlier question left."""
        state = asking.talk.state
        try:
            found = kept_by(keep, template, _as_exchange(asking.current), state.cookie_values())
        except BodyError as error:
            raise asking.stopped(error.failure) from None
        needed = {name for poll in asking.bot.template.polls for name in names_in(poll)} - {CONVERSATION_ID.name}
        for name, source in keep:
            if name in needed and name not in found:
                nothing = f"{source} finds nothing to keep as {name} in what came"
                raise asking.stopped(Failure(kind=FailureKind.GARBLED, detail=nothing))
        state.values |= found
        asking.secrets |= state.secrets()

    def _refuse(self, asking: Asking) -> None:
        if (failure := no_answer(asking.current, self._limit)) is not None:
            raise asking.stopped(failure)


def _keeps_the_way(asking: Asking, part: Request) -> bool:
    """Whether the question's Location is kept, to be polled, and not followed at once."""
    template = asking.bot.template
    return part is template and any(source.lower() == "header:location" for _, source in template.keep)


def _as_exchange(tape: Tape) -> Exchange:
    return tape.exchange(
        endpoint="", ask=AskKey("", "", 0), turn=0, attempt=0, started=_EPOCH, ended=tape.start_s, failure=None
    )


def _asked_to_wait_s(tape: Tape) -> float:
    """By Retry-After in seconds; 0 where it says nothing else."""
    said = header_of(tape.headers, "retry-after").strip()
    return float(said) if _SECONDS.fullmatch(said) else 0.0
