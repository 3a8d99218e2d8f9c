"""The looks over real HTTP on loopback: products, redirects, private addresses, time, bytes, TLS, keys."""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.targets.test_detect import CHAT_PAGE, FOUND, LOST, PRODUCTS, Product, answer_of, models, ok
from tests.ways.misbehaving import BEHAVIOURS, Behaviour, Peer, Server, fixed, serving
from wrapdetect.targets.detect import MOST_LOOKS, Detection, Look, Seen, detect
from wrapdetect.ways.look import Looker, observe

KEY = "sk-planted-0123456789abcdef"


def served(product: Product) -> Behaviour:
    """A product's scripted answers as HTTP."""

    def behave(peer: Peer) -> None:
        answer = answer_of(product, peer.request.head.split(" ")[1])
        body = answer.body.encode()
        headers = "".join(f"{k}: {v}\r\n" for k, v in answer.all_headers)
        head = f"HTTP/1.1 {answer.status} X\r\n{headers}content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        peer.send(head.encode() + body)

    return behave


def redirects(paths: dict[str, str]) -> Behaviour:
    """Leads these paths elsewhere; "{me}" in a place is the server's own origin. All else is a chat page."""

    def behave(peer: Peer) -> None:
        path = peer.request.head.split(" ")[1]
        if path in paths:
            where = paths[path].replace("{me}", f"http://{peer.request.headers['host']}")
            peer.send(f"HTTP/1.1 302 Found\r\nlocation: {where}\r\ncontent-length: 0\r\n\r\n".encode())
        else:
            served({"/": CHAT_PAGE, "/in/": CHAT_PAGE, "*": LOST})(peer)

    return behave


def base(server: Server) -> str:
    return server.url.removesuffix("/v1")


def seen_at(url: str, *, key: str | None = None, timeout_s: float = 10.0) -> tuple[Seen, ...]:
    return asyncio.run(observe(url, key=key, timeout_s=timeout_s))


def detected(behaviour: Behaviour) -> tuple[Detection, Server]:
    with serving(behaviour) as server:
        seen = seen_at(base(server))
    return detect(base(server), seen), server


def one_look(url: str, **more: float | int) -> Seen:
    """One look, with limits of the test's own."""

    async def go() -> Seen:
        async with Looker(**more) as looker:  # type: ignore[arg-type]  # limits are numbers
            return await looker.look(Look(name="page", url=url))

    return asyncio.run(go())


QUICK = ("openai", "gradio", "all is html")
"""Run always, the others with the slow tests: tests/targets/test_detect.py holds them all to their shapes."""


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FOUND])
def test_products_are_known_over_http_by_gets_alone(name: str) -> None:
    detection, server = detected(served(PRODUCTS[name]))
    found, dialect, path, model = FOUND[name]
    assert detection.endpoint is not None
    got = detection.endpoint
    assert (detection.found, got.dialect, got.url, got.model) == (found, dialect, base(server) + path, model)
    assert 2 <= len(server.requests) <= MOST_LOOKS
    assert {r.head.split(" ")[0] for r in server.requests} == {"GET"}
    assert not any(r.body or "cookie" in r.headers for r in server.requests)


def test_a_redirect_on_the_same_host_is_followed_and_becomes_the_page() -> None:
    detection, server = detected(redirects({"/": "/in/"}))
    assert detection.endpoint is not None
    assert (detection.endpoint.dialect, detection.endpoint.url) == ("page", f"{base(server)}/in")


def test_a_redirect_to_another_host_is_told_and_no_byte_goes_there() -> None:
    with serving(served(PRODUCTS["openai"])) as other:
        elsewhere = base(other).replace("127.0.0.1", "localhost")
        detection, server = detected(redirects({"/": f"{elsewhere}/chat?token=secret"}))
    assert other.requests == []
    assert len(server.requests) >= 1
    assert f"{elsewhere}/chat" in detection.why
    assert "secret" not in detection.why


def test_another_port_of_the_same_host_is_another_place() -> None:
    with serving(served(PRODUCTS["openai"])) as other:
        detected(redirects({"/": f"{base(other)}/", "/v1/models": f"{base(other)}/v1/models"}))
    assert other.requests == []


