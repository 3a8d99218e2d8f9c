"""Jobs: the question gives an id, the answer is asked for until it is there; each poll a hop, a timeout a timeout."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.ways.asking_templates import a_bot, an_ask, ask_one, converse, sender, texts
from tests.ways.misbehaving import Behaviour, Peer, fixed, serving
from wrapdetect.dialects import decode
from wrapdetect.dialects.template.polling import MOST_MISSING
from wrapdetect.model import Exchange, FailureKind, Step, Template
from wrapdetect.model.template import Poll
from wrapdetect.runs.codec.endpoints import dump_endpoint, load_endpoint

ASK = Template(
    path="/ask",
    body='{"q": "{prompt}"}',
    answer="$.answer",
    keep=(("job", "$.job"),),
    polls=(Poll(path="/jobs/{job}", every_s=0.5),),
)
JOB = fixed(b'{"job": "j1", "status": "queued"}', status="202 Accepted")
DONE = '{"status": "done", "answer": "The moon."}'
RUNNING = '{"status": "running", "answer": null}'


def polling(*answers: Behaviour, question: Behaviour = JOB) -> Behaviour:
    """The question's answer, and one for each poll in turn; the last for all that follow."""
    left = list(answers)

    def behave(peer: Peer) -> None:
        if peer.request.head.startswith("POST"):
            question(peer)
        else:
            (left.pop(0) if len(left) > 1 else left[0])(peer)

    return behave


def said(*bodies: str) -> list[Behaviour]:
    return [fixed(body.encode()) for body in bodies]


