"""nginx as a reverse proxy in front of the lab's bot: what stands between us and most bots.

What it does to the times, the bytes and the failures of an answer, and which of it we tell.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import an_endpoint
from tests.lab.chats import Way, serve_chat, template_of
from tests.real.asking import Heard, Witness, an_ask, asked, said
from tests.real.servers import answers, free_port, running, system_program
from wrapdetect.cli.demo.bots import Schedule
from wrapdetect.cli.demo.server import serve
from wrapdetect.model import Dialect, Endpoint, FailureKind

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("nginx")]

QUICK = Schedule(first_s=0.05, gap_s=0.08)
ANSWER = said(1, "Why are there tides?")
PIECES_SENT = 9
PATIENCE_S = 5
"""How long the impatient place waits for its upstream; a machine that stands still longer than that is no machine."""

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  gzip_types text/event-stream application/json; gzip_min_length 1; gzip_proxied any;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
  server {{
    listen 127.0.0.1:{port};
    location /chat/ {{
      proxy_pass {chat}/; proxy_buffering off;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }}
    location /chat/deaf/ {{ proxy_pass {chat}/; }}
    location = /ready {{ return 200 "yes"; }}
    location /kept/ {{ proxy_pass {lab}/; proxy_buffering off; }}
    location /buffered/ {{ proxy_pass {lab}/; proxy_buffering on; }}
    location /zips/ {{ proxy_pass {lab}/; gzip on; }}
    location /zipped/ {{ proxy_pass http://127.0.0.1:{port}/zips/; proxy_set_header Accept-Encoding gzip; }}
    location /gone/ {{ proxy_pass http://127.0.0.1:{closed}/; }}
    location /small/ {{ proxy_pass {lab}/; client_max_body_size 50; }}
    location /impatient/ {{ proxy_pass {lab}/; proxy_buffering off; proxy_read_timeout {patience}s; }}
    location /moved/ {{ return 301 https://$host$request_uri; }}
    location /limited/ {{ return 429; }}
  }}
  server {{
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    location / {{ proxy_pass {lab}/; }}
  }}
}}
"""


@dataclass(kw_only=True)
class Front:
    """A running nginx before a running bot."""

    url: str
    tls_url: str
    bot: Witness

    def at(self, place: str, dialect: Dialect = "openai_stream") -> Endpoint:
        return an_endpoint("bot", "target", url=f"{self.url}/{place}/v1", model=self.bot.model, dialect=dialect)

    def chat(self, way: Way, place: str = "chat") -> Endpoint:
        """A chat of our own making behind it, which remembers by the id of a conversation."""
        template = template_of(way, "id")
        return an_endpoint("bot", "target", url=f"{self.url}/{place}", model="", dialect="template", template=template)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = system_program("nginx", "nginx")
    folder, bot, tls_port = tmp_path_factory.mktemp("nginx"), Witness(schedule=QUICK), free_port()
    sign_for_itself(folder)
    with serve(bot) as lab, serve_chat(bot) as chat:

        def command(port: int) -> list[str | Path]:
            (folder / "nginx.conf").write_text(
                CONFIG.format(
                    folder=folder,
                    user="user root;" if os.geteuid() == 0 else "",  # else its workers may not enter our folder
                    port=port,
                    tls_port=tls_port,
                    closed=free_port(),
                    lab=lab.url.removesuffix("/v1"),
                    chat=chat.url,
                    patience=PATIENCE_S,
                )
            )
            return [program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]

        with running(command, ready=lambda port: answers(f"http://127.0.0.1:{port}/ready"), folder=folder, env={}) as p:
            yield Front(url=f"http://127.0.0.1:{p}", tls_url=f"https://127.0.0.1:{tls_port}", bot=bot)


def sign_for_itself(folder: Path) -> None:
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"))
    openssl = str(system_program("openssl", "openssl"))
    subprocess.run([openssl, "req", *kind, *subject, *files], check=True, capture_output=True, timeout=60)


@pytest.fixture
def slowly(front: Front) -> Iterator[None]:
    """The bot says one piece at once, and keeps the next back for longer than anybody waits."""
    front.bot.schedule = Schedule(first_s=0.0, gap_s=20.0 * PATIENCE_S)
    yield
    front.bot.schedule = QUICK


def one(endpoint: Endpoint) -> Heard:
    (heard,) = asked(endpoint)
    return heard


def failure(endpoint: Endpoint) -> tuple[FailureKind, str]:
    heard = one(endpoint)
    assert heard.reply.failure is not None, heard.reply.text
    return heard.reply.failure.kind, heard.reply.failure.detail


def header(heard: Heard, name: str) -> str | None:
    return next((v for k, v in heard.exchange.headers if k.lower() == name), None)


def body(heard: Heard) -> bytes:
    return b"".join(c.data for c in heard.exchange.chunks)


def test_without_buffering_pieces_come_as_they_were_sent(front: Front) -> None:
    heard = one(front.at("kept"))
    assert heard.reply.text == ANSWER
    assert len(heard.reply.pieces) == PIECES_SENT
    assert len(heard.exchange.chunks) > PIECES_SENT / 2
    assert heard.reply.pieces[-1].t_s > heard.reply.pieces[0].t_s


def test_with_buffering_the_same_bytes_come_and_still_in_pieces(front: Front) -> None:
    kept, buffered = one(front.at("kept")), one(front.at("buffered"))
    assert buffered.reply.text == kept.reply.text == ANSWER
    assert body(buffered) == body(kept)
    assert len(buffered.exchange.chunks) > 1  # its buffers are handed on as they fill, whatever is said of them


