"""Every endpoint of the catalogue over HTTP ends in a named outcome, in time, and its sender goes on."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.catalogue.case import Case, Outcome, alone, check, put, put_all
from tests.catalogue.pages import PAGES
from tests.catalogue.servers import HTTP, LIFELESS, UNENDING_S
from tests.catalogue.sockets import LIFELESS_SOCKETS, SOCKETS
from tests.catalogue.tls import authority

PARTS = (LIFELESS, HTTP, LIFELESS_SOCKETS, SOCKETS, PAGES)
CATALOGUE: dict[str, Case] = {name: case for part in PARTS for name, case in part.items()}
"""All endpoints by their names, over every way in."""
NAMED_BY_THE_ISSUE = {
    "never ends": "never_ends",
    "one byte a second": "one_byte_a_second",
    "wrong content type": "wrong_content_type_of_good_json",
    "gzip bomb": "gzip_bomb",
    "redirects in a loop": "redirects_in_a_loop",
    "redirects to another host": "redirects_to_another_host",
    "HTTP/1.0 without length": "http_1_0_without_length",
    "TLS expired": "tls_expired",
    "500 then fine": "five_hundred_then_fine",
    "invalid JSON": "invalid_json",
    "mixed encodings": "mixed_encodings",
    "answers the previous question": "page_answers_the_previous_question",
    "repeats the prompt": "page_repeats_the_prompt",
    "empties the box": "page_empties_the_box",
    "infinite scroll": "page_scrolls_for_ever",
    "iframe chat": "page_chat_in_a_frame",
    "shadow DOM": "page_chat_in_a_closed_shadow",
    "consent wall": "page_cookie_banner",
    "login wall": "page_login_wall",
    "captcha": "page_captcha",
}
UNENDING = {name: replace(case, timeout_s=UNENDING_S) for name, case in {**LIFELESS, **LIFELESS_SOCKETS}.items()}


def test_the_catalogue_holds_every_named_misbehaviour_and_each_name_once() -> None:
    assert len(CATALOGUE) == sum(map(len, PARTS))
    assert len(CATALOGUE) >= 60
    assert set(NAMED_BY_THE_ISSUE.values()) <= set(CATALOGUE)
    assert {case.way for case in CATALOGUE.values()} == {"api", "template", "websocket", "page"}


@pytest.fixture(autouse=True, scope="module")
def _our_authority() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority()[1]))
        yield


@pytest.fixture(scope="module")
def unending() -> dict[str, Outcome | BaseException]:
    """What became of all that go on for ever, put at once: they wait for their limits together."""
    return asyncio.run(alone(put_all(UNENDING)))


@pytest.mark.parametrize("name", HTTP)
def test_each_endpoint_ends_in_its_named_outcome(name: str) -> None:
    check(HTTP[name], asyncio.run(alone(put(HTTP[name]))))


@pytest.mark.parametrize("name", UNENDING)
def test_each_endless_endpoint_is_left_at_the_limit_on_time(
    name: str, unending: dict[str, Outcome | BaseException]
) -> None:
    check(UNENDING[name], unending[name])
