"""Feeds fetched from servers on loopback: what is asked, what comes back, and one line for each way it can go wrong."""

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from wrapdetect.errors import FeedError
from wrapdetect.monitor.outside import Fetched
from wrapdetect.ways.status_pages import fetch, followed, plain_client

PAGE = b'{"page": {}, "incidents": []}'
MEGABYTE = 1_000_000


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says; keeps what it was asked."""

    server: "Server"
    timeout = 5

    def do_GET(self) -> None:
        self.server.heard.append({k.lower(): v for k, v in self.headers.items()} | {":path": self.path})
        try:
            self.server.answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """On a free port of loopback. `stop` is set when the test is over."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.heard: list[dict[str, str]] = []
        self.stop = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/v2/incidents.json"


@contextmanager
def serving(answer: Callable[[Handler], None]) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def get(url: str, *, timeout_s: float = 5, byte_limit: int = MEGABYTE, etag: str = "", since: str = "") -> Fetched:
    async def once() -> Fetched:
        async with plain_client() as client:
            return await fetch(
                url, client=client, timeout_s=timeout_s, byte_limit=byte_limit, etag=etag, last_modified=since
            )

    return asyncio.run(once())


def refused(answer: Callable[[Handler], None], *, timeout_s: float = 5, byte_limit: int = MEGABYTE) -> str:
    """The one line of the error."""
    with serving(answer) as server, pytest.raises(FeedError) as caught:
        get(server.url, timeout_s=timeout_s, byte_limit=byte_limit)
    line = str(caught.value)
    assert line.startswith("feed at http://127.0.0.1:")
    assert "\n" not in line
    return line


def test_a_page_comes_with_its_tags_and_the_next_fetching_gives_them_back() -> None:
    def answer(asked: Handler) -> None:
        if asked.headers.get("if-none-match") == '"a1"':
            asked.reply(304)
        else:
            asked.reply(200, PAGE, etag='"a1"', last_modified="Sat, 21 Mar 2026 10:00:00 GMT")

    with serving(answer) as server:
        first = get(server.url)
        again = get(server.url, etag=first.etag, since=first.last_modified)
        heard = server.heard
    assert first == Fetched(data=PAGE, etag='"a1"', last_modified="Sat, 21 Mar 2026 10:00:00 GMT")
    assert again == Fetched(data=None, etag='"a1"', last_modified="Sat, 21 Mar 2026 10:00:00 GMT")
    assert heard[1]["if-modified-since"] == "Sat, 21 Mar 2026 10:00:00 GMT"
    assert {"authorization", "cookie"} & {name for asked in heard for name in asked} == set()


