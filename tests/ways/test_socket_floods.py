"""Websocket floods: tiny frames, pings, pongs and pieces of messages end by name; ordinary conversations pass."""

import asyncio
import base64
import hashlib
import socket as socket_module

import pytest

from tests.ways.misbehaving import Behaviour, Peer, serving
from wrapdetect.ways import clock
from wrapdetect.ways.net.lines import trusted
from wrapdetect.ways.net.socket import FRAME_LIMIT, SLICE_BYTES, Frame, Socket, open_socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE = b"\x88\x02\x03\xe8"


def shaking(data: bytes, *, end: bytes = CLOSE) -> Behaviour:
    """A handshake, then these bytes in one go."""

    def behave(peer: Peer) -> None:
        key = peer.request.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        peer.send(head + b"sec-websocket-accept: " + accept + b"\r\n\r\n" + data + end)
        peer.connection.shutdown(socket_module.SHUT_WR)
        while peer.connection.recv(65536):
            pass

    return behave


def heard(behaviour: Behaviour, *, says: int = 0) -> tuple[list[Frame], Socket]:
    async def go(url: str) -> tuple[list[Frame], Socket]:
        socket = await open_socket(
            url,
            (),
            private=True,
            trusted=trusted,
            sending=lambda: None,
            stopwatch=clock.stopwatch,
            byte_limit=2_000_000,
        )
        frames: list[Frame] = []
        for _ in range(says):
            await socket.say("go on")
        while (frame := await socket.hear()) is not None:
            frames.append(frame)
        await socket.close()
        return frames, socket

    with serving(behaviour) as server:
        return asyncio.run(go(server.url.replace("http", "ws")))


@pytest.mark.parametrize(
    ("before", "frame"),
    [
        (b"", b"\x81\x00"),
        (b"", b"\x82\x00"),
        (b"", b"\x81\x01a"),
        (b"", b"\x89\x00"),
        (b"", b"\x8a\x00"),
        (b"", b"\x89\x01a"),
        (b"", b"\x81\x00\x89\x00"),
        (b"\x01\x00", b"\x89\x00"),
    ],
)
def test_a_flood_of_frames_ends_by_its_name(before: bytes, frame: bytes) -> None:
    _, socket = heard(shaking(before + frame * (FRAME_LIMIT + 500)))
    assert socket.ending is not None
    assert socket.ending.kind == "cut_off"
    assert "more than 50,000 frames" in socket.ending.detail


def test_a_message_in_too_many_pieces_ends_the_conversation() -> None:
    frames, socket = heard(shaking(b"\x01\x00" + b"\x00\x00" * (FRAME_LIMIT + 500)))
    assert frames == []
    assert socket.ending is not None
    assert socket.ending.kind == "cut_off"
    assert "too many pieces" in socket.ending.detail


@pytest.mark.parametrize(
    ("data", "sizes"),
    [
        (b"\x81\x02ab" * 16_000, [2] * 16_000),
        (b"\x81\x7e\xff\xff" + b"a" * 65_535, [65_535]),
        (b"\x81\x02ab\x89\x00\x8a\x00\x81\x01c", [2, 1]),
        (b"\x01\x02ab\x80\x01c", [3]),
        (b"\x81\x7f" + (1_500_000).to_bytes(8, "big") + b"a" * 1_500_000, [1_500_000]),
        (b"\x81\x7e" + SLICE_BYTES.to_bytes(2, "big") + b"a" * SLICE_BYTES + b"\x81\x01b", [SLICE_BYTES, 1]),
    ],
)
def test_what_is_read_slice_by_slice_is_heard_whole_and_in_order(data: bytes, sizes: list[int]) -> None:
    frames, socket = heard(shaking(data))
    assert [len(f.data) for f in frames] == sizes
    assert socket.ending is None
    assert [f.at_s for f in frames] == sorted(f.at_s for f in frames)


def test_what_comes_before_an_abrupt_end_is_heard() -> None:
    frames, socket = heard(shaking(b"\x81\x02ab" * 100, end=b""))
    assert len(frames) == 100
    assert socket.ending is not None
    assert socket.ending.kind == "cut_off"
