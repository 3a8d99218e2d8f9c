"""The asking: everything once, paced, within hard budgets; a fake send, a clock that jumps, nobody waits."""

import asyncio
import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import a_pack, a_run, an_exchange, an_item, failed
from wrapdetect.dialects import Call
from wrapdetect.model import Ask, AskKey, Chunk, Endpoint, Exchange, Run, Template
from wrapdetect.runs.ask import LONGEST_WAIT_S, RETRIES_WHEN_LIMITED, Asked, run_slots
from wrapdetect.runs.plan import Slot, estimate_cost, estimate_tokens, make_plan
from wrapdetect.targets.settings import Limits

FIXED = settings(derandomize=True, deadline=None, max_examples=60)
FREE = Limits(concurrency=3, pace_s=0.0, max_requests=10**6, max_tokens=10**9)
Answer = Callable[[Endpoint, Ask, int, int], Exchange]


@dataclass
class Sent:
    at_s: float
    endpoint: str
    key: AskKey
    turn: int
    attempt: int
    messages: list[dict[str, str]]


@dataclass
class World:
    """A send that answers after `takes_s`, and a clock that stands still until nobody has anything left to do."""

    answer: Answer
    takes_s: float = 1.0
    now_s: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    recorded: list[Exchange] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    _alarms: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)

    def stopwatch(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        bell = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self.now_s + seconds, id(bell), bell))
        await bell

    async def send(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        messages = call.body["messages"]
        assert isinstance(messages, list)
        self.sent.append(Sent(self.now_s, endpoint.name, ask.key, turn, attempt, messages))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await self.sleep(self.takes_s)
        self.in_flight -= 1
        return replace(self.answer(endpoint, ask, turn, attempt), sent=json.dumps(call.body, ensure_ascii=False))

    def run(self, slots: Sequence[Slot], *, done: Sequence[Exchange] = (), limits: Limits = FREE) -> Asked:
        return asyncio.run(self._run(slots, done, limits))

    async def _run(self, slots: Sequence[Slot], done: Sequence[Exchange], limits: Limits) -> Asked:
        task = asyncio.ensure_future(
            run_slots(
                slots,
                done=done,
                send=self.send,
                record=self.recorded.append,
                stopwatch=self.stopwatch,
                sleep=self.sleep,
                limits=limits,
                progress=lambda n, of: self.progress.append((n, of)),
            )
        )
        while not task.done():
            for _ in range(20):  # let everybody come to rest before the clock moves
                await asyncio.sleep(0)
            if self._alarms:
                self.now_s, _, bell = heapq.heappop(self._alarms)
                if not bell.done():
                    bell.set_result(None)
        return task.result()


def says(text: str = "Hello.") -> Answer:
    return lambda endpoint, ask, turn, attempt: an_exchange(endpoint.name, ask.key, text, turn=turn, attempt=attempt)


def limited(*headers: tuple[str, str], times: int = 99) -> Answer:
    """429 `times` times, then an answer."""

    def answer(endpoint: Endpoint, ask: Ask, turn: int, attempt: int) -> Exchange:
        if attempt >= times:
            return says()(endpoint, ask, turn, attempt)
        return an_exchange(
            endpoint.name,
            ask.key,
            None,
            turn=turn,
            attempt=attempt,
            status=429,
            headers=headers,
            failure=failed("limited"),
        )

    return answer


def a_plan(*turns: str, n: int = 1, references: int = 0, draws: int = 1, max_tokens: int = 100) -> tuple[Slot, ...]:
    items = (an_item(f"i{k}", turns=turns or ("Why?",), max_tokens=max_tokens) for k in range(n))
    return make_plan(a_run(a_pack(*items), references=references, draws=draws))


def a_conversation(run: Run | None = None) -> Slot:
    return make_plan(run or a_run(a_pack(an_item(turns=("A?", "B?", "C?"))), references=0))[0]


def done(slot: Slot, turn: int, text: str | None = "old", **more: object) -> Exchange:
    return an_exchange(slot.endpoint.name, slot.ask.key, text, turn=turn, **more)


def test_every_ask_is_put_once_and_recorded() -> None:
    plan = a_plan("A?", "B?", n=7, references=2, draws=2)
    world = World(says())
    outcome = world.run(plan)
    expected = Counter((s.endpoint.name, s.ask.key, t, 0) for s in plan for t in range(2))
    assert Counter((s.endpoint, s.key, s.turn, s.attempt) for s in world.sent) == expected
    assert Counter((e.endpoint, e.ask, e.turn, e.attempt) for e in world.recorded) == expected
    assert outcome == Asked(sent=len(plan) * 2, left_out=0, notes=())


def test_progress_counts_to_the_end() -> None:
    plan = a_plan(n=5)
    world = World(says())
    world.run(plan)
    assert world.progress == [(n, 5) for n in range(1, 6)]


def test_asks_are_begun_in_the_given_order() -> None:
    plan = a_plan(n=6, references=1)
    world = World(says())
    world.run(plan)
    assert [(s.endpoint, s.key) for s in world.sent] == [(s.endpoint.name, s.ask.key) for s in plan]


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_as_many_as_allowed_are_in_flight_and_never_more(concurrency: int) -> None:
    world = World(says())
    world.run(a_plan("A?", "B?", n=9, references=1), limits=FREE._replace(concurrency=concurrency))
    assert world.most_in_flight == concurrency


@pytest.mark.parametrize("takes_s", [0.0, 0.3, 7.0])
def test_the_pace_is_kept_for_each_endpoint_and_not_between_them(takes_s: float) -> None:
    world = World(says(), takes_s=takes_s)
    world.run(a_plan(n=8, references=2), limits=FREE._replace(concurrency=6, pace_s=2.0))
    times: dict[str, list[float]] = defaultdict(list)
    for sent in world.sent:
        times[sent.endpoint].append(sent.at_s)
    assert all(b - a >= 2.0 - 1e-9 for ts in times.values() for a, b in pairwise(ts))
    if takes_s < 1:
        assert world.now_s < 8 * 2.0 * 1.5  # three endpoints in one line would take three times as long


def test_without_a_pace_nobody_waits() -> None:
    world = World(says(), takes_s=0.0)
    world.run(a_plan(n=5, references=1))
    assert world.now_s == 0.0


@pytest.mark.parametrize(
    ("headers", "waits_s"),
    [
        ([("retry-after", "7")], 7.0),
        ([("Retry-After", " 7 ")], 7.0),
        ([("retry-after", "0")], 0.0),
        ([("retry-after", "120")], 120.0),
        ([("retry-after", "Mon, 05 Jan 2026 12:00:30 GMT"), ("date", "Mon, 05 Jan 2026 12:00:00 GMT")], 30.0),
        ([("retry-after", "Mon, 05 Jan 2026 11:00:00 GMT"), ("date", "Mon, 05 Jan 2026 12:00:00 GMT")], 0.0),
        ([("retry-after", "Mon, 05 Jan 2026 12:00:30 GMT")], 30.0),
        ([("retry-after", "Mon, 05 Jan 2026 11:00:00 GMT")], 2.0),
        ([("retry-after", "Mon, 05 Jan 2026 12:00:30 -0000"), ("date", "Mon, 05 Jan 2026 12:00:00 +0100")], 2.0),
        ([("retry-after", "soon")], 2.0),
        ([("retry-after", "-5")], 2.0),
        ([("retry-after", "")], 2.0),
        ([], 2.0),
        ([("retry-after", "Mon, 99999999999 Oct 2015 00:00:00 GMT")], 2.0),
        ([("retry-after", "Wed, 21 Oct 2015 07:28:00 +99999999999999"), ("date", "x")], 2.0),
    ],
)
def test_a_429_is_asked_again_after_the_time_it_names(headers: list[tuple[str, str]], waits_s: float) -> None:
    world = World(limited(*headers, times=1))
    outcome = world.run(a_plan())
    assert [s.attempt for s in world.sent] == [0, 1]
    assert world.sent[1].at_s - (world.sent[0].at_s + world.takes_s) == pytest.approx(waits_s)
    assert [e.failure is None for e in world.recorded] == [False, True]
    assert len(outcome.notes) == 1
    assert "target said 429" in outcome.notes[0]
    assert "asked again 1 times" in outcome.notes[0]


@settings(FIXED, phases=[Phase.generate])  # making a failing date smaller takes a minute and tells nothing
@given(
    st.text(max_size=12)
    | st.integers().map(str)
    | st.from_regex(r"Mon, \d{1,12} Oct \d{1,6} \d\d:\d\d:\d\d [+-]\d{1,15}")
)
def test_no_retry_after_header_stops_the_run(value: str) -> None:
    world = World(limited(("retry-after", value), ("date", value), times=1))
    world.run(a_plan())
    assert len(world.recorded) in (1, 2)


def test_without_a_header_the_second_wait_is_longer() -> None:
    world = World(limited(), takes_s=0.0)
    world.run(a_plan())
    assert [s.at_s for s in world.sent] == [0.0, 2.0, 6.0]


def test_a_429_is_asked_again_at_most_twice_and_each_is_recorded() -> None:
    plan = a_plan("A?", "B?")
    world = World(limited(("retry-after", "1")))
    outcome = world.run(plan)
    assert [(s.turn, s.attempt) for s in world.sent] == [(0, n) for n in range(RETRIES_WHEN_LIMITED + 1)]
    assert [e.attempt for e in world.recorded] == [0, 1, 2]
    assert "asked again 2 times" in outcome.notes[0]


@pytest.mark.parametrize("value", [str(int(LONGEST_WAIT_S) + 1), "9" * 400])
def test_a_wait_too_long_is_recorded_and_not_waited_for(value: str) -> None:
    world = World(limited(("retry-after", value)))
    assert world.run(a_plan("A?", "B?")).notes == ()
    assert len(world.recorded) == 1
    assert world.now_s == world.takes_s


def test_a_429_of_one_endpoint_holds_up_its_own_asks_only() -> None:
    def answer(endpoint: Endpoint, ask: Ask, turn: int, attempt: int) -> Exchange:
        first = endpoint.name == "target" and len(world.recorded) < 2 and attempt == 0
        return (limited(("retry-after", "50")) if first else says())(endpoint, ask, turn, attempt)

    world = World(answer)
    world.run(a_plan(n=6, references=1), limits=FREE._replace(concurrency=2))
    assert len(world.recorded) == 13
    asked = {s.at_s for s in world.sent if s.endpoint == "ref0"}
    assert min(asked) < 50


@pytest.mark.parametrize("kind", ["connect", "timeout", "refused", "server", "garbled", "cut_off"])
def test_a_failure_but_429_is_not_asked_again_and_ends_its_conversation(kind: str) -> None:
    def answer(endpoint: Endpoint, ask: Ask, turn: int, attempt: int) -> Exchange:
        failure = failed(kind) if turn == 1 else None
        return an_exchange(endpoint.name, ask.key, turn=turn, attempt=attempt, failure=failure)

    world = World(answer)
    outcome = world.run(a_plan("A?", "B?", "C?", n=2))
    assert sorted((s.key.item, s.turn) for s in world.sent) == [("i0", 0), ("i0", 1), ("i1", 0), ("i1", 1)]
    assert outcome.left_out == 0


def test_an_answer_that_cannot_be_read_ends_its_conversation() -> None:
    world = World(says(" "))
    world.run(a_plan("A?", "B?"))
    assert [s.turn for s in world.sent] == [0]


def test_the_true_answers_are_passed_on_as_history() -> None:
    world = World(lambda endpoint, ask, turn, attempt: an_exchange(endpoint.name, ask.key, f"answer {turn}", turn=turn))
    world.run([a_conversation()])
    assert [(m["role"], m["content"]) for m in world.sent[2].messages] == [
        ("user", "A?"),
        ("assistant", "answer 0"),
        ("user", "B?"),
        ("assistant", "answer 1"),
        ("user", "C?"),
    ]


def by_memory(slots: Sequence[Slot]) -> list[Slot]:
    """The same asks, put to bots that hold the conversation themselves."""
    template = Template(body='{"q": "{prompt}"}', answer="$.choices[0].message.content")
    return [Slot(replace(s.endpoint, dialect="template", template=template), s.ask) for s in slots]


def test_a_conversation_that_only_the_bot_held_begins_again_when_it_was_broken_off() -> None:
    slots = by_memory([a_conversation()])
    first = World(says())
    first.run(slots)
    held = first.recorded[:2]  # the third turn was not answered before the kill
    again = World(says())
    again.run(slots, done=held)
    assert [(s.turn, s.attempt) for s in again.sent] == [(0, 1), (1, 1), (2, 0)]
    assert World(says()).run([a_conversation()], done=held).sent == 1  # one that is sent along goes on


def test_a_conversation_of_the_bots_own_that_is_over_stays_as_it_was() -> None:
    slots = by_memory([a_conversation()])
    first = World(says())
    first.run(slots)
    assert World(says()).run(slots, done=first.recorded).sent == 0
    ended = [*first.recorded[:1], replace(first.recorded[1], failure=failed("server"))]
    assert World(says()).run(slots, done=ended).sent == 0


def test_conversations_side_by_side_do_not_mix_their_answers() -> None:
    world = World(
        lambda endpoint, ask, turn, attempt: an_exchange(
            endpoint.name, ask.key, f"{endpoint.name} {ask.key}", turn=turn
        )
    )
    world.run(a_plan("A?", "B?", n=4, references=2), limits=FREE._replace(concurrency=5))
    second = [s for s in world.sent if s.turn == 1]
    assert len(second) == 12
    assert all(s.messages[1]["content"] == f"{s.endpoint} {s.key}" for s in second)


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("allowed", [0, 1, 7])
def test_the_budget_of_requests_is_hard(allowed: int, concurrency: int) -> None:
    world = World(says())
    outcome = world.run(a_plan(n=10), limits=FREE._replace(max_requests=allowed, concurrency=concurrency))
    assert len(world.sent) == outcome.sent == allowed
    assert outcome.left_out == 10 - allowed
    assert outcome.notes == (f"the budget was spent: {10 - allowed} asks were left out",)


def test_asking_again_counts_against_the_budget() -> None:
    world = World(limited(("retry-after", "1")))
    outcome = world.run(a_plan(n=2), limits=FREE._replace(max_requests=2, concurrency=1))
    assert [s.attempt for s in world.sent] == [0, 1]
    assert outcome.left_out == 2


@FIXED
@given(st.integers(0, 2000), st.integers(1, 6))
def test_the_budget_of_tokens_is_hard(allowed: int, concurrency: int) -> None:
    plan = a_plan("Why are there tides?", "And?", n=8, max_tokens=100)
    world = World(says("x" * 200))
    outcome = world.run(plan, limits=FREE._replace(max_tokens=allowed, concurrency=concurrency))
    used = sum(estimate_tokens(m["content"]) for s in world.sent for m in s.messages) + 50 * len(world.sent)
    assert used <= allowed
    assert (outcome.left_out > 0) == (len(world.sent) < 16)


def test_a_budget_that_is_spent_already_asks_nothing_and_counts_what_is_there() -> None:
    slots = a_plan(n=4)
    world = World(says())
    outcome = world.run(slots, done=[done(s, 0) for s in slots[:3]], limits=FREE._replace(max_requests=3))
    assert (outcome.sent, outcome.left_out) == (0, 1)


@pytest.mark.parametrize("max_tokens", [30, 300])
def test_a_plan_within_its_budget_is_asked_to_the_end(max_tokens: int) -> None:
    plan = a_plan(n=20, max_tokens=max_tokens)
    cost = estimate_cost(plan)

    limits = FREE._replace(max_requests=cost.requests, max_tokens=cost.tokens)
    assert World(says("x" * 4 * max_tokens)).run(plan, limits=limits).left_out == 0


def test_a_finished_run_asks_nothing_again() -> None:
    plan = a_plan("A?", "B?", n=3, references=1)
    world = World(says())
    outcome = world.run(plan, done=[done(s, t) for s in plan for t in range(2)])
    assert outcome == Asked(sent=0, left_out=0, notes=())
    assert world.progress[-1] == (6, 6)


def test_what_is_missing_is_asked_also_in_the_middle_of_a_conversation() -> None:
    slot = a_conversation()
    world = World(says("new"))
    world.run([slot], done=[done(slot, 0, "old")])
    assert [s.turn for s in world.sent] == [1, 2]
    assert [m["content"] for m in world.sent[1].messages] == ["A?", "old", "B?", "new", "C?"]


def test_other_endpoints_draws_and_variants_do_not_count_as_answered() -> None:
    slot = a_conversation()
    others = [
        an_exchange("other", slot.ask.key),
        an_exchange("target", slot.ask.key._replace(draw=1)),
        an_exchange("target", slot.ask.key._replace(variant="shop")),
        an_exchange("target", slot.ask.key._replace(item="x")),
    ]
    world = World(says())
    world.run([slot], done=others)
    assert [s.turn for s in world.sent] == [0, 1, 2]


def test_a_failed_turn_of_before_stays_the_end_of_its_conversation() -> None:
    slot = a_conversation()
    world = World(says())
    assert world.run([slot], done=[done(slot, 0), done(slot, 1, failure=failed("timeout"))]).sent == 0


@pytest.mark.parametrize(("attempts", "asked"), [(1, [1]), (2, [2]), (3, [])])
def test_a_429_of_before_is_asked_again_as_often_as_is_left(attempts: int, asked: list[int]) -> None:
    plan = a_plan()
    before = [done(plan[0], 0, None, attempt=n, failure=failed("limited")) for n in range(attempts)]
    for order in (before, before[::-1]):
        world = World(says())
        world.run(plan, done=order)
        assert [s.attempt for s in world.sent] == asked


def test_an_exception_of_send_is_raised_and_what_was_recorded_stays() -> None:
    def answer(endpoint: Endpoint, ask: Ask, turn: int, attempt: int) -> Exchange:
        if len(world.recorded) == 2:
            raise ZeroDivisionError("ours")
        return says()(endpoint, ask, turn, attempt)

    world = World(answer)
    with pytest.raises(ExceptionGroup) as caught:
        world.run(a_plan(n=9), limits=FREE._replace(concurrency=1))
    assert [type(e) for e in caught.value.exceptions] == [ZeroDivisionError]
    assert len(world.recorded) == 2


def test_an_exchange_that_cannot_be_recorded_stops_the_run() -> None:
    world = World(says())

    world.recorded = _Full()
    with pytest.raises(ExceptionGroup) as caught:
        world.run(a_plan(n=9))
    assert all(isinstance(e, OSError) for e in caught.value.exceptions)
    assert len(world.sent) == FREE.concurrency


class _Full(list[Exchange]):
    def append(self, exchange: Exchange) -> None:
        raise OSError(28, "No space left on device")


def test_a_limit_told_in_a_200_is_asked_again_like_a_429() -> None:
    told = b'{"error": {"code": 429, "message": "slow down", "details": [{"retryDelay": "17s"}]}}'

    def answer(endpoint: Endpoint, ask: Ask, turn: int, attempt: int) -> Exchange:
        if attempt > 0:
            return says()(endpoint, ask, turn, attempt)
        return an_exchange(endpoint.name, ask.key, turn=turn, chunks=(Chunk(t_s=0.1, data=told),))

    world = World(answer)
    outcome = world.run(a_plan())
    assert [(s.at_s, s.attempt) for s in world.sent] == [(0.0, 0), (18.0, 1)]
    assert any("waited and asked again 1 time" in note for note in outcome.notes)
    again = World(answer)
    again.run(a_plan(), done=world.recorded[:1])  # resumed after the limit
    assert [s.attempt for s in again.sent] == [1]


def test_an_error_told_in_a_200_is_not_asked_again() -> None:
    told = b'{"error": {"code": 401, "message": "no"}}'
    world = World(lambda e, a, t, n: an_exchange(e.name, a.key, turn=t, attempt=n, chunks=(Chunk(t_s=0.1, data=told),)))
    world.run(a_plan())
    assert [s.attempt for s in world.sent] == [0]
