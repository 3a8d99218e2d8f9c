"""What may come over a connection: each flood ends in its named outcome, ordinary long answers pass, and a connection
that had died is no failure of the service."""

import gzip
import threading

import pytest

from tests.conftest import read_as
from tests.ways.misbehaving import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Peer,
    ask_once,
    chunk,
    completion,
    event,
    fixed,
    raw,
    serving,
    stream,
)
from wrapdetect.model import Dialect, Exchange
from wrapdetect.ways.net.lines import connections
from wrapdetect.ways.net.wire import CHUNK_LIMIT, HEADER_LIMIT, SET_COOKIE_LIMIT

OK = b"HTTP/1.1 200 OK\r\n"
END = b"content-length: 2\r\n\r\n{}"


def many(line: bytes, n: int, head: bytes = OK) -> Behaviour:
    return raw(head, line * n, END)


FLOODS: dict[str, tuple[Behaviour, str]] = {
    "one_byte_chunks": (raw(STREAM_HEAD, chunk(b"a") * (CHUNK_LIMIT + 9), LAST_CHUNK), "in more than 50,000 pieces"),
    "cr_chunks": (raw(STREAM_HEAD, chunk(b"\r") * (CHUNK_LIMIT + 9), LAST_CHUNK), "in more than 50,000 pieces"),
    "extended_chunks": (raw(STREAM_HEAD, b"1;a=b\r\n\n\r\n" * (CHUNK_LIMIT + 9), LAST_CHUNK), "50,000 pieces"),
    "headers": (many(b"x: y\r\n", HEADER_LIMIT + 1), "has more than 256 headers"),
    "nameless_headers": (many(b"x:\r\n", HEADER_LIMIT + 1), "has more than 256 headers"),
    "cookies": (many(b"Set-Cookie: a=b\r\n", SET_COOKIE_LIMIT + 1), "sets more than 100 cookies"),
    "tiny_headers": (many(b"x:\n", 60_000), "heads of more than 1,024 lines"),
    "one_long_header": (many(b"x: " + b"y" * 100_000 + b"\r\n", 1), "a head or an end of more than 65,536 bytes"),
    "after_early_hints": (many(b"x:\n", 60_000, b"HTTP/1.1 103 Early\r\n\r\n" + OK), "more than 1,024 lines"),
    "early_hints": (raw(b"HTTP/1.1 103 Early\r\n\r\n" * 5_000), "heads of more than 1,024 lines"),
    "early_hints_headers": (many(b"x:\n", 60_000, b"HTTP/1.1 103 Early\r\n"), "more than 1,024 lines"),
    "trailers": (raw(STREAM_HEAD, b"0\r\n", b"x:\n" * 60_000, b"\r\n"), "more than 65,536 bytes"),
    "long_chunk_head": (raw(STREAM_HEAD, b"1;" + b"x" * 200_000), "more than 65,536 bytes"),
}


def one(behaviour: Behaviour, dialect: Dialect = "openai_stream", **more: object) -> Exchange:
    with serving(behaviour) as server:
        return ask_once(server.url, dialect=dialect, transport=connections(), timeout_s=30.0, **more)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FLOODS)
def test_each_flood_ends_by_its_own_name(name: str) -> None:
    behaviour, detail = FLOODS[name]
    exchange = one(behaviour)
    assert exchange.failure is not None
    assert exchange.failure.kind == "cut_off"
    assert detail in exchange.failure.detail
    assert exchange.failure.detail.endswith("reading stopped")
    assert len(exchange.chunks) <= CHUNK_LIMIT
    assert len(exchange.headers) <= HEADER_LIMIT


@pytest.mark.parametrize(
    ("behaviour", "dialect"),
    [
        (stream(*[event("word ")] * 16_000, b"data: [DONE]\n\n"), "openai_stream"),
        (fixed(completion("word " * 16_000)), "openai_plain"),
        (fixed(completion("Hi."), headers=("x: y",) * (HEADER_LIMIT - 2)), "openai_plain"),
        (fixed(completion("Hi."), headers=("set-cookie: a=b",) * SET_COOKIE_LIMIT), "openai_plain"),
        (fixed(completion("Hi."), headers=("csp: " + "a" * 12_000,)), "openai_plain"),
        (fixed(gzip.compress(completion("word " * 16_000)), headers=("content-encoding: gzip",)), "openai_plain"),
    ],
)
def test_long_answers_and_rich_heads_pass(behaviour: Behaviour, dialect: Dialect) -> None:
    reply = read_as(one(behaviour, dialect), dialect)
    assert reply.failure is None
    assert reply.text.startswith(("word", "Hi."))


def dying(*, with_bytes: bytes) -> tuple[Behaviour, list[int]]:
    """Answers the first request of all; the second meets a connection that closes, after so many bytes. Others again
    are answered."""
    seen: list[int] = []
    lock = threading.Lock()

    def behave(peer: Peer) -> None:
        with lock:
            seen.append(1)
            number = len(seen)
        if number == 2:
            if with_bytes:
                peer.send(with_bytes)
            peer.connection.close()
        else:
            fixed(completion("Hi."))(peer)

    return behave, seen


def asked_twice(behaviour: Behaviour) -> list[Exchange]:
    with serving(behaviour, keep_open=True) as server:
        return ask_once(server.url, dialect="openai_plain", transport=connections(), times=2)


def test_a_kept_connection_that_was_dead_is_no_failure() -> None:
    behaviour, seen = dying(with_bytes=b"")
    first, second = asked_twice(behaviour)
    assert (first.failure, second.failure) == (None, None)
    assert len(seen) == 3


@pytest.mark.parametrize("came", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early\r\n\r\n", OK + b"x: y\r\n"])
def test_a_question_that_was_begun_to_be_answered_is_not_put_again(came: bytes) -> None:
    behaviour, seen = dying(with_bytes=came)
    _, second = asked_twice(behaviour)
    assert second.failure is not None
    assert second.failure.kind == "cut_off"
    assert len(seen) == 2


def test_a_fresh_connection_that_breaks_is_cut_off_and_asked_once() -> None:
    with serving(raw()) as server:
        (exchange,) = ask_once(server.url, dialect="openai_plain", transport=connections())
    assert exchange.failure is not None
    assert exchange.failure.kind == "cut_off"
    assert len(server.requests) == 1
