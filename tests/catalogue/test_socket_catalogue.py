"""Every websocket of the catalogue ends in a named outcome, within its limit on time, and its sender goes on."""

import asyncio

import pytest

from tests.catalogue.case import alone, check, put
from tests.catalogue.sockets import SOCKETS
from tests.catalogue.tls import authority


@pytest.fixture(autouse=True)
def _our_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority()[1]))


@pytest.mark.parametrize("name", SOCKETS)
def test_each_websocket_ends_in_its_named_outcome(name: str) -> None:
    check(SOCKETS[name], asyncio.run(alone(put(SOCKETS[name]))))
