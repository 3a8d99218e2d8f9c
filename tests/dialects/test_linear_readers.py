"""Readers of bodies look at each byte once: the same events and lines however the bytes are cut, at a cost by size."""

import pytest

from wrapdetect.dialects.body.unpacked import LINE_LIMIT, BodyError, lines, named_events
from wrapdetect.model import Chunk


class Counting(bytes):
    """Bytes that count how many of them were split."""

    seen = 0

    def split(self, *args: object) -> list[bytes]:
        Counting.seen += len(self)
        return super().split(*args)  # type: ignore[arg-type]


def cut(data: bytes, size: int) -> list[Chunk]:
    return [Chunk(t_s=at / 1000, data=data[at : at + size]) for at in range(0, len(data), size)]


BODIES = [
    b"data: a\n\ndata: b\n\n",
    b"data: a\r\n\r\ndata: b\r\n\r\n",
    b"data: a\r\rdata: b\r\r",
    b"data: a\r\ndata: c\r\rdata: b\n\n",
    b"\n\n\n\ndata: a\n\n\n\n",
    b"\r\r\r\r\r\rdata: a\r\r\r\r",
    b"\r\n" * 50 + b"data: a\r\n\r\n",
    b"event: x\ndata: a\n\n: ping\n\ndata: b",
    b"data: " + b"a" * 5000 + b"\n\n",
    b"data: torn",
    b"data: whole line\n",
    "data: \U0001f300\n\n".encode(),
    b"",
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_events_are_the_same_however_the_bytes_are_cut(body: bytes, size: int) -> None:
    whole = [(e.name, e.data, e.end) for e in named_events(cut(body, max(len(body), 1)))]
    assert [(e.name, e.data, e.end) for e in named_events(cut(body, size))] == whole
    blanks = [c for chunk in cut(body, size) for c in (chunk, Chunk(t_s=chunk.t_s, data=b""))]
    assert [(e.name, e.data, e.end) for e in named_events(blanks)] == whole


@pytest.mark.parametrize("body", [b'{"a":1}\n{"b":2}\n', b"\n\n\n{}\n", b'{"torn"', b"a\r\nb\r\n", b"x" * 5000 + b"\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_lines_are_the_same_however_the_bytes_are_cut(body: bytes, size: int) -> None:
    assert [p.text for p in lines(cut(body, size))] == [p.text for p in lines(cut(body, len(body)))]


@pytest.mark.parametrize("reader", [lambda c: list(named_events(c)), lambda c: list(lines(c))])
@pytest.mark.parametrize("n", [1_000, 20_000])
def test_no_byte_of_a_long_line_is_looked_at_twice(reader: object, n: int) -> None:
    Counting.seen = 0
    reader([Chunk(t_s=0.0, data=Counting(b"a")) for _ in range(n)])  # type: ignore[operator]
    assert Counting.seen == n


@pytest.mark.parametrize("reader", [lines, named_events])
def test_a_flood_of_lines_ends_by_its_name(reader: object) -> None:
    with pytest.raises(BodyError, match="more than 200,000 lines; reading stopped"):
        list(reader([Chunk(t_s=0.0, data=b":\n" * (LINE_LIMIT + 1))]))  # type: ignore[operator]
