"""The catalogue of websockets: servers that misbehave in one named way each, frame by frame as RFC 6455 has them."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from tests.catalogue.case import FINE, QUESTION, Case
from tests.catalogue.servers import CHALLENGE, CONNECT, CUT_OFF, GARBLED, LIMITED, REFUSED, SERVER, TIMEOUT, head_of
from tests.catalogue.servers import resets_at_once as reset
from tests.catalogue.tls import serving_tls
from tests.ways.misbehaving import BEHAVIOURS, Behaviour, Peer, fixed
from wrapdetect.model import Step, Template

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
Chat = Callable[[Peer], None]


# Frames


def frame(data: bytes, opcode: int = TEXT, *, fin: bool = True, reserved: int = 0, length: int | None = None) -> bytes:
    """One frame without a mask, as a server sends it; `length` may say more than there is."""
    size = len(data) if length is None else length
    first = (fin << 7) | (reserved << 4) | opcode
    if size < 126:
        return bytes([first, size]) + data
    if size < 65536:
        return bytes([first, 126]) + struct.pack(">H", size) + data
    return bytes([first, 127]) + struct.pack(">Q", size) + data


def piece(text: str) -> bytes:
    return frame(json.dumps({"delta": text}, ensure_ascii=False).encode())


DONE = frame(b'{"done": true}')
BYE = frame(struct.pack(">H", 1000), CLOSE)


def closing(code: int, reason: str = "") -> bytes:
    return frame(struct.pack(">H", code) + reason.encode(), CLOSE)


def heard(peer: Peer) -> Iterator[tuple[int, bytes]]:
    """The client's frames: opcode and data, unmasked, until it is gone."""
    data = peer.request.body
    while True:
        while (found := _one(data)) is None:
            more = peer.connection.recv(65536)
            if not more:
                return
            data += more
        opcode, text, data = found
        yield opcode, text


def _one(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame of a client's bytes, and the rest; None where it is not whole. Questions here are short."""
    if len(data) < 6:
        return None
    size, at = data[1] & 0x7F, 2
    if size == 126:
        size, at = struct.unpack(">H", data[2:4])[0], 4
    if len(data) < at + 4 + size:
        return None
    mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
    return data[0] & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(body)), data[at + 4 + size :]


# What the servers do


def opened(peer: Peer, *headers: str, accept: str | None = None) -> None:
    """Answer the handshake."""
    key = peer.request.headers.get("sec-websocket-key", "")
    right = base64.b64encode(hashlib.sha1(f"{key}{GUID}".encode()).digest()).decode()
    lines = ("upgrade: websocket", "connection: Upgrade", f"sec-websocket-accept: {accept or right}", *headers)
    peer.send(head_of("101 Switching Protocols", *lines))


def chats(*answers: tuple[bytes, ...], greeting: bytes = b"", headers: tuple[str, ...] = ()) -> Behaviour:
    """A handshake, then for each question the bytes of its answer; the last ones go on. Says goodbye when told to."""

    def behave(peer: Peer) -> None:
        opened(peer, *headers)
        peer.send(greeting)
        left = list(answers)
        for opcode, _ in heard(peer):
            if opcode == CLOSE:
                peer.send(BYE)
                return
            for data in left.pop(0) if len(left) > 1 else left[0]:
                peer.send(data)

    return behave


def breaks(*pieces: bytes, end: Callable[[Peer], None] = lambda peer: None) -> Behaviour:
    """A handshake, one question, these bytes, and the connection is gone."""

    def behave(peer: Peer) -> None:
        opened(peer)
        for _ in heard(peer):
            for data in pieces:
                peer.send(data)
            end(peer)
            return

    return behave


def over_and_over(data: bytes, *, gap_s: float = 0.02) -> Behaviour:
    """A handshake, one question, then the same frames for ever."""

    def behave(peer: Peer) -> None:
        opened(peer)
        for _ in heard(peer):
            while peer.wait(gap_s):
                peer.send(data)

    return behave


def silent(peer: Peer) -> None:
    while peer.wait(0.05):
        pass


WELL = chats((piece("The moon"), piece(" pulls."), DONE))
at = partial(Case, talk="socket", well=WELL)
TALKATIVE = Template(path="/chat", body='{"text": "{prompt}"}', framing="websocket", answer="$.delta", quiet_s=0.3)
"""Nothing but silence ends its answers."""
GREETED = Template(
    path="/chat",
    body='{"text": "{prompt}", "s": "{session}"}',
    framing="websocket",
    answer="$.delta",
    done="$.done",
    steps=(Step(method="RECEIVE", keep=(("session", "$.session"),)),),
)