def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    assert "answers 304" in refused(lambda asked: asked.reply(304))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_compressed_page_is_unpacked(pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    with serving(lambda asked: asked.reply(200, pack(PAGE), content_encoding=encoding)) as server:
        assert get(server.url).data == PAGE


def test_html_is_fetched_as_it_is_for_the_reader_to_name() -> None:
    with serving(lambda asked: asked.reply(200, b"<html><title>Sign in</title>", content_type="text/html")) as server:
        assert get(server.url).data == b"<html><title>Sign in</title>"


@pytest.mark.parametrize(
    ("status", "advice"),
    [(500, "try again later"), (404, "correct its address"), (429, "ask it less often"), (204, "")],
)
def test_any_other_status_is_one_line_with_what_to_do(status: int, advice: str) -> None:
    line = refused(lambda asked: asked.reply(status, b"" if status == 204 else b"oh no"))
    assert f"answers {status}, expected 200" in line
    assert advice in line


def test_a_redirect_to_another_host_or_port_is_not_followed() -> None:
    with serving(lambda asked: asked.reply(200, b"inside")) as inside:
        line = refused(lambda asked: asked.reply(302, location=inside.url + "?token=abc"))
        assert inside.heard == []
    assert "redirects to http://127.0.0.1" in line
    assert "token" not in line


def test_a_redirect_within_the_host_is_followed_once() -> None:
    def answer(asked: Handler) -> None:
        if asked.path.endswith("/"):
            asked.reply(200, PAGE)
        else:
            asked.reply(301, location=asked.path + "/")

    with serving(answer) as server:
        assert get(server.url).data == PAGE
    assert "redirects twice" in refused(lambda asked: asked.reply(301, location=asked.path + "/"))


@pytest.mark.parametrize(
    ("address", "location", "target"),
    [
        ("http://a.example/x", "https://a.example/y", "https://a.example/y"),
        ("https://a.example/x", "/y", "https://a.example/y"),
        ("https://a.example/x", "http://a.example/x", None),  # down again
        ("http://a.example:8080/x", "https://a.example/x", None),
        ("http://a.example/x", "https://a.example:8443/x", None),
        ("https://a.example/x", "//b.example/x", None),
        ("https://a.example/x", "https://me:pw@a.example/x", None),
        ("https://a.example/x", "http://169.254.169.254/latest", None),
        ("https://a.example/x", "file:///etc/hostname", None),
        ("https://a.example/x", "https://[", None),
    ],
)
def test_only_the_same_host_or_its_https_is_followed(address: str, location: str, target: str | None) -> None:
    assert followed(httpx.URL(address), location) == (None if target is None else httpx.URL(target))


def test_a_body_without_end_is_read_to_the_limit_and_no_further() -> None:
    sent: list[int] = []

    def answer(asked: Handler) -> None:
        asked.send_response(200)
        asked.end_headers()
        while not asked.server.stop.is_set():
            sent.append(asked.wfile.write(b"x" * 65_536))

    assert "more than 200,000 bytes" in refused(answer, byte_limit=200_000)
    assert sum(sent) < 20 * MEGABYTE


def test_a_bomb_is_stopped_at_the_limit_of_what_it_unfolds_to() -> None:
    bomb = gzip.compress(b"0" * 50 * MEGABYTE, compresslevel=1, mtime=0)
    assert len(bomb) < MEGABYTE
    assert "more than 1,000,000 bytes" in refused(lambda asked: asked.reply(200, bomb, content_encoding="gzip"))


@pytest.mark.parametrize(
    ("body", "encoding", "seen"),
    [
        (b"no gzip at all", "gzip", "a damaged body"),
        (gzip.compress(PAGE, mtime=0)[:-9], "gzip", "breaks off"),
        (PAGE, "br", "content-encoding br, expected gzip, deflate or none"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_named(body: bytes, encoding: str, seen: str) -> None:
    assert seen in refused(lambda asked: asked.reply(200, body, content_encoding=encoding))


def test_a_body_cut_off_is_no_page() -> None:
    def answer(asked: Handler) -> None:
        asked.send_response(200)
        asked.send_header("content-length", "1000")
        asked.end_headers()
        asked.wfile.write(PAGE)
        asked.close_connection = True

    assert "cannot be fetched" in refused(answer)


def test_a_server_that_drips_is_given_up_at_the_timeout_of_the_whole() -> None:
    def answer(asked: Handler) -> None:
        asked.send_response(200)
        asked.end_headers()
        while not asked.server.stop.wait(0.02):
            asked.wfile.write(b" ")

    assert "no whole page within 0.3 s" in refused(answer, timeout_s=0.3)


def test_a_port_where_nobody_listens_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FeedError, match=r"cannot be fetched \(.*\); check its address"):
            get(f"http://127.0.0.1:{taken.getsockname()[1]}/")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "status.example/x", "https://", "http://a:b/x", ""])
def test_what_is_no_web_address_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(FeedError, match=r"feed address .* expected https://HOST/PATH"):
        get(url)


def test_secrets_of_an_address_are_not_shown() -> None:
    with serving(lambda asked: asked.reply(500)) as server:
        with pytest.raises(FeedError) as caught:
            get(server.url.replace("127.0.0.1", "me:hunter2@127.0.0.1") + "?key=s3cret")
        assert server.heard[0][":path"].endswith("?key=s3cret")
    assert "hunter2" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(lambda asked: asked.reply(200, PAGE)) as server:
        assert get(server.url).data == PAGE


def test_a_tag_that_could_not_be_sent_back_is_dropped() -> None:
    with serving(lambda asked: asked.reply(200, PAGE, etag="\xe9", last_modified="x" * 5000)) as server:
        assert get(server.url) == Fetched(data=PAGE, etag="", last_modified="")
