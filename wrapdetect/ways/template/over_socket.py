"""The half of a template's way out that runs over a websocket: steps that send and receive frames, and the question."""

import asyncio
from collections.abc import Callable
from functools import partial

from wrapdetect.dialects.template import ends_answer, replying, signs_of_end
from wrapdetect.dialects.template.filling import Outgoing, request_of
from wrapdetect.dialects.template.filters import CannotFilter
from wrapdetect.dialects.template.sources import Received, find
from wrapdetect.model import Chunk, Failure, FailureKind, Step, Template
from wrapdetect.model.template import AutoReply
from wrapdetect.targets.origins import as_socket, join
from wrapdetect.ways.net.failures import answer_refusal, too_long
from wrapdetect.ways.net.lines import trusted
from wrapdetect.ways.net.socket import NOTHING_AUTOMATIC, Automatic, Frame, Refused, Socket, Unreached, open_socket
from wrapdetect.ways.net.tape import Tape
from wrapdetect.ways.net.wire import CHUNKS_A_TURN
from wrapdetect.ways.template.talk import (
    Aside,
    Asking,
    Filled,
    Stopped,
    TalkState,
    TemplateTalk,
    carries_the_question,
    outgoing_headers,
    shown_of,
)

ON_SOCKET = ("SEND", "RECEIVE")


