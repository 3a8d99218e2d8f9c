"""A Streamlit chat page, asked without any configuration."""

from collections.abc import Iterator

import pytest

from tests.real.chat_pages import (
    ChatPage,
    assert_down_is_a_failure,
    assert_fresh_conversations,
    assert_read_whole,
    assert_traffic_stays_here,
    streamlit_page,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("streamlit")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatPage]:
    with streamlit_page(tmp_path_factory.mktemp("streamlit")) as running_page:
        yield running_page


def test_the_answer_is_read_from_the_page_as_it_was_said(page: ChatPage) -> None:
    assert_read_whole(page)


def test_each_conversation_begins_afresh_and_keeps_its_thread(page: ChatPage) -> None:
    assert_fresh_conversations(page)


def test_the_pages_own_traffic_is_kept_and_stays_here(page: ChatPage) -> None:
    assert_traffic_stays_here(page, "/_stcore/stream")


def test_a_page_whose_upstream_is_down_gives_no_answer_of_the_bot(page: ChatPage) -> None:
    assert_down_is_a_failure(page)
