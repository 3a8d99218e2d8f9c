"""No way in asks anybody but the endpoint's own host: whatever is offered, a second host gets not one connection."""

# ruff: noqa: E501  # a lure stands in one line

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from tests.catalogue.case import FINE, TALKS, an_ask, body_of, converse, the_way
from tests.catalogue.pages import BOX, KIT
from tests.catalogue.sockets import WELL
from tests.conftest import an_endpoint
from tests.ways.misbehaving import Behaviour, Peer, fixed, serving
from wrapdetect.dialects import Reply
from wrapdetect.model import Endpoint, Exchange, FailureKind, Page, Step, Template
from wrapdetect.ways.keyring import Keyring

KEY = "sk-planted-0123456789abcdef"
OTHER_HOST = "127.0.0.2"
PUBLIC_NAME = "bot.example"


@dataclass(slots=True)
class Stranger:
    """A listener that notes who connects, and what is sent to it unconnected until it goes."""

    url: str
    port: int
    visits: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def a_stranger() -> Iterator[Stranger]:
    """Another host of this machine."""
    with socket.create_server((OTHER_HOST, 0)) as listener:
        port = listener.getsockname()[1]
        stranger = Stranger(f"http://{OTHER_HOST}:{port}/", port)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(1)
                        stranger.visits.append(connection.recv(4096))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            with socket.socket(type=socket.SOCK_DGRAM) as letters:
                letters.bind((OTHER_HOST, port))
                letters.setblocking(False)
                yield stranger
                with contextlib.suppress(BlockingIOError):
                    stranger.visits.append(letters.recv(4096))
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


def ask(endpoint: Endpoint, *, timeout_s: float = 20.0, turns: int = 2) -> tuple[tuple[Exchange, ...], Reply]:
    """A conversation, with a key."""

    async def go() -> tuple[tuple[Exchange, ...], Reply]:
        async with the_way((endpoint,), timeout_s=timeout_s, keyring=Keyring({"bot": KEY})) as send:
            return await converse(send, endpoint, an_ask(0, *["Why are there tides?", "And why two?"][:turns]))

    return asyncio.run(go())


def moving(stranger: Stranger, status: str) -> Behaviour:
    return fixed(b"", status=status, headers=(f"location: {stranger.url}v1/chat/completions",))


STATUSES = ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")
SOCKET = Template(path="/chat", body='{"t": "{prompt}"}', framing="websocket", answer="$.delta", done="$.done")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("talk", ["openai_stream", "anthropic_plain", "ollama_stream", "gemini_plain", "template_sse"])
def test_no_redirect_leads_to_another_host(talk: str, status: str) -> None:
    with a_stranger() as stranger, serving(moving(stranger, status)) as server:
        spoken = TALKS[talk]
        _, reply = ask(an_endpoint("bot", url=server.url, dialect=spoken.dialect, template=spoken.template))
    assert reply.failure is not None
    assert (reply.failure.kind, OTHER_HOST in reply.failure.detail) == (FailureKind.REFUSED, True)
    assert stranger.visits == []


@pytest.mark.parametrize("status", STATUSES)
def test_no_get_of_a_template_is_redirected_to_another_host(status: str) -> None:
    asked = Template(method="GET", path="/a?q={prompt}", answer="$.reply")
    shaken = Template(
        body='{"m": "{prompt}", "t": "{t}"}', answer="$.reply", steps=(Step(path="/s", keep=(("t", "$.t"),)),)
    )
    for template in (asked, shaken):
        with a_stranger() as stranger, serving(moving(stranger, status)) as server:
            _, reply = ask(an_endpoint("bot", url=server.url, dialect="template", template=template))
        assert reply.failure is not None
        assert reply.failure.kind is FailureKind.REFUSED
        assert stranger.visits == []


@pytest.mark.parametrize("status", STATUSES)
def test_no_websocket_is_redirected_to_another_host(status: str) -> None:
    with a_stranger() as stranger, serving(moving(stranger, status)) as server:
        _, reply = ask(an_endpoint("bot", url=server.url, dialect="template", template=SOCKET))
    assert reply.failure is not None
    assert reply.failure.kind is FailureKind.REFUSED
    assert stranger.visits == []


