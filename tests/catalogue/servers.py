"""The catalogue of endpoints over HTTP: servers that misbehave in one named way each, behind known APIs and templates.

Those of tests/ways/misbehaving.py stand here by their names, each behind another API than the one it was written for.
"""

import gzip
import socket
import struct
import zlib
from collections.abc import Mapping
from functools import partial

from tests.catalogue.case import FINE, NDJSON, QUESTION, SSE, TALKS, Case, body_of, says
from tests.catalogue.tls import serving_tls
from tests.ways.misbehaving import (
    BEHAVIOURS,
    CRLF,
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Peer,
    chunk,
    error_body,
    fixed,
    raw,
)
from wrapdetect.model import FailureKind, Step, Template

CONNECT, TIMEOUT, REFUSED = FailureKind.CONNECT, FailureKind.TIMEOUT, FailureKind.REFUSED
LIMITED, SERVER, GARBLED, CUT_OFF = (
    FailureKind.LIMITED,
    FailureKind.SERVER,
    FailureKind.GARBLED,
    FailureKind.CUT_OFF,
)
UNENDING_S = 3.0
"""The limit on time where a server would go on for ever; all of these are asked at once."""

LOGIN = b"<!DOCTYPE html><html><body><form action=/login>Log in<input type=password></form></body></html>"
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Verify you are human</body></html>"


# What the servers do


def streamed(talk: str, *texts: str, end: bytes = b"", last: bytes = LAST_CHUNK) -> Behaviour:
    """Pieces of an answer, a chunk each, then whatever bytes of the stream follow; by default it ends there, unsaid."""
    head = STREAM_HEAD.replace(SSE.encode(), TALKS[talk].kind.encode())
    return raw(head, *(chunk(TALKS[talk].piece(t)) for t in texts), chunk(end) if end else b"", last)


def body(talk: str, data: bytes, *headers: str) -> Behaviour:
    """These bytes under the content type that is due."""
    return fixed(data, kind=TALKS[talk].kind, headers=headers)


def tagged(talk: str, head: bytes) -> Behaviour:
    """A whole good answer behind a head of its own."""
    return raw(head, body_of(talk, FINE))


def until_told(*pieces: bytes, head: bytes = STREAM_HEAD, gap_s: float = 0.02) -> Behaviour:
    """The head, then the pieces over and over."""

    def behave(peer: Peer) -> None:
        peer.send(head)
        while peer.wait(gap_s):
            for piece in pieces:
                peer.send(piece)

    return behave


def slow_head(peer: Peer) -> None:
    """A byte of the status line now and then."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x-slow: " + b"a" * 1000:
        peer.send(bytes([byte]))
        if not peer.wait(0.2):
            return


def stalls(data: bytes) -> Behaviour:
    """These bytes, then silence on an open connection."""

    def behave(peer: Peer) -> None:
        peer.send(data)
        while peer.wait(0.05):
            pass

    return behave


def resets_at_once(peer: Peer) -> None:
    """RST instead of an answer."""
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def moved_to_itself(peer: Peer) -> None:
    path = peer.request.head.split(" ")[1]
    fixed(b"", status="302 Found", headers=(f"location: {path}",))(peer)


def ping_pong(peer: Peer) -> None:
    """Two addresses that lead to one another."""
    path = peer.request.head.split(" ")[1]
    other = "/v1/b" if path.endswith("/a") else "/v1/a"
    fixed(b"", status="302 Found", headers=(f"location: {other}",))(peer)


def head_of(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def by_path(answers: Mapping[str, Behaviour]) -> Behaviour:
    """The behaviour whose path the request ends with."""

    def behave(peer: Peer) -> None:
        path = peer.request.head.split(" ")[1].partition("?")[0]
        next(b for end, b in answers.items() if path.endswith(end))(peer)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour after the other; the last goes on."""
    left = list(behaviours)
    return lambda peer: (left.pop(0) if len(left) > 1 else left[0])(peer)


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