class Sockets:
    """Of all conversations; each has its own, opened when it is first needed.

    `values` tells what placeholders stand for; `address` the one to ask for a path, or raises Stopped.
    """

    def __init__(
        self,
        *,
        values: Callable[[Asking, TalkState], Filled],
        address: Callable[[Asking, Outgoing], str],
        stopwatch: Callable[[], float],
        byte_limit: int,
    ) -> None:
        self._values, self._address, self._stopwatch, self._limit = values, address, stopwatch, byte_limit
        self._closing: set[asyncio.Task[None]] = set()

    def hang_up(self, talk: TemplateTalk) -> None:
        """Close a conversation's socket, without waiting for it."""
        if talk.socket is not None:
            task = asyncio.create_task(talk.socket.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            talk.socket = None

    async def aclose(self) -> None:
        """Wait for all goodbyes."""
        await asyncio.gather(*self._closing)

    async def step(self, asking: Asking, step: Step, state: TalkState) -> str:
        """Send a frame, or the text of the next one."""
        socket, line = await self._socket(asking), self._line(asking)
        asking.current = line.tape
        if step.method == "SEND":
            values = self._values(asking, state)
            outgoing = request_of(step, values)
            line.sent += ("\n" if line.sent else "") + shown_of(step, outgoing, values).body
            if asking.carried is None and carries_the_question(step):
                asking.carried = Tape(self._stopwatch())
            await socket.say(outgoing.body)
            return ""
        frame = await socket.hear()
        if frame is None:
            raise asking.stopped(socket.ending or _closed())
        _write(frame, line.tape)
        return frame.data.decode(errors="replace")

    async def put(self, asking: Asking) -> None:
        """The question, and frames up to the end of its answer. Raises Stopped where there is none."""
        bot, state, tape = asking.bot, asking.talk.state, asking.tape
        socket, values = await self._socket(asking), self._values(asking, state)
        for number, frame in enumerate(socket.heard_meanwhile(), start=1):  # of an earlier question, or of nobody's
            _write(frame, self._line(asking).tape)
            await _turn(number)
        outgoing = request_of(bot.template, values)
        tape.sent = shown_of(bot.template, outgoing, values).body
        tape.status, tape.headers, tape.sending, asking.current = socket.status, socket.headers, True, tape
        tape.start_s = self._stopwatch()
        try:
            await socket.say(outgoing.body)
            await self._listen(bot.template, socket, tape)
        finally:
            for frame in socket.set_aside():
                _write(frame, self._line(asking).tape)

    async def _listen(self, template: Template, socket: Socket, tape: Tape) -> None:
        got, number, said, signs = 0, 0, False, signs_of_end(template)
        while True:
            frame = await _next(socket, template.quiet_s if said else 0.0)
            if frame is None:
                if socket.ending is not None:
                    raise Stopped(socket.ending)
                return
            number += 1
            await _turn(number)
            got += len(frame.data)
            if got > self._limit:
                _write(Frame(frame.at_s, frame.data[: self._limit - got]), tape)
                raise Stopped(too_long(self._limit))
            _write(frame, tape)
            may_end = signs is None or any(sign in frame.data for sign in signs)
            if may_end and ends_answer(template, frame.data.decode(errors="replace")):
                return
            if template.quiet_s and not said:
                said = bool(find(template.answer, text=frame.data.decode(errors="replace")))

    async def _socket(self, asking: Asking) -> Socket:
        """The conversation's, opened where it is not open."""
        talk, bot, state = asking.talk, asking.bot, asking.talk.state
        if talk.socket is not None and talk.socket.open:
            return talk.socket
        self.hang_up(talk)
        values = self._values(asking, state)
        outgoing = request_of(bot.template, values)
        url = self._address(asking, outgoing)
        tape = asking.current = Tape(self._stopwatch())
        asking.line = self._aside(asking, shown_of(bot.template, outgoing, values).path, tape)

        def sending() -> None:
            tape.start_s, tape.sending = self._stopwatch(), True

        try:
            talk.socket = await open_socket(
                as_socket(url),
                outgoing_headers(outgoing, url, state),
                private=bot.endpoint.private,
                trusted=trusted,
                sending=sending,
                stopwatch=self._stopwatch,
                byte_limit=self._limit,
                automatic=self._automatic(asking),
            )
        except Unreached as unreached:
            raise asking.stopped(unreached.failure) from None
        except Refused as refused:
            tape.status, tape.reason, tape.headers = refused.status, refused.reason, refused.headers
            tape.chunks = [Chunk(t_s=self._stopwatch() - tape.start_s, data=refused.body)] if refused.body else []
            asking.step = asking.step or "the websocket's handshake"
            raise asking.stopped(answer_refusal(tape)) from None
        tape.status, tape.headers = talk.socket.status, talk.socket.headers
        state.take_cookies(url, tape.headers)
        asking.secrets |= state.secrets()
        return talk.socket

    def _automatic(self, asking: Asking) -> Automatic:
        """The template's replies, filled in with what the conversation has by then."""
        replies = asking.bot.template.replies

        def frame(reply: AutoReply, found: str) -> str:
            try:
                body = request_of(reply, self._values(asking, asking.talk.state).with_found(found)).body
            except CannotFilter:
                return ""
            return body.encode(
                errors="replace"
            ).decode()  # half a surrogate, which a frame may have named, cannot go out

        def answered(data: bytes) -> str | None:
            wanted = replying(asking.bot.template, Received(data.decode(errors="replace")))
            return None if wanted is None else frame(*wanted)

        beats = tuple((r.every_s, partial(frame, r, "")) for r in replies if r.every_s)
        return Automatic(answered, beats) if replies else NOTHING_AUTOMATIC

    def _line(self, asking: Asking) -> Aside:
        """Where frames beside the question are written."""
        if asking.line is None:
            template, socket = asking.bot.template, asking.talk.socket
            assert socket is not None
            values = self._values(asking, asking.talk.state)
            path = shown_of(template, request_of(template, values), values).path
            tape = Tape(self._stopwatch(), status=socket.status, headers=socket.headers, sending=True)
            asking.line = self._aside(asking, path, tape)
        return asking.line

    def _aside(self, asking: Asking, path: str, tape: Tape) -> Aside:
        aside = Aside("GET", as_socket(join(asking.bot.endpoint.url, path)), "", tape)
        asking.asides.append(aside)
        return aside


async def _turn(number: int) -> None:
    """Let the loop turn after some: frames that lie here already are heard without waiting for anything."""
    if not number % CHUNKS_A_TURN:
        await asyncio.sleep(0)


async def _next(socket: Socket, quiet_s: float) -> Frame | None:
    """The next frame; None where the socket closed, or where none came for so long (0: however long)."""
    if not quiet_s:
        return await socket.hear()
    try:
        async with asyncio.timeout(quiet_s) as quiet:
            return await socket.hear()
    except TimeoutError:
        if quiet.expired():
            return None
        raise


def _write(frame: Frame, tape: Tape) -> None:
    tape.chunks.append(Chunk(t_s=frame.at_s - tape.start_s, data=frame.data))


def _closed() -> Failure:
    """In good order, where more was due."""
    return Failure(kind=FailureKind.CUT_OFF, detail="the server closed the websocket")