def asked(
    behaviour: Behaviour, template: Template = ASK, *turns: str, timeout_s: float = 20.0
) -> tuple[list[Exchange], list[float], list[str]]:
    """The exchanges, how long was waited between polls, and what the server was asked."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with serving(behaviour, keep_open=True) as server:
        bot = a_bot(server.url, template)

        async def go() -> list[Exchange]:
            async with sender(bot, timeout_s=timeout_s, sleep=sleep) as send:
                return await converse(send, bot, an_ask(*(turns or ("Why?",))))

        exchanges = asyncio.run(go())
        heard = [r.head.split(" ")[1] for r in server.requests]
    return exchanges, waits, heard


BOT = a_bot("https://bot.example", ASK)


@pytest.mark.parametrize(
    ("answers", "polls"),
    [
        (said(DONE), 1),
        (said(RUNNING, RUNNING, DONE), 3),
        (said('{"status": "running"}', '{"answer": ""}', DONE), 3),
        (said("", "{}", "[]", DONE), 4),
        ([fixed(DONE.encode(), status="202 Accepted"), *said(DONE)], 2),
        ([fixed(b"", status="202 Accepted"), *said(RUNNING, DONE)], 3),
        ([fixed(b"slow down", status="429 Too Many Requests"), *said(DONE)], 2),
        ([fixed(b"", status="425 Too Early"), *said(DONE)], 2),
    ],
)
def test_what_is_not_there_yet_is_asked_for_again(answers: Sequence[Behaviour], polls: int) -> None:
    (exchange,), waits, heard = asked(polling(*answers))
    assert texts(BOT, [exchange]) == ["The moon."]
    assert heard == ["/v1/ask", *["/v1/jobs/j1"] * polls]
    assert waits == [0.5] * (polls - 1)
    assert [h.url.rpartition("/v1")[2] for h in exchange.hops] == ["/ask", *["/jobs/j1"] * (polls - 1)]
    assert (exchange.sent, exchange.status) == ('{"q": "Why?"}', 200)
    assert exchange.hops[0].t_s == 0  # the clock runs from the question
    assert exchange.hops[-1].chunks[-1:] == () or exchange.hops[-1].chunks[-1].t_s <= exchange.chunks[0].t_s
    assert exchange.chunks[-1].t_s <= exchange.ended_s


@pytest.mark.parametrize(
    ("until", "bodies", "polls"),
    [
        ("$.ready", ('{"ready": false, "answer": "Half"}', '{"ready": true, "answer": "The moon."}'), 2),
        ('re:"status": *"done"', (RUNNING, '{"status": "running", "answer": "The"}', DONE), 3),
        ("$.n", ('{"n": 0, "answer": "x"}', '{"n": 1, "answer": "The moon."}'), 2),
    ],
)
def test_until_says_when_the_answer_is_there(until: str, bodies: Sequence[str], polls: int) -> None:
    template = replace(ASK, polls=(replace(ASK.polls[0], until=until),))
    (exchange,), _, heard = asked(polling(*said(*bodies)), template)
    assert texts(BOT, [exchange]) == ["The moon."]
    assert len(heard) == 1 + polls


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        (fixed(b'{"status": "failed", "why": "out of order"}'), FailureKind.SERVER, "the job failed: out of order"),
        (fixed(b"gone", status="404 Not Found"), FailureKind.REFUSED, "404"),
        (fixed(b"", status="500 Internal Server Error"), FailureKind.SERVER, "500"),
        (fixed(b"<!doctype html><p>Log in"), FailureKind.GARBLED, "HTML page"),
        (fixed(b'{"error": "overloaded"}'), FailureKind.SERVER, "overloaded"),
        (fixed(RUNNING.encode()), FailureKind.TIMEOUT, "the poll: no answer after 120 polls"),
    ],
)
def test_a_job_that_does_not_end_well_ends_in_its_named_failure(
    answer: Behaviour, kind: FailureKind, detail: str
) -> None:
    template = replace(ASK, polls=(replace(ASK.polls[0], failed="$.why"),))
    (exchange,), _, _ = asked(polling(answer), template)
    failure = decode(exchange, a_bot("https://bot.example", template)).failure
    assert failure is not None
    assert (failure.kind, detail in failure.detail) == (kind, True), failure
    assert exchange.sent == '{"q": "Why?"}'


@pytest.mark.parametrize("said_so", ["running", "IN_PROGRESS", "in-queue", "Not Started", "processing"])
def test_a_half_answer_of_a_job_at_work_is_not_taken(said_so: str) -> None:
    half = json.dumps({"status": said_so, "answer": "The"})
    (exchange,), _, heard = asked(polling(*said(half, half, DONE)))
    assert texts(BOT, [exchange]) == ["The moon."]
    assert len(heard) == 4


@pytest.mark.parametrize("said_so", ["failed", "CANCELED", "expired", "error"])
def test_a_job_that_says_it_failed_is_asked_for_no_more(said_so: str) -> None:
    (exchange,), _, heard = asked(polling(*said(json.dumps({"state": said_so, "answer": "The"}))))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.SERVER
    assert said_so in exchange.failure.detail
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("where", "asked_at"),
    [
        ("/v2/jobs/j%201?x=1", "/v2/jobs/j%201?x=1"),
        ("jobs/1", "/v1/jobs/1"),
        ("{own}/out/7#part", "/out/7"),
        ("/jobs/{prompt}", "/jobs/%7Bprompt%7D"),
        ("http://other.test/jobs/1", None),
        ("//other.test/jobs/1", None),
        ("http://other.test@127.0.0.1:1/jobs", None),
        ("\\\\other.test\\x", "/v1/%5C%5Cother.test%5Cx"),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
    ],
)
def test_a_jobs_own_address_is_asked_on_the_same_host_only(where: str, asked_at: str | None) -> None:
    def behave(peer: Peer) -> None:
        if peer.request.head.startswith("POST"):
            host = next(v for v in peer.request.head.splitlines() if v.lower().startswith("host:")).partition(": ")[2]
            fixed(b"", status="202 Accepted", headers=(f"location: {where.replace('{own}', f'http://{host}')}",))(peer)
        else:
            fixed(DONE.encode())(peer)

    template = replace(ASK, keep=(("where", "header:Location"),), polls=(Poll(path="{where}"),))
    (exchange,), _, heard = asked(behave, template)
    assert heard[1:] == ([asked_at] if asked_at else [])
    if asked_at is None:
        assert exchange.failure is not None
        assert exchange.failure.kind is FailureKind.REFUSED


def test_a_question_that_is_refused_is_polled_for_by_nobody() -> None:
    for status, kind in (("429 Too Many Requests", FailureKind.LIMITED), ("503 Busy", FailureKind.SERVER)):
        (exchange,), _, heard = asked(polling(*said(DONE), question=fixed(b"no", status=status)))
        assert exchange.failure is not None
        assert exchange.failure.kind is kind
        assert heard == ["/v1/ask"]
        assert exchange.status == int(status[:3])


def test_an_id_that_is_not_given_is_no_id_of_an_earlier_question() -> None:
    jobs: Iterator[str] = iter(['{"job": "j1"}', '{"status": "queued"}'])

    def behave(peer: Peer) -> None:
        fixed((next(jobs) if peer.request.head.startswith("POST") else DONE).encode())(peer)

    (_, second), _, heard = asked(behave, ASK, "one", "two")
    assert heard == ["/v1/ask", "/v1/jobs/j1", "/v1/ask"]
    assert second.failure is not None
    assert second.failure.detail == "the question: $.job finds nothing to keep as job in what came"


def test_the_server_says_how_long_to_wait() -> None:
    def running(value: str) -> Behaviour:
        return fixed(RUNNING.encode(), headers=(f"retry-after: {value}",))

    values = ("7", "0.1", "2.5", "soon", "-3", "Wed, 21 Oct 2037 07:28:00 GMT")
    _, waits, _ = asked(polling(*map(running, values), *said(DONE)))
    assert waits == [7, 0.5, 2.5, 0.5, 0.5, 0.5]


def test_polls_that_bring_much_are_not_kept_without_end() -> None:
    much = fixed(json.dumps({"status": "running", "more": "x" * 90_000}).encode())
    (exchange,), _, heard = asked(polling(*[much] * 40, *said(DONE)))
    assert texts(BOT, [exchange]) == ["The moon."]
    assert len(heard) == 42
    assert len(exchange.hops) == 41
    assert 900_000 < sum(len(c.data) for hop in exchange.hops for c in hop.chunks) < 1_100_000


def test_our_own_limit_on_time_is_a_timeout() -> None:
    with serving(polling(*said(RUNNING)), keep_open=True) as server:
        quick = replace(ASK, polls=(replace(ASK.polls[0], every_s=0.05),))
        exchange = ask_one(a_bot(server.url, quick), timeout_s=0.3)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.TIMEOUT
    assert len(exchange.hops) > 2


def test_several_polls_follow_one_another_and_the_last_may_stream() -> None:
    events = b'data: {"answer": "The "}\n\ndata: {"answer": "moon."}\n\ndata: [DONE]\n\n'

    def behave(peer: Peer) -> None:
        match peer.request.head.split(" ")[1]:
            case "/v1/ask":
                JOB(peer)
            case "/v1/jobs/j1":
                fixed(next(states).encode())(peer)
            case path:
                assert path == "/v1/out/7"
                fixed(events, kind="text/event-stream")(peer)

    states = iter(['{"state": "on its way"}', '{"result": 7}'])
    first = Poll(path="/jobs/{job}", keep=(("result", "$.result"),))
    template = replace(ASK, framing="sse", done="[DONE]", polls=(first, Poll(path="/out/{result}")))
    (exchange,), _, heard = asked(behave, template)
    assert texts(a_bot("https://b.example", template), [exchange]) == ["The moon."]
    assert heard == ["/v1/ask", "/v1/jobs/j1", "/v1/jobs/j1", "/v1/out/7"]


def test_a_poll_may_post_and_carries_the_cookies_of_its_conversation() -> None:
    def behave(peer: Peer) -> None:
        if "/ask" in peer.request.head:
            fixed(b'{"job": "j\\"1"}', headers=("set-cookie: sid=abc; path=/",))(peer)
        else:
            heard.append((peer.request.body, "cookie: sid=abc" in peer.request.head.lower()))
            fixed(DONE.encode())(peer)

    heard: list[tuple[bytes, bool]] = []
    template = replace(ASK, polls=(Poll(method="POST", path="/poll", body='{"id": "{job}"}'),))
    asked(behave, template)
    assert [(json.loads(body), there) for body, there in heard] == [({"id": 'j"1'}, True)]


def test_polls_are_kept_in_a_run_and_written_only_where_there_are_any() -> None:
    endpoint = a_bot("https://bot.example", ASK)
    line = json.loads(json.dumps(dump_endpoint(endpoint)))
    assert load_endpoint(line) == endpoint
    assert line["template"]["polls"][0]["path"] == "/jobs/{job}"
    plain = dump_endpoint(a_bot("https://bot.example", Template(steps=(Step(),))))["template"]
    assert isinstance(plain, dict)
    assert not {"polls", "replies", "variables"} & set(plain)
    for broken in ({"most_tries": "9"}, {"every_s": "1"}, {"until": 3}, {"unknown": 1}):
        changed = {**line, "template": {**line["template"], "polls": [{**line["template"]["polls"][0], **broken}]}}
        with pytest.raises((ValueError, TypeError)):
            load_endpoint(changed)


@pytest.mark.parametrize(
    ("answers", "polls"),
    [
        ([fixed(b"no such job", status="404 Not Found")] * 3 + said(DONE), 4),
        ([fixed(b"", status="304 Not Modified"), *said(DONE)], 2),
        (said('{"job": {"state": "PENDING"}, "answer": "The"}', DONE), 2),
        (said('{"status": "success", "data": {"status": "Processing"}, "answer": "The"}', DONE), 2),
        (said('{"data": {"task": {"state": "in queue"}}, "answer": "The"}', DONE), 2),
        (said('{"done": false, "answer": "The"}', '{"done": true, "answer": "The moon."}'), 2),
        (said('{"isFinished": false, "answer": "The"}', DONE), 2),
        (said('{"result": {"ready": false}, "answer": "The"}', DONE), 2),
        (said('{"status": "completed", "next": {"status": "queued"}, "answer": "The moon."}'), 1),
        (said('{"done": null, "answer": "The moon."}'), 1),
        (said('{"messages": [{"status": "queued"}], "answer": "The moon."}'), 1),
    ],
)
def test_a_job_at_work_is_known_wherever_and_however_it_says_so(answers: Sequence[Behaviour], polls: int) -> None:
    (exchange,), _, heard = asked(polling(*answers))
    assert texts(BOT, [exchange]) == ["The moon."]
    assert heard == ["/v1/ask", *["/v1/jobs/j1"] * polls]


def test_an_address_that_is_never_there_is_a_wrong_one() -> None:
    (exchange,), _, heard = asked(polling(fixed(b"gone", status="404 Not Found")))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.REFUSED
    assert len(heard) == 1 + MOST_MISSING


@pytest.mark.parametrize(
    ("until", "waits", "failed"),
    [
        ("header:X-Job", ("running", "IN_QUEUE"), False),
        ("header:X-Job", ("pending", "failed"), True),
        ("header:X-Job => re:^done$", ("running", "started"), False),
        ("$.state", ("queued", "processing"), False),
        ("$.state", ("queued", "cancelled"), True),
        ('re:"state": "over"', ("queued", "failed"), False),  # a pattern is the user's own word
    ],
)
def test_until_may_find_the_status_itself(until: str, waits: Sequence[str], failed: bool) -> None:
    def of(state: str) -> Behaviour:
        body = json.dumps({"state": "over" if state == "done" else state, "answer": "The moon."})
        return fixed(body.encode(), headers=(f"x-job: {state}",))

    template = replace(ASK, polls=(replace(ASK.polls[0], until=until),))
    (exchange,), _, heard = asked(polling(*map(of, (*waits, "done"))), template)
    assert len(heard) == (3 if failed else 4)
    assert (exchange.failure is not None and exchange.failure.kind is FailureKind.SERVER) == failed


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect"])
def test_a_poll_that_leads_to_the_result_is_followed_on_its_host(status: str) -> None:
    def behave(peer: Peer) -> None:
        path = peer.request.head.split(" ")[1]
        if path.endswith("/ask"):
            JOB(peer)
        elif "/jobs/" in path:
            fixed(b"", status=status, headers=("location: /results/9?x=1",))(peer)
        else:
            fixed(DONE.encode())(peer)

    (exchange,), _, heard = asked(behave)
    assert texts(BOT, [exchange]) == ["The moon."]
    assert heard == ["/v1/ask", "/v1/jobs/j1", "/results/9?x=1"]
    assert [h.status for h in exchange.hops] == [202, int(status[:3])]


@pytest.mark.parametrize("where", ["http://other.test/9", "//other.test/9", "http://[::1", "file:///etc/passwd"])
def test_a_poll_is_led_to_no_other_host(where: str) -> None:
    (exchange,), _, heard = asked(polling(fixed(b"", status="303 See Other", headers=(f"location: {where}",))))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.REFUSED
    assert heard == ["/v1/ask", "/v1/jobs/j1"]


@pytest.mark.parametrize(("keep", "path"), [("header:Location", "{where}"), ("$.job", "/jobs/{where}")])
def test_a_question_that_sees_other_leads_to_its_job(keep: str, path: str) -> None:
    def behave(peer: Peer) -> None:
        if peer.request.head.startswith("POST"):
            fixed(b"", status="303 See Other", headers=("location: /v1/jobs/j1",))(peer)
        else:
            fixed(b'{"job": "j1", "status": "done", "answer": "The moon."}')(peer)

    template = replace(ASK, keep=(("where", keep),), polls=(replace(ASK.polls[0], path=path),))
    (exchange,), _, heard = asked(behave, template)
    assert texts(a_bot("https://bot.example", template), [exchange]) == ["The moon."]
    assert set(heard[1:]) == {"/v1/jobs/j1"}
    assert exchange.sent == '{"q": "Why?"}'