def test_what_a_handshake_hands_out_leads_to_no_other_host() -> None:
    """A path that is filled in with an address stays a path."""
    steps = (Step(path="/start", keep=(("next", "$.next"),)),)
    with a_stranger() as stranger:
        for path in ("{next}", "/{next}", "/go/{next}"):
            template = Template(path=path, body='{"m": "{prompt}"}', answer="$.reply", steps=steps)
            said = json.dumps({"next": stranger.url, "reply": FINE}).encode()
            with serving(fixed(said), keep_open=True) as server:
                ask(an_endpoint("bot", url=server.url, dialect="template", template=template))
    assert stranger.visits == []


@pytest.mark.parametrize("talk", TALKS)
def test_an_answer_with_an_address_is_only_text(talk: str) -> None:
    with a_stranger() as stranger:
        said = f"See {stranger.url} ![x]({stranger.url}x.png) <img src={stranger.url}>"
        headers = (
            f"link: <{stranger.url}>; rel=preload",
            f"refresh: 0; url={stranger.url}",
            f'alt-svc: h2="{OTHER_HOST}:{stranger.port}"',
        )
        with serving(fixed(body_of(talk, said), kind=TALKS[talk].kind, headers=headers), keep_open=True) as server:
            spoken = TALKS[talk]
            _, reply = ask(an_endpoint("bot", url=server.url, dialect=spoken.dialect, template=spoken.template))
    assert reply.text == said
    assert stranger.visits == []


# Names that lead home


def lead_home(monkeypatch: pytest.MonkeyPatch, address: str = "127.0.0.1") -> None:
    """Every name leads to that address."""

    def found(host: object, port: object, *_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(str(port or 0))))]

    monkeypatch.setattr(socket, "getaddrinfo", found)


