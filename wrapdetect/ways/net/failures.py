"""Why an exchange over HTTP brought no whole answer: what its tape shows, and what broke, as a Failure."""

import asyncio
from collections.abc import Awaitable

import httpx

from wrapdetect.dialects.body.unpacked import BodyError, encoding_of, header_of, inflate, refused_by
from wrapdetect.model import Failure, FailureKind
from wrapdetect.ways.net.tape import Tape
from wrapdetect.ways.net.wire import HEAD_LIMIT, HEAD_PASSED, Flood, reading_stopped


async def attempt(sending: Awaitable[None], tape: Tape, *, timeout_s: float, byte_limit: int) -> Failure | None:
    """Send, and read the answer, within the limits; what went wrong out there, where anything did."""
    try:
        async with asyncio.timeout(timeout_s):
            await sending
    except (TimeoutError, httpx.TimeoutException):
        return timed_out(tape, timeout_s)
    except (httpx.TransportError, UnicodeError) as error:
        return broken(error, tape)
    return no_answer(tape, byte_limit)


def no_answer(tape: Tape, byte_limit: int) -> Failure | None:
    """Why what came is no whole answer: a status of 300 or more, or our limit on bytes; None where it is one."""
    if (tape.status or 0) >= 300:
        return answer_refusal(tape)
    return too_long(byte_limit) if tape.overflow else None


def answer_refusal(tape: Tape) -> Failure:
    """What a status of 300 or more says."""
    status = tape.status or 0
    moved = _moved(tape) if 300 <= status < 400 else ""
    try:
        chunks = inflate(tape.chunks, encoding_of(tape.headers))
    except BodyError:
        chunks = tuple(tape.chunks)
    return refused_by(status, tape.reason, b"".join(c.data for c in chunks), moved)


def _moved(tape: Tape) -> str:
    where = header_of(tape.headers, "location")
    try:
        return f", redirects to {httpx.URL(where).copy_with(query=None, fragment=None)}"
    except httpx.InvalidURL:
        return ", redirects to something that is no URL"


def timed_out(tape: Tape, timeout_s: float) -> Failure:
    """Our limit on time ran out: without a connection, within the answer, or within a refusal."""
    if (tape.status or 0) >= 300:
        return answer_refusal(tape)
    if not tape.sending:
        return Failure(kind=FailureKind.CONNECT, detail=f"no connection within {timeout_s:g} s")
    got = sum(len(c.data) for c in tape.chunks)
    return Failure(kind=FailureKind.TIMEOUT, detail=f"no complete answer within {timeout_s:g} s ({got:,} bytes came)")


def too_long(limit: int) -> Failure:
    """The answer was cut off by our own limit on bytes."""
    return Failure(kind=FailureKind.CUT_OFF, detail=f"the answer passes {limit:,} bytes; reading stopped")


def broken(cause: BaseException, tape: Tape) -> Failure:
    """The connection never was, or broke."""
    if (tape.status or 0) >= 300:  # a status says more than a body that broke off (or a redirect httpx cannot parse)
        return answer_refusal(tape)
    if tape.status is None and isinstance(cause, httpx.ConnectError | httpx.UnsupportedProtocol):
        return Failure(kind=FailureKind.CONNECT, detail=str(cause) or type(cause).__name__)
    if isinstance(cause, Flood):
        return Failure(kind=FailureKind.CUT_OFF, detail=str(cause))
    if HEAD_PASSED in str(cause):
        passed = reading_stopped(f"has a head or an end of more than {HEAD_LIMIT:,} bytes")
        return Failure(kind=FailureKind.CUT_OFF, detail=str(passed))
    got = sum(len(c.data) for c in tape.chunks)
    return Failure(
        kind=FailureKind.CUT_OFF,
        detail=f"the connection broke after {got:,} bytes ({str(cause) or type(cause).__name__})",
    )
