"""Every chat page of the catalogue ends in a named outcome, within its limit on time, and its sender goes on.

One sender asks them, some at a time: each shows that those before it, and those beside it, did it no harm.
"""

import asyncio
from collections.abc import Mapping

import pytest

from tests.catalogue.case import Case, Outcome, check, put_all, the_way
from tests.catalogue.pages import BUSY, LIMIT_S, PAGES, SOON_S
from tests.conftest import an_endpoint
from wrapdetect.model import Page

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page_catalogue")]
ANY = an_endpoint("bot", "target", url="http://127.0.0.1", dialect="page", page=Page())
LASTING = {name: case for name, case in PAGES.items() if case.timeout_s == SOON_S and name not in BUSY}
OTHERS = {name: case for name, case in PAGES.items() if case.timeout_s == LIMIT_S and name not in BUSY}


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcome | BaseException]:
    """What became of the pages whose tests are to run: those that take all of a processor one after the other."""
    items = [i for i in request.session.items if isinstance(i, pytest.Function) and i.path == request.path]
    chosen = {i.callspec.params["name"] for i in items}

    async def go(cases: Mapping[str, Case], timeout_s: float, most: int) -> dict[str, Outcome | BaseException]:
        wanted = {name: case for name, case in cases.items() if name in chosen}
        async with the_way((ANY,), timeout_s=timeout_s) as send:
            return await put_all(wanted, send, most=most)

    async def all_of_them() -> dict[str, Outcome | BaseException]:
        others, lasting = await go(OTHERS, LIMIT_S, 3), await go(LASTING, SOON_S, 4)
        return {**others, **lasting, **await go({name: PAGES[name] for name in BUSY}, SOON_S, 1)}

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("name", PAGES)
def test_each_page_ends_in_its_named_outcome(name: str, outcomes: dict[str, Outcome | BaseException]) -> None:
    check(PAGES[name], outcomes[name])