def endless(name: str) -> Behaviour:
    """One of misbehaving.py's."""
    return BEHAVIOURS[name]


# The catalogue

LIFELESS: Mapping[str, Case] = {
    "one_byte_a_second": Case(
        talk="responses_stream", server=endless("one_byte_a_second"), ends=TIMEOUT, detail=("bytes came",)
    ),
    "never_ends": Case(talk="openai_stream", server=endless("never_ending"), ends=TIMEOUT, detail=("bytes came",)),
    "headers_never_come": Case(
        talk="anthropic_plain", server=endless("headers_never_come"), ends=TIMEOUT, detail=("0 bytes came",)
    ),
    "early_hints_for_ever": Case(
        talk="ollama_plain", server=endless("endless_informational"), ends=TIMEOUT, detail=("0 bytes came",)
    ),
    "one_byte_of_head_at_a_time": Case(talk="gemini_plain", server=slow_head, ends=TIMEOUT, detail=("0 bytes came",)),
    "keepalive_comments_only": Case(
        talk="gemini_stream", server=until_told(chunk(b": keep-alive\n\n")), ends=TIMEOUT, detail=("bytes came",)
    ),
    "pings_only": Case(
        talk="anthropic_stream",
        server=until_told(chunk(b'event: ping\ndata: {"type": "ping"}\n\n')),
        ends=TIMEOUT,
        detail=("bytes came",),
    ),
    "blank_lines_only": Case(
        talk="ollama_stream", server=until_told(chunk(b"\n")), ends=TIMEOUT, detail=("bytes came",)
    ),
    "stalls_in_the_middle": Case(
        talk="openai_stream",
        server=stalls(STREAM_HEAD + chunk(TALKS["openai_stream"].piece("half"))),
        ends=TIMEOUT,
        detail=("bytes came",),
    ),
    "stalls_before_the_last_byte": Case(
        talk="openai_plain",
        server=stalls(
            head_of("200 OK", "content-type: application/json", f"content-length: {len(body_of('openai_plain', FINE))}")
            + body_of("openai_plain", FINE)[:-1]
        ),
        ends=TIMEOUT,
        detail=("bytes came",),
    ),
    "refusal_without_end": Case(
        talk="openai_stream",
        server=stalls(head_of("403 Forbidden", "content-length: 500") + b"Go away"),
        ends=REFUSED,
        detail=("HTTP 403 Forbidden", "Go away"),
    ),
    "tells_a_limit_without_end": Case(
        talk="template_body",
        server=stalls(head_of("429 Too Many Requests", "content-length: 500") + b"Slow"),
        ends=LIMITED,
        detail=("HTTP 429",),
    ),
    "template_never_ends": Case(
        talk="template_sse",
        server=until_told(chunk(TALKS["template_sse"].piece("on and on "))),
        ends=TIMEOUT,
    ),
    "text_never_ends": Case(talk="template_text", server=until_told(chunk(b"on and on ")), ends=TIMEOUT),
    "handshake_never_answers": Case(
        talk="template_body",
        template=Template(
            body='{"m": "{prompt}", "t": "{token}"}',
            answer="$.reply",
            steps=(Step(path="/session", keep=(("token", "$.token"),)),),
        ),
        server=stalls(b""),
        well=by_path({"/session": fixed(b'{"token": "a1"}'), "": says("template_body", FINE)}),
        ends=TIMEOUT,
        detail=("/session",),
    ),
}
"""Those that go on for ever; all of them are put at once, with a small limit on time."""

GOOD = body_of("openai_plain", FINE)
PLAIN = ("content-type: application/json", f"content-length: {len(GOOD)}")

