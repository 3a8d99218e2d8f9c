"""A Gradio ChatInterface, asked as a page without any configuration, and by its API as a template."""

import json
from collections.abc import Iterator

import pytest

from tests.conftest import an_endpoint
from tests.real.asking import an_ask, asked, said
from tests.real.chat_pages import FIRST, SECOND, ChatPage, ChatPageContract, gradio_page, texts
from wrapdetect.model import Endpoint, FailureKind, Step, Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gradio")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatPage]:
    with gradio_page(tmp_path_factory.mktemp("gradio")) as running_page:
        yield running_page


class TestGradio(ChatPageContract):
    way = "/gradio_api/queue/join"


# By its API: a POST gives the number of an event, and a GET streams it


def by_api(page: ChatPage, name: str = "answer", **body: object) -> Endpoint:
    """`name` is that of the page's function, as /gradio_api/info tells it."""
    join = Step(
        when="ask",
        method="POST",
        path=f"/gradio_api/call/{name}",
        headers=(("content-type", "application/json"),),
        body=json.dumps({"data": ["{prompt}"], **body}),
        keep=(("event_id", "$.event_id"),),
    )
    template = Template(
        method="GET",
        path=f"/gradio_api/call/{name}/{{event_id}}",
        framing="sse",
        answer="$[0]",
        mode="replace",
        done="event:complete",
        error="event:error",
        steps=(join,),
    )
    return an_endpoint("bot", "target", url=page.url, model="", dialect="template", template=template)


def test_by_its_api_the_answer_streams_as_it_was_said(page: ChatPage) -> None:
    (heard,) = asked(by_api(page))
    assert heard.reply.failure is None, heard.reply.failure
    assert heard.reply.text == said(1, "Why are there tides?")
    times = [p.t_s for p in heard.reply.pieces]
    assert len(times) > 2
    assert times == sorted(times)
    (join,) = heard.exchange.hops
    assert (join.method, join.status) == ("POST", 200)
    assert join.t_s == 0  # the question leaves with it


def test_by_its_api_a_session_keeps_the_thread_and_each_conversation_begins_afresh(page: ChatPage) -> None:
    heard = asked(
        by_api(page, session_hash="{conversation_id}"),
        an_ask(FIRST, SECOND, number=1),
        an_ask(SECOND, number=2),
        concurrency=2,
    )
    assert sorted(texts(heard)) == sorted([said(1, FIRST), said(2, FIRST), said(1, SECOND)])
    assert [h for h in heard if "fresh_chat" in h.exchange.missing] == []


def test_by_its_api_without_a_session_nothing_is_remembered_and_nothing_promised(page: ChatPage) -> None:
    heard = asked(by_api(page), an_ask(FIRST, SECOND))
    assert texts(heard) == [said(1, FIRST), said(1, SECOND)]
    assert all("fresh_chat" in h.exchange.missing for h in heard)


def test_by_its_api_an_error_event_is_a_failure_of_the_server(page: ChatPage) -> None:
    with page.down():
        (heard,) = asked(by_api(page))
    assert heard.reply.failure is not None, heard.reply.text
    assert heard.reply.failure.kind is FailureKind.SERVER


def test_by_its_api_a_function_that_is_not_there_fails_by_the_name_of_its_step(page: ChatPage) -> None:
    (heard,) = asked(by_api(page, "chat"))
    assert heard.reply.failure is not None, heard.reply.text
    assert heard.reply.failure.kind is FailureKind.SERVER
    assert "/gradio_api/call/chat" in heard.reply.failure.detail
