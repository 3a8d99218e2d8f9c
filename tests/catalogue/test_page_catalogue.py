"""Every chat page of the catalogue ends in a named outcome, within its limit on time, and its sender goes on.

One sender asks them all, one after the other: each shows that the one before did it no harm.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from tests.catalogue.case import check, put, the_way
from tests.catalogue.pages import LIMIT_S, PAGES, SOON_S
from tests.conftest import an_endpoint
from wrapdetect.model import Page
from wrapdetect.run import Send

pytestmark = pytest.mark.slow
ANY = an_endpoint("bot", "target", url="http://127.0.0.1", dialect="page", page=Page())
SOON = {name: case for name, case in PAGES.items() if case.timeout_s == SOON_S}
OTHERS = {name: case for name, case in PAGES.items() if name not in SOON}

KNOWN = {
    "page_leaves_for_another_host": "Chromium's own error page is taken for the answer",
}
"""Bugs that are known: each of these must fail until it is mended."""


def marked(names: Iterable[str]) -> list[object]:
    return [pytest.param(n, marks=pytest.mark.xfail(strict=True, reason=KNOWN[n])) if n in KNOWN else n for n in names]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def send(runner: asyncio.Runner) -> Iterator[Send]:
    with one_sender(runner, LIMIT_S) as send:
        yield send


@pytest.fixture(scope="module")
def hasty(runner: asyncio.Runner) -> Iterator[Send]:
    with one_sender(runner, SOON_S) as send:
        yield send


@contextmanager
def one_sender(runner: asyncio.Runner, timeout_s: float) -> Iterator[Send]:
    """Open until the block ends."""
    stack = AsyncExitStack()
    yield runner.run(stack.enter_async_context(the_way((ANY,), timeout_s=timeout_s)))
    runner.run(stack.aclose())


@pytest.mark.parametrize("name", marked(OTHERS))
def test_each_page_ends_in_its_named_outcome(name: str, runner: asyncio.Runner, send: Send) -> None:
    check(OTHERS[name], runner.run(put(OTHERS[name], send)))


@pytest.mark.parametrize("name", marked(SOON))
def test_each_lasting_page_is_left_at_the_limit_on_time(name: str, runner: asyncio.Runner, hasty: Send) -> None:
    check(SOON[name], runner.run(put(SOON[name], hasty)))