HTTP: Mapping[str, Case] = {
    # The connection
    "hangs_up": Case(talk="anthropic_plain", server=BEHAVIOURS["hangs_up"], ends=CUT_OFF, detail=("0 bytes",)),
    "resets_at_once": Case(talk="ollama_stream", server=resets_at_once, ends=CUT_OFF, detail=("0 bytes",)),
    "resets_in_the_middle": Case(talk="gemini_stream", server=BEHAVIOURS["resets"], ends=CUT_OFF),
    "mail_server": Case(talk="responses_plain", server=BEHAVIOURS["not_http"], ends=CUT_OFF),
    "invalid_status_line": Case(
        talk="template_body", server=BEHAVIOURS["invalid_status_line"], ends=CUT_OFF, detail=("illegal status line",)
    ),
    "http_0_9": Case(talk="openai_plain", server=raw(GOOD), ends=CUT_OFF),
    "status_of_two_digits": Case(talk="openai_plain", server=raw(b"HTTP/1.1 20 OK\r\n\r\n"), ends=CUT_OFF),
    "endless_headers": Case(talk="ollama_plain", server=BEHAVIOURS["endless_headers"], ends=CUT_OFF),
    "http_2_preface": Case(
        talk="openai_stream", server=raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)), ends=CUT_OFF
    ),
    # TLS
    "tls_expired": Case(
        talk="openai_plain",
        server=says("openai_plain", FINE),
        serve=partial(serving_tls, "expired"),
        heals=False,
        ends=CONNECT,
        detail=("certificate has expired",),
    ),
    "tls_not_valid_yet": Case(
        talk="anthropic_stream",
        server=says("anthropic_stream", FINE),
        serve=partial(serving_tls, "not_yet"),
        heals=False,
        ends=CONNECT,
        detail=("not yet valid",),
    ),
    "tls_of_another_host": Case(
        talk="template_body",
        server=says("template_body", FINE),
        serve=partial(serving_tls, "elsewhere"),
        heals=False,
        ends=CONNECT,
        detail=("not valid for '127.0.0.1'",),
    ),
    "tls_self_signed": Case(
        talk="ollama_stream",
        server=says("ollama_stream", FINE),
        serve=partial(serving_tls, "self_signed"),
        heals=False,
        ends=CONNECT,
        detail=("self-signed certificate",),
    ),
    "tls_good": Case(
        talk="gemini_stream", server=says("gemini_stream", FINE), serve=partial(serving_tls, "good"), ends=FINE
    ),
    # Lengths and codings
    "http_1_0_without_length": Case(
        talk="responses_plain",
        server=tagged("responses_plain", b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"),
        ends=FINE,
    ),
    "http_1_1_without_length": Case(
        talk="template_ndjson",
        server=tagged("template_ndjson", head_of("200 OK", f"content-type: {NDJSON}")),
        ends=FINE,
    ),
    "short_of_its_length": Case(talk="gemini_plain", server=BEHAVIOURS["short_of_its_length"], ends=CUT_OFF),
    "longer_than_its_length": Case(
        talk="openai_plain", server=raw(head_of("200 OK", *PLAIN) + GOOD + b"HTTP/1.1 500 Oops\r\n\r\n"), ends=FINE
    ),
    "two_lengths": Case(
        talk="openai_plain", server=raw(head_of("200 OK", *PLAIN, "content-length: 3") + GOOD), ends=CUT_OFF
    ),
    "length_is_no_number": Case(
        talk="openai_stream", server=raw(head_of("200 OK", "content-length: many") + GOOD), ends=CUT_OFF
    ),
    "length_beyond_all_bounds": Case(
        talk="template_body", server=raw(head_of("200 OK", f"content-length: {10**18}") + b"{"), ends=CUT_OFF
    ),
    "chunk_size_is_no_number": Case(
        talk="anthropic_stream", server=raw(STREAM_HEAD, b"xyz\r\ndata: \r\n"), ends=CUT_OFF
    ),
    "chunk_size_beyond_all_bounds": Case(
        talk="template_sse", server=raw(STREAM_HEAD, b"ffffffffffffffff\r\ndata: "), ends=CUT_OFF
    ),
    "cut_within_a_chunk": Case(talk="responses_stream", server=BEHAVIOURS["truncated_chunked"], ends=CUT_OFF),
    "without_the_last_chunk": Case(
        talk="ollama_stream", server=streamed("ollama_stream", "half", last=b""), ends=CUT_OFF
    ),
    "unknown_transfer_coding": Case(
        talk="openai_plain", server=raw(head_of("200 OK", "transfer-encoding: rot13") + GOOD), ends=CUT_OFF
    ),
    "trailers_and_chunk_extensions": Case(
        talk="gemini_stream",
        server=raw(
            STREAM_HEAD,
            f"{len(body_of('gemini_stream', FINE)):x};name=value\r\n".encode(),
            body_of("gemini_stream", FINE) + CRLF,
            b"0\r\nx-checksum: 7\r\n\r\n",
        ),
        ends=FINE,
    ),
    "one_byte_a_chunk": Case(
        talk="anthropic_stream",
        server=raw(
            STREAM_HEAD,
            b"".join(chunk(bytes([b])) for b in body_of("anthropic_stream", "The moon", " pulls.")),
            LAST_CHUNK,
        ),
        ends=FINE,
    ),
    "early_hints_and_then_fine": Case(
        talk="openai_plain",
        server=raw(
            head_of("103 Early Hints", "link: </a.css>"), head_of("100 Continue"), head_of("200 OK", *PLAIN), GOOD
        ),
        ends=FINE,
    ),
    "header_of_sixty_kilobytes": Case(
        talk="template_body",
        server=body("template_body", body_of("template_body", FINE), "x-a: " + "a" * 60_000),
        ends=FINE,
    ),
    "header_with_a_zero_byte": Case(talk="openai_plain", server=body("openai_plain", GOOD, "x-a: a\0b"), ends=CUT_OFF),
    "folded_header": Case(talk="openai_plain", server=body("openai_plain", GOOD, "x-a: a\r\n b"), ends=FINE),
    # Content codings
    "gzip_bomb": Case(talk="anthropic_plain", server=BEHAVIOURS["gzip_bomb"], ends=CUT_OFF, detail=("grows past",)),
    "gzip_bomb_in_a_stream": Case(
        talk="template_ndjson",
        server=body("template_ndjson", gzip.compress(bytes(40_000_000), 1), "content-encoding: gzip"),
        ends=CUT_OFF,
        detail=("grows past",),
    ),
    "gzip_inside_gzip": Case(
        talk="template_body",
        server=body(
            "template_body", gzip.compress(gzip.compress(body_of("template_body", FINE))), "content-encoding: gzip"
        ),
        ends=GARBLED,
    ),
    "gzip_cut_in_the_middle": Case(
        talk="openai_plain",
        server=body("openai_plain", gzip.compress(GOOD)[:-20], "content-encoding: gzip"),
        ends=GARBLED,
    ),
    "gzip_unasked_but_whole": Case(
        talk="ollama_stream",
        server=body("ollama_stream", gzip.compress(body_of("ollama_stream", FINE)), "content-encoding: gzip"),
        ends=FINE,
    ),
    "gzip_by_name_only": Case(
        talk="responses_plain",
        server=body("responses_plain", body_of("responses_plain", FINE), "content-encoding: gzip"),
        ends=GARBLED,
        detail=("damaged gzip",),
    ),
    "brotli_unasked": Case(
        talk="gemini_plain", server=BEHAVIOURS["unasked_brotli"], ends=GARBLED, detail=("content-encoding br",)
    ),
    # Statuses
    "redirects_in_a_loop": Case(talk="openai_plain", server=moved_to_itself, ends=REFUSED, detail=("redirects to",)),
    "redirects_to_another_host": Case(
        talk="anthropic_plain", server=BEHAVIOURS["moved"], ends=REFUSED, detail=("https://elsewhere.example/v1",)
    ),
    "template_redirects_in_a_loop": Case(
        talk="template_body",
        template=Template(method="GET", path="/a?q={prompt}", answer="$.reply"),
        server=ping_pong,
        ends=REFUSED,
        detail=("redirects to",),
    ),
    "template_redirects_to_another_host": Case(
        talk="template_text",
        server=fixed(b"", status="307 Temporary Redirect", headers=("location: http://elsewhere.example/chat",)),
        ends=REFUSED,
        detail=("http://elsewhere.example/chat",),
    ),
    "not_modified": Case(talk="openai_plain", server=raw(head_of("304 Not Modified")), ends=REFUSED, detail=("304",)),
    "no_content": Case(talk="template_sse", server=BEHAVIOURS["no_content"], ends=GARBLED, detail=("empty",)),
    "payment_required": Case(
        talk="openai_stream",
        server=fixed(error_body("You exceeded your current quota"), status="402 Payment Required"),
        ends=REFUSED,
        detail=("402", "quota"),
    ),
    "too_large_a_question": Case(
        talk="gemini_plain", server=fixed(b"", status="413 Content Too Large"), ends=REFUSED, detail=("413",)
    ),
    "unavailable_for_legal_reasons": Case(
        talk="template_body",
        server=fixed(b"", status="451 Unavailable For Legal Reasons"),
        ends=REFUSED,
        detail=("451",),
    ),
    "teapot_without_reason": Case(
        talk="anthropic_plain", server=raw(b"HTTP/1.1 418\r\ncontent-length: 0\r\n\r\n"), ends=REFUSED, detail=("418",)
    ),
    "status_999": Case(
        talk="openai_plain", server=fixed(b"", status="999 Request Denied"), ends=SERVER, detail=("999",)
    ),
    "switches_protocols": Case(
        talk="openai_plain", server=raw(head_of("101 Switching Protocols", "upgrade: h2c")), ends=CUT_OFF
    ),
    "too_many_requests": Case(
        talk="responses_stream", server=BEHAVIOURS["too_many"], ends=LIMITED, detail=("HTTP 429",)
    ),
    "limit_told_by_a_page": Case(
        talk="template_sse", server=fixed(CHALLENGE, status="429 Too Many Requests", kind="text/html"), ends=LIMITED
    ),
    "five_hundred_then_fine": Case(
        talk="openai_stream",
        server=in_turn(fixed(b"", status="500 Internal Server Error"), says("openai_stream", FINE)),
        ends=SERVER,
        detail=("HTTP 500",),
    ),
    "template_five_hundred_then_fine": Case(
        talk="template_body",
        server=in_turn(fixed(b"oops", status="502 Bad Gateway"), says("template_body", FINE)),
        ends=SERVER,
        detail=("HTTP 502", "oops"),
    ),
    "overloaded": Case(
        talk="anthropic_stream",
        server=fixed(
            b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
            status="529 Overloaded",
        ),
        ends=SERVER,
        detail=("529", "Overloaded"),
    ),
    "service_unavailable": Case(talk="ollama_stream", server=BEHAVIOURS["overloaded"], ends=SERVER, detail=("503",)),
    # Walls
    "captcha_instead_of_an_api": Case(
        talk="openai_stream",
        server=fixed(CHALLENGE, status="403 Forbidden", kind="text/html"),
        ends=REFUSED,
        detail=("403", "Verify you are human"),
    ),
    "captcha_as_200": Case(
        talk="template_body", server=fixed(CHALLENGE, kind="text/html"), ends=GARBLED, detail=("HTML page",)
    ),
    "login_page_as_200": Case(
        talk="gemini_stream", server=fixed(LOGIN, kind="text/html"), ends=GARBLED, detail=("HTML page",)
    ),
    "login_page_in_a_stream": Case(
        talk="template_sse", server=body("template_sse", LOGIN), ends=GARBLED, detail=("HTML page", "login")
    ),
    "login_by_redirect": Case(
        talk="template_ndjson",
        server=fixed(b"", status="303 See Other", headers=("location: /login?next=/chat",)),
        ends=REFUSED,
        detail=("/login",),
    ),
    "session_expired": Case(
        talk="template_body",
        server=fixed(b'{"detail": "session expired"}', status="401 Unauthorized"),
        ends=REFUSED,
        detail=("401", "session expired"),
    ),
    # JSON
    "wrong_content_type_of_good_json": Case(
        talk="gemini_plain", server=fixed(body_of("gemini_plain", FINE), kind="image/png"), ends=FINE
    ),
    "json_where_a_stream_is_due": Case(
        talk="anthropic_stream", server=fixed(body_of("anthropic_plain", FINE)), ends=FINE
    ),
    "stream_labelled_as_text": Case(
        talk="responses_stream", server=fixed(body_of("responses_stream", FINE), kind="text/plain"), ends=FINE
    ),
    "invalid_json": Case(
        talk="anthropic_plain", server=fixed(b"{'content': None}"), ends=GARBLED, detail=("not JSON",)
    ),
    "json_with_a_guard": Case(
        talk="openai_plain", server=fixed(b")]}',\n" + GOOD), ends=GARBLED, detail=("not JSON: )]}'",)
    ),
    "json_in_brackets_of_a_call": Case(talk="template_body", server=fixed(b"callback({});"), ends=GARBLED),
    "json_with_a_tail": Case(
        talk="responses_plain", server=fixed(body_of("responses_plain", FINE) + b"}}"), ends=GARBLED
    ),
    "two_json_objects": Case(talk="openai_plain", server=fixed(GOOD + GOOD), ends=GARBLED),
    "json_list": Case(talk="gemini_plain", server=BEHAVIOURS["json_list"], ends=GARBLED, detail=("list",)),
    "json_null": Case(talk="ollama_plain", server=fixed(b"null"), ends=GARBLED, detail=("NoneType",)),
    "json_number_for_a_text": Case(
        talk="openai_plain",
        server=fixed(b'{"choices": [{"message": {"content": 42}}]}'),
        ends="42",
    ),
    "json_nested_too_deeply": Case(talk="anthropic_plain", server=BEHAVIOURS["deeply_nested_json"], ends=GARBLED),
    "template_nested_too_deeply": Case(
        talk="template_body", server=fixed(b'{"reply": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), ends=GARBLED
    ),
    "number_of_ten_thousand_digits": Case(
        talk="openai_plain", server=fixed(b'{"choices": ' + b"9" * 10_000 + b"}"), ends=GARBLED
    ),
    "choices_are_empty": Case(talk="openai_plain", server=fixed(b'{"choices": []}'), ends=GARBLED),
    "another_api": Case(
        talk="openai_plain", server=says("anthropic_plain", FINE), ends=GARBLED, detail=("no choices",)
    ),
    "not_found_as_200": Case(
        talk="anthropic_plain", server=fixed(b'{"detail": "Not Found"}'), ends=REFUSED, detail=("Not Found",)
    ),
    "error_object_as_200": Case(
        talk="gemini_plain", server=BEHAVIOURS["error_as_200"], ends=SERVER, detail=("upstream is gone",)
    ),
    "template_error_object_as_200": Case(
        talk="template_body", server=BEHAVIOURS["error_as_200"], ends=SERVER, detail=("upstream is gone",)
    ),
    "answer_elsewhere_than_said": Case(
        talk="template_body", server=fixed(b'{"answer": "Hi."}'), ends=GARBLED, detail=("$.reply", "finds nothing")
    ),
    "empty_body": Case(talk="template_ndjson", server=body("template_ndjson", b""), ends=GARBLED, detail=("empty",)),
    "empty_answer": Case(talk="ollama_plain", server=says("ollama_plain", ""), ends=GARBLED, detail=("empty",)),
    "blank_answer": Case(talk="template_text", server=body("template_text", b" \n\t "), ends=GARBLED),
    # Letters
    "invalid_utf8": Case(
        talk="template_body", server=fixed(b'{"reply": "caf\xe9"}'), ends=GARBLED, detail=("byte 0xe9",)
    ),
    "mixed_encodings": Case(
        talk="template_ndjson",
        server=body(
            "template_ndjson",
            '{"delta": "caf\u00e9"}\n'.encode() + '{"delta": "caf\u00e9"}\n{"done": true}\n'.encode("latin-1"),
        ),
        ends=GARBLED,
        detail=("byte 0xe9",),
    ),
    "utf16": Case(talk="openai_plain", server=fixed(GOOD.decode().encode("utf-16")), ends=GARBLED),
    "byte_order_mark": Case(
        talk="openai_stream", server=body("openai_stream", b"\xef\xbb\xbf" + body_of("openai_stream", FINE)), ends=FINE
    ),
    "half_a_surrogate_pair": Case(
        talk="template_body", server=fixed(rb'{"reply": "The moon \ud83c pulls."}'), ends="The moon \ufffd pulls."
    ),
    "letter_cut_in_two": Case(
        talk="template_text",
        server=body("template_text", "La mar\u00e9".encode()[:-1]),
        ends=CUT_OFF,
        detail=("letter",),
    ),
    "zero_bytes_in_the_text": Case(
        talk="anthropic_plain", server=fixed(body_of("anthropic_plain", "The\0moon")), ends="The\0moon"
    ),
    "terminal_codes_in_the_text": Case(
        talk="openai_plain", server=says("openai_plain", "\x1b[2J\x1b]0;owned\x07"), ends="\x1b[2J\x1b]0;owned\x07"
    ),
    # Streams
    "stream_without_its_end": Case(
        talk="openai_stream", server=streamed("openai_stream", "The moon"), ends=CUT_OFF, detail=("[DONE]",)
    ),
    "messages_without_message_stop": Case(
        talk="anthropic_stream", server=streamed("anthropic_stream", "The moon"), ends=CUT_OFF, detail=("message_stop",)
    ),
    "responses_without_completed": Case(
        talk="responses_stream",
        server=streamed("responses_stream", "The moon"),
        ends=CUT_OFF,
        detail=("response.completed",),
    ),
    "ollama_without_done": Case(
        talk="ollama_stream", server=streamed("ollama_stream", "The moon"), ends=CUT_OFF, detail=("done",)
    ),
    "gemini_without_finish": Case(
        talk="gemini_stream", server=streamed("gemini_stream", "The moon"), ends=CUT_OFF, detail=("finishReason",)
    ),
    "template_without_its_end": Case(
        talk="template_ndjson", server=streamed("template_ndjson", "The moon"), ends=CUT_OFF, detail=("$.done",)
    ),
    "error_event_in_the_middle": Case(
        talk="anthropic_stream",
        server=streamed(
            "anthropic_stream",
            "The moon",
            end=b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}\n\n',
        ),
        ends=SERVER,
        detail=("Busy",),
    ),
    "error_line_in_the_middle": Case(
        talk="ollama_stream",
        server=streamed("ollama_stream", "The moon", end=b'{"error": "model runner has stopped"}\n'),
        ends=SERVER,
        detail=("model runner has stopped",),
    ),
    "template_error_in_the_middle": Case(
        talk="template_sse",
        server=streamed("template_sse", "The moon", end=b'data: {"error": "quota of the upstream"}\n\n'),
        ends=LIMITED,
        detail=("quota of the upstream",),
    ),
    "response_failed": Case(
        talk="responses_stream",
        server=streamed(
            "responses_stream",
            "The moon",
            end=b'data: {"type": "response.failed", "response": {"status": "failed", "error": {"code": "gone"}}}\n\n',
        ),
        ends=SERVER,
        detail=("gone",),
    ),
    "only_done": Case(talk="openai_stream", server=body("openai_stream", b"data: [DONE]\n\n"), ends=GARBLED),
    "comments_and_then_nothing": Case(
        talk="gemini_stream", server=body("gemini_stream", b": hi\n\n: hi\n\n"), ends=GARBLED
    ),
    "event_of_no_json": Case(
        talk="openai_stream",
        server=streamed("openai_stream", "The moon", end=b"data: oops\n\n"),
        ends=GARBLED,
        detail=("oops",),
    ),
    "lines_ended_by_carriage_returns": Case(
        talk="gemini_stream",
        server=body("gemini_stream", body_of("gemini_stream", FINE).replace(b"\n", b"\r")),
        ends=FINE,
    ),
    "line_torn_at_the_end": Case(
        talk="template_ndjson", server=streamed("template_ndjson", "The moon", end=b'{"delta": " pul'), ends=CUT_OFF
    ),
    "one_gigabyte": Case(
        talk="responses_stream", server=BEHAVIOURS["one_gigabyte"], ends=CUT_OFF, detail=("2,000,000",)
    ),
    "one_line_without_end": Case(
        talk="template_ndjson",
        server=raw(STREAM_HEAD, *[chunk(b'{"delta": "' + b"a" * 300_000)] * 10),
        ends=CUT_OFF,
        detail=("2,000,000",),
    ),
    "goes_on_after_its_end": Case(
        talk="openai_stream",
        server=streamed("openai_stream", FINE, end=b"data: [DONE]\n\n" + TALKS["openai_stream"].piece(" And more.")),
        ends=FINE,
    ),
    "template_goes_on_after_its_end": Case(
        talk="template_sse",
        server=streamed("template_sse", FINE, end=b"data: [DONE]\n\n" + TALKS["template_sse"].piece(" And more.")),
        ends=FINE,
    ),
    # What is said
    "answers_the_previous_question": Case(
        talk="template_body",
        server=in_turn(
            says("template_body", "Nothing was asked yet."), says("template_body", f"You asked: {QUESTION}")
        ),
        turns=(QUESTION, "And why two a day?"),
        ends=f"You asked: {QUESTION}",
    ),
    "repeats_the_prompt": Case(talk="openai_stream", server=says("openai_stream", QUESTION), ends=QUESTION),
    "question_blocked": Case(
        talk="gemini_plain",
        server=fixed(b'{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}'),
        ends=REFUSED,
        detail=("PROHIBITED_CONTENT",),
    ),
    "answer_withheld": Case(
        talk="gemini_stream",
        server=body("gemini_stream", b'data: {"candidates": [{"finishReason": "SAFETY"}]}\n\n'),
        ends=REFUSED,
        detail=("SAFETY",),
    ),
    "classifier_refuses": Case(
        talk="anthropic_plain",
        server=fixed(b'{"content": [], "stop_reason": "refusal"}'),
        ends=REFUSED,
        detail=("refusal",),
    ),
    "thinks_and_says_nothing": Case(
        talk="anthropic_plain",
        server=fixed(b'{"content": [{"type": "thinking", "thinking": "Hm."}], "stop_reason": "max_tokens"}'),
        ends=GARBLED,
        detail=("empty",),
    ),
    "calls_a_tool_instead": Case(
        talk="openai_plain",
        server=fixed(
            b'{"choices": [{"message": {"content": null, "tool_calls": [{"id": "a"}]}, "finish_reason": "tool_calls"}]}'
        ),
        ends=GARBLED,
        detail=("empty",),
    ),
    "model_only_loads": Case(
        talk="ollama_plain",
        server=fixed(
            b'{"model": "m", "message": {"role": "assistant", "content": ""}, "done_reason": "load", "done": true}'
        ),
        ends=GARBLED,
        detail=("empty",),
    ),
}
"""Those that end by themselves."""
