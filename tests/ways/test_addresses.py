"""Addresses: a public name never leads to a private one unless the user said so, and nothing is sent to find out."""

import socket
from collections.abc import Callable

import pytest

from tests.conftest import an_endpoint
from tests.ways.misbehaving import LAST_CHUNK, STREAM_HEAD, chunk, event, raw, serving
from tests.ways.test_http_apis import one
from wrapdetect.model import Endpoint, Exchange
from wrapdetect.ways.net.addresses import address_allowed, refusal_of

ANSWER = raw(STREAM_HEAD, chunk(event("The moon.", "stop")), chunk(b"data: [DONE]\n\n"), LAST_CHUNK)
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"]
PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.5", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("192.0.2.7", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fc00::2", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.5", "64:ff9b::7f00:1", "64:ff9b::a00:5", "2002:7f00:1::", "2002:a00:5::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_any_name_may_lead_to_a_public_address(address: str) -> None:
    assert address_allowed("bot.example", address, private=False)


@pytest.mark.parametrize("address", [*PRIVATE, "", "not an address", "/tmp/socket"])
def test_a_public_name_may_not_lead_to_a_private_address_unless_allowed(address: str) -> None:
    assert not address_allowed("bot.example", address, private=False)
    assert not address_allowed("localhost.bot.example", address, private=False)
    assert address_allowed("bot.example", address, private=True)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "bot", "bot.localhost", "bot.local", "bot.internal", "bot.lan"),
        *("bot.home.arpa", "bot.test", "Bot.Test.", "127.0.0.1", "10.0.0.5", "127.1", "0x7f.1", "::1", "[::1]"),
        "::ffff:10.0.0.5",
    ],
)
def test_a_name_for_something_near_may_lead_there(host: str) -> None:
    assert address_allowed(host, "10.0.0.5", private=False)


@pytest.mark.parametrize(
    "host",
    ["bot.example", "notlocal.com", "lan.example", "internal.bot.example", "10.0.0.5.nip.example", "xlocalhost.io"],
)
def test_a_name_that_only_looks_near_is_a_public_name(host: str) -> None:
    assert not address_allowed(host, "10.0.0.5", private=False)


def test_the_refusal_says_what_to_do() -> None:
    assert refusal_of("bot.example", "10.0.0.5") == (
        "bot.example leads to the private address 10.0.0.5; name that address itself, or set private = true"
    )


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name of the top level .example leads to 127.0.0.1."""
    real: Callable[..., object] = socket.getaddrinfo

    def resolve(host: bytes | str | None, *args: object, **more: object) -> object:
        text = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if text and text.endswith(".example") else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def asked(url: str, **more: object) -> Exchange:
    return one(an_endpoint("bot", "target", **{"url": url, **more}), key="sk-planted-0123456789")


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("dialect", ["openai_stream", "anthropic_plain"])
def test_a_public_name_that_leads_to_this_machine_is_sent_nothing(dialect: str) -> None:
    with serving(ANSWER) as server:
        exchange = asked(server.url.replace("127.0.0.1", "bot.example"), dialect=dialect)
        failure = exchange.failure
        assert failure is not None
        assert (failure.kind, failure.detail) == ("connect", refusal_of("bot.example", "127.0.0.1"))
        assert (exchange.status, exchange.chunks) == (None, ())
        assert server.requests == []


@pytest.mark.usefixtures("names")
def test_a_tls_handshake_is_not_begun_either() -> None:
    with serving(ANSWER) as server:
        exchange = asked(server.url.replace("http://127.0.0.1", "https://bot.example"))
    assert exchange.failure is not None
    assert "private address" in exchange.failure.detail


@pytest.mark.usefixtures("names")
def test_with_the_users_word_it_is_asked() -> None:
    with serving(ANSWER) as server:
        exchange = asked(server.url.replace("127.0.0.1", "bot.example"), private=True, dialect="openai_stream")
    assert exchange.failure is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_that_the_user_named_is_asked(host: str) -> None:
    with serving(ANSWER) as server:
        exchange = asked(server.url.replace("127.0.0.1", host), dialect="openai_stream")
    assert exchange.failure is None


def test_an_endpoint_is_not_private_by_itself() -> None:
    assert not Endpoint(name="bot", role="target", url="https://bot.example/v1", model="m").private