LIFELESS_SOCKETS: Mapping[str, Case] = {
    "socket_handshake_never_answered": at(server=silent, ends=TIMEOUT, detail=("0 bytes came",)),
    "socket_endless_headers": at(server=BEHAVIOURS["endless_headers"], ends=TIMEOUT),
    "socket_never_says_anything": at(server=breaks(end=silent), ends=TIMEOUT),
    "socket_never_ends": at(server=over_and_over(piece("on and on ")), ends=TIMEOUT, detail=("bytes came",)),
    "socket_pings_only": at(server=over_and_over(frame(b"hi", PING)), ends=TIMEOUT),
    "socket_never_done": at(server=breaks(piece("The moon"), end=silent), ends=TIMEOUT, detail=("bytes came",)),
    "socket_frame_never_whole": at(server=breaks(frame(b'{"delta', length=5000), end=silent), ends=TIMEOUT),
    "socket_fragments_for_ever": at(
        server=breaks(frame(b'{"delta": "', fin=False), end=lambda peer: over_fragments(peer)), ends=TIMEOUT
    ),
    "socket_never_quiet": at(
        server=over_and_over(piece("on ")), template=replace(TALKATIVE, quiet_s=1.0), ends=TIMEOUT
    ),
    "socket_greeting_never_comes": at(
        server=breaks(end=silent),
        template=GREETED,
        well=chats((piece(FINE), DONE), greeting=frame(b'{"session": "7"}')),
        ends=TIMEOUT,
    ),
}


def over_fragments(peer: Peer) -> None:
    while peer.wait(0.02):
        peer.send(frame(b"more ", CONTINUATION, fin=False))