def test_where_a_stream_is_zipped_pieces_are_merged_and_the_text_is_the_same(front: Front) -> None:
    kept, zipped = one(front.at("kept")), one(front.at("zipped"))
    assert zipped.reply.text == kept.reply.text == ANSWER
    assert len({p.t_s for p in zipped.reply.pieces}) < len({p.t_s for p in kept.reply.pieces})


@pytest.mark.parametrize("place", ["kept", "buffered", "zips", "zipped"])
def test_a_plain_answer_comes_through_every_place(place: str, front: Front) -> None:
    heard = one(front.at(place, "openai_plain"))
    assert heard.reply.text == ANSWER
    assert (header(heard, "server") or "").startswith("nginx")


@pytest.mark.parametrize("dialect", ["openai_stream", "openai_plain"])
def test_it_does_not_zip_what_was_asked_for_unzipped(dialect: Dialect, front: Front) -> None:
    heard = one(front.at("zips", dialect))
    assert (header(heard, "content-encoding"), heard.reply.text) == (None, ANSWER)


@pytest.mark.parametrize("dialect", ["openai_stream", "openai_plain"])
def test_what_is_zipped_all_the_same_is_kept_as_it_came_and_read(dialect: Dialect, front: Front) -> None:
    heard = one(front.at("zipped", dialect))
    assert (header(heard, "content-encoding"), heard.reply.text) == ("gzip", ANSWER)
    assert heard.exchange.chunks[0].data.startswith(b"\x1f\x8b")


def test_a_conversation_keeps_its_thread_and_the_next_begins_afresh(front: Front) -> None:
    heard = asked(front.at("kept"), an_ask("One.", "Two.", number=1), an_ask("Three.", number=2), concurrency=2)
    assert sorted(h.reply.text for h in heard) == sorted([said(1, "One."), said(2, "One."), said(1, "Three.")])


@pytest.mark.parametrize("way", ["socket_json", "socket_text", "sse", "ndjson"])
def test_home_made_chats_are_passed_through_websockets_among_them(way: Way, front: Front) -> None:
    heard = asked(front.chat(way), an_ask("One.", "Two.", number=1), an_ask("Three.", number=2))
    assert [h.reply.failure for h in heard if h.reply.failure] == []
    assert [h.reply.text for h in heard] == [said(1, "One."), said(2, "One."), said(1, "Three.")]
    assert len(heard[0].reply.pieces) > 1


def test_a_websocket_that_it_does_not_pass_on_is_refused_by_its_status(front: Front) -> None:
    kind, detail = failure(front.chat("socket_json", "chat/deaf"))
    assert kind is FailureKind.REFUSED
    assert "HTTP 4" in detail


def test_an_upstream_that_is_gone_is_a_bad_gateway(front: Front) -> None:
    kind, detail = failure(front.at("gone"))
    assert (kind, detail[:20]) == (FailureKind.SERVER, "HTTP 502 Bad Gateway")


@pytest.mark.usefixtures("slowly")
def test_an_answer_that_stops_in_the_middle_is_cut_off(front: Front) -> None:
    kind, detail = failure(front.at("impatient"))
    assert kind is FailureKind.CUT_OFF
    assert "broke" in detail


@pytest.mark.usefixtures("slowly")
def test_an_answer_that_does_not_come_is_a_gateway_timeout(front: Front) -> None:
    kind, detail = failure(front.at("impatient", "openai_plain"))
    assert (kind, detail[:24]) == (FailureKind.SERVER, "HTTP 504 Gateway Time-ou")


def test_a_question_too_long_for_it_is_refused(front: Front) -> None:
    kind, detail = failure(front.at("small"))
    assert (kind, detail[:8]) == (FailureKind.REFUSED, "HTTP 413")


def test_too_many_requests_are_told_apart_from_refusals(front: Front) -> None:
    heard = asked(front.at("limited"))
    assert [h.exchange.attempt for h in heard] == [0, 1, 2]
    assert {h.reply.failure.kind for h in heard if h.reply.failure} == {FailureKind.LIMITED}


def test_a_redirect_to_https_is_named_and_not_followed(front: Front) -> None:
    kind, detail = failure(front.at("moved"))
    assert kind is FailureKind.REFUSED
    assert "HTTP 301" in detail
    assert "redirects to https://127.0.0.1/moved/v1/chat/completions" in detail


def test_a_certificate_that_nobody_signed_is_no_connection_and_says_so(front: Front) -> None:
    endpoint = an_endpoint("bot", "target", url=f"{front.tls_url}/v1", model="witness-1", dialect="openai_stream")
    kind, detail = failure(endpoint)
    assert kind is FailureKind.CONNECT
    assert "self-signed certificate" in detail


def test_https_without_tls_is_no_connection(front: Front) -> None:
    url = front.url.replace("http:", "https:")
    kind, _ = failure(an_endpoint("bot", "target", url=f"{url}/kept/v1", model="witness-1"))
    assert kind is FailureKind.CONNECT


def test_http_where_tls_is_due_is_refused(front: Front) -> None:
    url = front.tls_url.replace("https:", "http:")
    kind, detail = failure(an_endpoint("bot", "target", url=f"{url}/v1", model="witness-1"))
    assert (kind, detail[:8]) == (FailureKind.REFUSED, "HTTP 400")