def test_redirects_in_a_loop_end_with_the_requests_that_are_allowed() -> None:
    loop = {"/": "/a", "/a": "{me}/"}
    detection, server = detected(redirects(loop))
    assert len(server.requests) == MOST_LOOKS
    assert detection.endpoint is None
    assert "leads on and on" in detection.why


def test_a_refused_connection_ends_it_at_once() -> None:
    with serving(fixed(b"")) as server:
        gone = base(server)
    (seen,) = seen_at(gone)
    assert seen.unreachable
    assert "no connection" in detect(gone, (seen,)).why


def test_a_public_name_that_leads_to_a_private_address_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(served(PRODUCTS["openai"])) as server:
        port = int(base(server).rpartition(":")[2])
        resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved)
        (seen,) = seen_at(f"http://bot.example:{port}", key=KEY)
    assert seen.unreachable
    assert "private address 127.0.0.1" in seen.failure
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("never_ending", "no whole answer within"),
        pytest.param("one_byte_a_second", "no whole answer within", marks=pytest.mark.slow),
        ("hangs_up", "broke"),
    ],
)
def test_a_page_that_never_comes_is_given_up(name: str, said: str) -> None:
    with serving(BEHAVIOURS[name]) as server:
        seen = one_look(server.url, timeout_s=0.4)
    assert said in seen.failure


def test_a_huge_page_is_read_up_to_the_limit_and_still_told() -> None:
    page = CHAT_PAGE.body + "x" * 3_000_000
    with serving(served({"*": ok(None)._replace(body=page)})) as server:
        seen = one_look(base(server), byte_limit=100_000)
    assert (seen.status, seen.cut, len(seen.text)) == (200, True, 100_000)
    found = detect(base(server), (seen,))
    assert found.endpoint is not None
    assert found.endpoint.dialect == "page"


@pytest.mark.parametrize("name", ["gzip_bomb", "one_gigabyte"])
def test_a_bomb_unfolds_within_the_limit(name: str) -> None:
    with serving(BEHAVIOURS[name]) as server:
        seen = one_look(server.url, byte_limit=50_000)
    assert len(seen.text) <= 50_000
    assert seen.cut or seen.failure


def test_a_list_that_comes_compressed_though_nobody_asked_is_read() -> None:
    def behave(peer: Peer) -> None:
        assert peer.request.headers["accept-encoding"] == "identity"
        body = gzip.compress(json.dumps(models("m-1")).encode())
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
        peer.send(head.encode() + body)

    detection, _ = detected(behave)
    assert detection.endpoint is not None
    assert detection.endpoint.model == "m-1"


def test_the_key_goes_out_in_its_header_only_and_never_comes_back() -> None:
    def echo(peer: Peer) -> None:
        said = json.dumps({"error": {"message": f"bad key {peer.request.headers.get('authorization')}"}})
        peer.send(f"HTTP/1.1 401 X\r\nx-echo: {KEY}\r\ncontent-length: {len(said)}\r\n\r\n{said}".encode())

    with serving(echo) as server:
        seen = seen_at(server.url, key=KEY)
        url = server.url
    asked = [r for r in server.requests if "/v1/models" in r.head]
    assert {r.headers.get("authorization") for r in asked} == {f"Bearer {KEY}"}
    assert all(KEY not in r.head.split("\r\n")[0] for r in server.requests)
    assert KEY not in repr(seen)
    assert KEY not in repr(detect(url, seen, key_env="BOT_KEY"))


def test_without_a_key_none_is_sent() -> None:
    _, server = detected(served(PRODUCTS["openai shut"]))
    assert not any({"authorization", "x-api-key", "x-goog-api-key"} & set(r.headers) for r in server.requests)


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(served(PRODUCTS["openai"])) as proxy, serving(served(PRODUCTS["ollama"])) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, base(proxy))
        seen_at(base(server))
    assert proxy.requests == []
    assert server.requests


def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path: Path) -> None:
    with tls_server(tmp_path) as port:
        (seen,) = seen_at(f"https://localhost:{port}")
    assert seen.unreachable
    assert "CERTIFICATE_VERIFY_FAILED" in seen.failure


@contextlib.contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """A server with a certificate of its own making."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection, context.wrap_socket(connection, server_side=True):
                pass

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def test_a_page_with_an_answer_of_500_is_told() -> None:
    detection, _ = detected(served(PRODUCTS["broken"]))
    assert detection.endpoint is None
    assert "answers 500" in detection.why
