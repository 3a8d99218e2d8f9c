"""A Streamlit chat page, asked without any configuration."""

from collections.abc import Iterator

import pytest

from tests.real.chat_pages import ChatPage, ChatPageContract, streamlit_page

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("streamlit")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatPage]:
    with streamlit_page(tmp_path_factory.mktemp("streamlit")) as running_page:
        yield running_page


class TestStreamlit(ChatPageContract):
    way = "/_stcore/stream"