SOCKETS: Mapping[str, Case] = {
    # The handshake
    "socket_forbidden": at(server=fixed(b"No.", status="403 Forbidden"), ends=REFUSED, detail=("403", "No.")),
    "socket_behind_a_login": at(
        server=fixed(b"", status="302 Found", headers=("location: /login",)), ends=REFUSED, detail=("302", "/login")
    ),
    "socket_redirects_to_another_host": at(
        server=fixed(b"", status="307 Moved", headers=("location: ws://elsewhere.example/chat",)),
        ends=REFUSED,
        detail=("elsewhere.example",),
    ),
    "socket_behind_a_captcha": at(
        server=fixed(CHALLENGE, status="403 Forbidden", kind="text/html"), ends=REFUSED, detail=("403",)
    ),
    "socket_limited": at(server=BEHAVIOURS["too_many"], ends=LIMITED, detail=("429",)),
    "socket_server_broken": at(server=BEHAVIOURS["broken_server"], ends=SERVER, detail=("500",)),
    "socket_answered_by_a_page": at(server=fixed(b"<html>Hi</html>", kind="text/html"), ends=REFUSED, detail=("200",)),
    "socket_handshake_is_no_http": at(server=BEHAVIOURS["not_http"], ends=CUT_OFF),
    "socket_hangs_up_on_the_handshake": at(server=BEHAVIOURS["hangs_up"], ends=CUT_OFF),
    "socket_resets_on_the_handshake": at(server=reset, ends=CUT_OFF),
    "socket_wrong_accept": at(server=lambda peer: opened(peer, accept="bm90IHRoaXMga2V5"), ends=GARBLED),
    "socket_protocol_unasked": at(server=lambda peer: opened(peer, "sec-websocket-protocol: soap"), ends=GARBLED),
    "socket_extension_unasked": at(
        server=lambda peer: opened(peer, "sec-websocket-extensions: permessage-deflate"), ends=GARBLED
    ),
    "socket_tls_expired": at(
        server=WELL,
        serve=partial(serving_tls, "expired"),
        heals=False,
        ends=CONNECT,
        detail=("certificate has expired",),
    ),
    # Its end
    "socket_drops_in_the_middle": at(server=breaks(piece("The moon")), ends=CUT_OFF),
    "socket_drops_within_a_frame": at(server=breaks(frame(b'{"delta', length=500)), ends=CUT_OFF),
    "socket_resets_in_the_middle": at(server=breaks(piece("The moon"), end=reset), ends=CUT_OFF),
    "socket_closes_before_the_answer": at(server=breaks(BYE), ends=GARBLED, detail=("no frame",)),
    "socket_closes_in_the_middle": at(server=breaks(piece("The moon"), BYE), ends=CUT_OFF, detail=("$.done",)),
    "socket_closes_with_an_error": at(
        server=breaks(closing(1011, "upstream is gone")), ends=CUT_OFF, detail=("1011", "upstream is gone")
    ),
    "socket_closes_for_its_rules": at(server=breaks(closing(1008, "log in first")), ends=REFUSED, detail=("log in",)),
    "socket_closes_with_4401": at(server=breaks(closing(4401)), ends=REFUSED, detail=("4401",)),
    "socket_closes_with_no_code": at(server=breaks(frame(b"", CLOSE)), ends=GARBLED, detail=("no frame",)),
    "socket_closes_with_a_bad_code": at(server=breaks(closing(1005)), ends=GARBLED),
    "socket_closes_with_half_a_code": at(server=breaks(frame(b"\x03", CLOSE)), ends=GARBLED),
    "socket_quiet_and_then_closed": at(server=breaks(piece(FINE), BYE), template=TALKATIVE, ends=FINE),
    # Frames
    "socket_reserved_bits": at(server=breaks(frame(b"{}", reserved=4)), ends=GARBLED),
    "socket_unknown_opcode": at(server=breaks(frame(b"{}", 3)), ends=GARBLED),
    "socket_masked_frames": at(server=breaks(b"\x81\x82\0\0\0\0{}"), ends=GARBLED),
    "socket_invalid_utf8": at(server=chats((frame(b'{"delta": "caf\xe9"}'), DONE)), ends=GARBLED),
    "socket_continues_nothing": at(server=breaks(frame(b"{}", CONTINUATION)), ends=GARBLED),
    "socket_ping_in_pieces": at(server=breaks(frame(b"hi", PING, fin=False)), ends=GARBLED),
    "socket_ping_too_long": at(server=breaks(frame(b"a" * 126, PING)), ends=GARBLED),
    "socket_frame_of_a_petabyte": at(server=breaks(frame(b"{", length=10**15)), ends=CUT_OFF, detail=("2,000,000",)),
    "socket_frame_of_three_megabytes": at(server=breaks(piece("a" * 3_000_000)), ends=CUT_OFF, detail=("2,000,000",)),
    "socket_many_megabytes": at(server=breaks(*[piece("a" * 100_000)] * 40), ends=CUT_OFF, detail=("2,000,000",)),
    "socket_answer_in_fragments": at(
        server=chats(
            (frame(b'{"delta": "The', fin=False), frame(b"hi", PING), frame(b' moon pulls."}', CONTINUATION), DONE)
        ),
        ends=FINE,
    ),
    # What is said
    "socket_binary_frames_only": at(server=breaks(frame(b"\xff\xd8\xff\xe0", BINARY), BYE), ends=GARBLED),
    "socket_json_in_binary_frames": at(server=chats((frame(b'{"delta": "The moon pulls."}', BINARY), DONE)), ends=FINE),
    "socket_invalid_json": at(server=chats((frame(b'{"delta": '), DONE)), ends=GARBLED, detail=("not JSON",)),
    "socket_error_object": at(
        server=chats((frame(b'{"error": "upstream is gone"}'),)), ends=SERVER, detail=("upstream is gone",)
    ),
    "socket_error_in_the_middle": at(
        server=chats((piece("The moon"), frame(b'{"error": "upstream is gone"}'))), ends=SERVER, detail=("upstream",)
    ),
    "socket_empty_answer": at(server=chats((piece(""), DONE)), ends=GARBLED, detail=("empty",)),
    "socket_answer_elsewhere": at(server=chats((frame(b'{"text": "Hi"}'), DONE)), ends=GARBLED, detail=("$.delta",)),
    "socket_nested_too_deeply": at(server=chats((frame(b'{"delta": ' + b"[" * 100_000), DONE)), ends=GARBLED),
    "socket_repeats_the_prompt": at(server=chats((piece(QUESTION), DONE)), ends=QUESTION),
    "socket_answers_the_previous_question": at(
        server=chats((piece("First."), DONE, piece("Late."), DONE), (piece("Second."), DONE)),
        turns=(QUESTION, "And why two a day?"),
        ends="Second.",
    ),
    "socket_greeting_without_its_session": at(
        server=chats((piece(FINE), DONE), greeting=frame(b'{"hello": 1}')),
        template=GREETED,
        well=chats((piece(FINE), DONE), greeting=frame(b'{"session": "7"}')),
        ends=GARBLED,
        detail=("$.session",),
    ),
}
"""Those that end by themselves."""