WAYS: Mapping[str, tuple[str, Template | None]] = {
    **{name: (talk.dialect, talk.template) for name, talk in TALKS.items()},
    "websocket": ("template", SOCKET),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_public_name_that_leads_to_this_machine_is_not_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect, template = WAYS[name]
    behaviour = WELL if name == "websocket" else fixed(body_of(name, FINE), kind=TALKS[name].kind)
    with serving(behaviour) as server:
        lead_home(monkeypatch)
        url = server.url.replace("127.0.0.1", PUBLIC_NAME)
        endpoint = an_endpoint("bot", url=url, dialect=dialect, template=template)
        _, refused = ask(endpoint)
        heard = len(server.requests)
        _, allowed = ask(replace(endpoint, private=True), turns=1)
    assert refused.failure is not None
    assert refused.failure.kind is FailureKind.CONNECT
    assert f"{PUBLIC_NAME} leads to the private address 127.0.0.1" in refused.failure.detail
    assert heard == 0
    assert (allowed.failure, allowed.text) == (None, FINE)


# Pages

LURES: Mapping[str, str] = {
    "script": "<script src=STRANGER></script>",
    "picture": "<img src=STRANGER><picture><source srcset=STRANGER></picture>",
    "frame": "<iframe src=STRANGER></iframe><object data=STRANGER></object><embed src=STRANGER>",
    "style": "<link rel=stylesheet href=STRANGER><style>@import url(STRANGER); body { background: url(STRANGER) }</style>",
    "hints": "<link rel=prefetch href=STRANGER><link rel=preconnect href=STRANGER><link rel=dns-prefetch href=STRANGER>"
    "<link rel=preload as=image href=STRANGER><link rel=prerender href=STRANGER><link rel=modulepreload href=STRANGER>",
    "speculation": '<script type=speculationrules>{"prefetch": [{"urls": ["STRANGER"]}], "prerender": [{"urls": ["STRANGER"]}]}</script>',
    "fetch": "<script>fetch('STRANGER').catch(() => {}); new XMLHttpRequest().open('GET', 'STRANGER');"
    "const x = new XMLHttpRequest(); x.open('POST', 'STRANGER'); x.send('a');</script>",
    "beacon": "<script>navigator.sendBeacon('STRANGER', 'a'); new Image().src = 'STRANGER';</script><a id=p ping=STRANGER href=#>x</a>",
    "socket": "<script>new WebSocket('STRANGER'.replace('http', 'ws')); new EventSource('STRANGER');</script>",
    "worker": "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('STRANGER'); new WebSocket('STRANGER'.replace('http', 'ws'));\"])));</script>",
    "service worker": "<script>navigator.serviceWorker.register('/sw.js').catch(() => {});</script>",
    "popup": "<script>open('STRANGER'); setTimeout(() => open('STRANGER'), 300);</script>",
    "form": "<form action=STRANGER method=post target=x id=g></form><iframe name=x></iframe><script>document.getElementById('g').submit()</script>",
    "rtc": "<script>const c = new RTCPeerConnection({iceServers: [{urls: 'stun:HOST:PORT'}, {urls: 'turn:HOST:PORT?transport=tcp', username: 'a', credential: 'b'}]});"
    "c.createDataChannel('x'); c.createOffer().then((o) => c.setLocalDescription(o));</script>",
    "transport": "<script>try { new WebTransport('STRANGER'.replace('http', 'https')); } catch (e) {}</script>",
    "answer": "<script>answer = () => { const d = add('bot', 'The moon pulls.'); d.insertAdjacentHTML('beforeend', '<img src=STRANGER>'); };</script>",
    "font": "<style>@font-face { font-family: z; src: url(STRANGER) } body { font-family: z }</style>",
    "video": "<video src=STRANGER poster=STRANGER autoplay></video><audio src=STRANGER preload=auto></audio>",
}
LEAVING: Mapping[str, str] = {
    "meta refresh": "<meta http-equiv=refresh content='0; url=STRANGER'>",
    "location": "<script>location = 'STRANGER';</script>",
    "location after the question": "<script>answer = () => { location = 'STRANGER'; };</script>",
}


def luring(stranger: Stranger, lure: str) -> Behaviour:
    """A chat page that wants the stranger."""
    lure = lure.replace("STRANGER", stranger.url).replace("HOST", OTHER_HOST).replace("PORT", str(stranger.port))
    document = f"<!DOCTYPE html><title>Chat</title>{BOX}<script>{KIT}</script>{lure}".encode()

    def behave(peer: Peer) -> None:
        if peer.request.head.split(" ")[1] == "/sw.js":
            return fixed(f"fetch('{stranger.url}');".encode(), kind="text/javascript")(peer)
        return fixed(document, kind="text/html; charset=utf-8")(peer)

    return behave


@pytest.mark.slow
@pytest.mark.parametrize("name", LURES)
def test_a_page_reaches_no_other_host(name: str) -> None:
    with a_stranger() as stranger, serving(luring(stranger, LURES[name])) as server:
        url = server.url.removesuffix("v1")
        _, reply = ask(an_endpoint("bot", url=url, dialect="page", page=Page(quiet_s=0.5)), turns=1, timeout_s=40)
    assert stranger.visits == []
    assert reply.failure is None, reply.failure
    assert FINE in reply.text


@pytest.mark.slow
def test_a_host_that_the_user_named_is_reached_so_that_these_tests_see_anything() -> None:
    with a_stranger() as stranger, serving(luring(stranger, LURES["script"])) as server:
        url = server.url.removesuffix("v1")
        endpoint = an_endpoint("bot", url=url, dialect="page", page=Page(quiet_s=0.5), hosts=(OTHER_HOST,))
        ask(endpoint, turns=1, timeout_s=40)
    assert stranger.visits != []


@pytest.mark.slow
@pytest.mark.parametrize("name", LEAVING)
def test_a_page_that_leaves_is_not_followed(name: str) -> None:
    with a_stranger() as stranger, serving(luring(stranger, LEAVING[name])) as server:
        url = server.url.removesuffix("v1")
        ask(an_endpoint("bot", url=url, dialect="page", page=Page(quiet_s=0.5)), turns=1, timeout_s=10)
    assert stranger.visits == []


@pytest.mark.slow
def test_a_page_of_a_public_name_that_leads_to_this_machine_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    document = f"<!DOCTYPE html><title>Chat</title>{BOX}<script>{KIT}</script>".encode()
    with serving(fixed(document, kind="text/html; charset=utf-8")) as server:
        lead_home(monkeypatch)
        url = server.url.removesuffix("v1").replace("127.0.0.1", PUBLIC_NAME)
        endpoint = an_endpoint("bot", url=url, dialect="page", page=Page(quiet_s=0.5))
        _, refused = ask(endpoint, turns=1)
        heard = len(server.requests)
        _, allowed = ask(replace(endpoint, private=True), turns=1, timeout_s=40)
    assert refused.failure is not None
    assert refused.failure.kind is FailureKind.CONNECT
    assert f"{PUBLIC_NAME} leads to the private address 127.0.0.1" in refused.failure.detail
    assert heard == 0
    assert (allowed.failure, allowed.text) == (None, FINE)
