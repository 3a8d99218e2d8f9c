"""The survey, state by state: a sender, a recording and a terminal made up, so that nothing waits or is written."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.conftest import START, a_pack, a_run, an_endpoint, an_exchange, an_item, failed
from wrapdetect.dialects import Call
from wrapdetect.errors import BudgetError, PreflightError, SpecError, StoreError, TargetDown, TargetSilent
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, Instrument, Run
from wrapdetect.runs.ask import Send, StoppedByHand
from wrapdetect.runs.codec import Loaded, dump_exchange, dump_head, dump_run, load_run
from wrapdetect.runs.plan import HELLO, Slot, make_plan
from wrapdetect.runs.recording import Recording
from wrapdetect.runs.survey import Asker, Open, SurveyPlan, World, new_run, side_by_side, survey
from wrapdetect.targets.settings import Limits

FREE = Limits(concurrency=2, pace_s=0.0, max_requests=10**6, max_tokens=10**9)
PACKS = (a_pack(an_item("hi", turns=("Hello?",)), pack_id=HELLO), a_pack(an_item(), an_item("onions")))
ASKED = 3 * 3
"""A hello and two questions, of a target and two references."""
Answer = Callable[[Endpoint, Ask], Exchange]


def says(endpoint: Endpoint, ask: Ask) -> Exchange:
    return an_exchange(endpoint.name, ask.key, f"I am {endpoint.name}.")


def down(endpoint: Endpoint, ask: Ask) -> Exchange:
    return an_exchange(endpoint.name, ask.key, None, status=500, failure=failed("server"))


def either(first: Answer, when: Callable[[Endpoint, Ask], bool], otherwise: Answer) -> Answer:
    return lambda endpoint, ask: (first if when(endpoint, ask) else otherwise)(endpoint, ask)


@dataclass
class Kept:
    """A recording in memory, which is its own place: the bytes that a run file would hold."""

    data: bytes | None = None
    name: str = "kept/run.jsonl"
    torn: list[bytes] = field(default_factory=list)
    open: int = 0
    full: bool = False

    def exists(self) -> bool:
        return self.data is not None

    def create(self, run: Run) -> Recording:
        if self.data is not None:
            raise SpecError(f"{self.name} is there already")
        self.begin(run)
        return self.resume()

    def resume(self) -> Recording:
        self.open += 1
        return self

    def remove(self) -> None:
        self.data = None

    def append(self, exchange: Exchange) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.data = (self.data or b"") + dump_exchange(exchange).encode()

    def load(self) -> Loaded:
        return load_run(self.data or b"", name=self.name)

    def begun(self) -> bool:
        return b"\n" in (self.data or b"")

    def begin(self, run: Run) -> None:
        self.data = dump_run(run).encode()

    def mend(self, loaded: Loaded) -> str:
        if loaded.torn:
            self.torn.append(loaded.torn)
            self.data = (self.data or b"")[: loaded.good_bytes]
        return "run.jsonl.torn"

    def close(self) -> None:
        self.open -= 1

    def ids(self) -> Counter[str]:
        return Counter(e.id for e in self.load().run.exchanges)


@dataclass
class Fake:
    """Everything that a survey is handed, and what it did with it."""

    answer: Answer = says
    place: Kept = field(default_factory=Kept)
    said: list[str] = field(default_factory=list)
    sent: list[tuple[str, AskKey, str]] = field(default_factory=list)
    opened: list[tuple[str, ...]] = field(default_factory=list)
    shown: list[tuple[int, int]] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    refused: str = ""

    def world(self) -> World:
        return World(
            ways=self.ways,
            place=self.place,
            stopwatch=lambda: 0.0,
            say=self.said.append,
            progress=self.progress,
        )

    def ways(self, endpoints: tuple[Endpoint, ...]) -> Open:
        if self.refused:
            raise SpecError(self.refused)
        self.said.append(f"keys of {', '.join(e.name for e in endpoints)}")
        return self.open_

    @asynccontextmanager
    async def open_(self, endpoints: tuple[Endpoint, ...]) -> AsyncIterator[Send]:
        self.opened.append(tuple(e.name for e in endpoints))
        yield self.send

    async def send(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        self.sent.append((endpoint.name, ask.key, endpoint.url))
        for name in (endpoint.name, "all"):
            self.in_flight[name] += 1
            self.most[name] = max(self.most[name], self.in_flight[name])
        await asyncio.sleep(0)
        self.in_flight.subtract((endpoint.name, "all"))
        return self.answer(endpoint, ask)

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, of: self.shown.append((done, of))

    def survey(self, plan: SurveyPlan | None = None, *, resume: bool = False, dry_run: bool = False) -> Run | None:
        return asyncio.run(survey(plan or a_plan(), self.world(), resume=resume, dry_run=dry_run))


def a_plan(run: Run | None = None, **more: object) -> SurveyPlan:
    run = run or a_run(*PACKS)
    fields = {
        "run": run,
        "slots": make_plan(run),
        "limits": FREE,
        "words": lambda run, cost: f"{run.id} takes {cost.requests} requests",
    }
    return SurveyPlan(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def test_a_dry_run_says_the_plan_and_touches_nothing() -> None:
    fake = Fake()
    assert fake.survey(dry_run=True) is None
    assert fake.said == [f"test-run takes {ASKED} requests", "dry run: nothing was sent"]
    assert (fake.opened, fake.sent, fake.place.data) == ([], [], None)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_plan_over_its_budget_is_said_and_refused(dry_run: bool) -> None:
    fake = Fake()
    with pytest.raises(BudgetError, match=f"up to {ASKED} requests and --max-requests allows {ASKED - 1}"):
        fake.survey(a_plan(limits=FREE._replace(max_requests=ASKED - 1)), dry_run=dry_run)
    assert fake.said == [f"test-run takes {ASKED} requests"]
    assert (fake.sent, fake.place.data) == ([], None)


def test_a_key_that_is_not_there_leaves_no_recording() -> None:
    fake = Fake(refused="the environment variable KEY is not set")
    with pytest.raises(SpecError, match="KEY is not set"):
        fake.survey()
    assert (fake.opened, fake.place.data) == ([], None)


def test_done_is_the_run_as_it_was_recorded() -> None:
    fake = Fake()
    made = fake.survey()
    assert made == fake.place.load().run
    assert set(fake.place.ids().values()) == {1}
    assert fake.place.ids().total() == len(fake.sent) == ASKED
    assert fake.said == [
        f"test-run takes {ASKED} requests",
        "keys of target, ref0, ref1",
        "recorded in kept/run.jsonl",
    ]
    assert (fake.opened, fake.place.open) == ([("target", "ref0", "ref1")], 0)


def test_the_hello_comes_before_all_else_and_progress_counts_the_rest() -> None:
    fake = Fake()
    greeted: list[int] = []
    fake.survey(a_plan(greeted=lambda: greeted.append(len(fake.sent))))
    assert [key.probe for _, key, _ in fake.sent] == [HELLO] * 3 + ["style"] * 6
    assert greeted == [3]
    assert fake.shown == [(n, 6) for n in range(1, 7)]


def test_a_survey_is_asked_in_an_order_of_its_own_and_need_not_ask_all() -> None:
    async def last_one(asker: Asker, slots: Sequence[Slot]) -> None:
        await asker.ask(slots[-1:])
        asker.say(f"asked 1 of {len(slots)}; {len(asker.exchanges)} answers")

    fake = Fake()
    made = fake.survey(a_plan(asking=last_one))
    assert made is not None
    assert len(made.exchanges) == 4
    assert fake.said[-2:] == ["asked 1 of 6; 4 answers", "recorded in kept/run.jsonl"]


def test_whoever_refuses_the_hello_ends_it_and_a_new_recording_is_removed() -> None:
    fake = Fake(either(down, lambda e, a: e.name == "ref1", says))
    greeted: list[int] = []
    with pytest.raises(PreflightError, match=r"reference ref1 at .*: server: .*Nothing else was asked: it is down"):
        fake.survey(a_plan(greeted=lambda: greeted.append(1)))
    assert {key.probe for _, key, _ in fake.sent} == {HELLO}
    assert (fake.place.data, fake.place.open, greeted) == (None, 0, [])


def test_a_recording_that_was_there_stays_when_the_hello_is_refused() -> None:
    run = a_run(*PACKS)
    fake = Fake(down, Kept(dump_head(run).encode()))
    with pytest.raises(TargetDown):
        fake.survey(a_plan(run), resume=True)
    assert fake.place.ids().total() == 3
    assert fake.place.open == 0


def test_an_api_that_answers_under_v1_is_told_and_that_try_is_not_recorded() -> None:
    def versioned(endpoint: Endpoint, ask: Ask) -> Exchange:
        if endpoint.url.endswith("/v1"):
            return says(endpoint, ask)
        return an_exchange(endpoint.name, ask.key, None, status=404, failure=failed("refused"))

    target = an_endpoint("target", "target", url="https://bot.example", dialect="openai_plain")
    run = a_run(*PACKS, references=0, endpoints=(target,))
    fake = Fake(versioned)
    with pytest.raises(PreflightError, match=r"target: it answers at https://bot\.example/v1: give that"):
        fake.survey(a_plan(run))
    assert [url for _, _, url in fake.sent] == ["https://bot.example", "https://bot.example/v1"]
    assert fake.opened == [("target",), ("target",)]


def test_a_survey_that_is_cancelled_keeps_what_was_answered() -> None:
    fake = Fake()

    async def stopped_at(n: int) -> None:
        asking = asyncio.ensure_future(survey(a_plan(), fake.world()))

        def answer(endpoint: Endpoint, ask: Ask) -> Exchange:
            if len(fake.sent) == n:
                asking.cancel()
            return says(endpoint, ask)

        fake.answer = answer
        await asking

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped_at(6))
    assert 3 <= fake.place.ids().total() < ASKED
    assert (fake.place.open, "recorded in kept/run.jsonl" in fake.said) == (0, False)


def test_endpoints_asked_side_by_side_are_each_asked_one_question_after_the_other() -> None:
    fake = Fake()
    made = fake.survey(a_plan(asking=side_by_side, limits=FREE._replace(concurrency=1)))
    assert made is not None
    assert len(made.exchanges) == ASKED
    assert fake.most == {"target": 1, "ref0": 1, "ref1": 1, "all": 3}


@pytest.mark.parametrize("at", [1, 5])
def test_a_person_who_stops_is_heard_through_every_task(at: int) -> None:
    """At the hello, and deep in a group of a group."""
    fake = Fake()

    def stop(endpoint: Endpoint, ask: Ask) -> Exchange:
        if len(fake.sent) >= at:
            raise StoppedByHand
        return says(endpoint, ask)

    fake.answer = stop
    with pytest.raises(StoppedByHand):
        fake.survey(a_plan(asking=side_by_side))
    assert fake.place.open == 0


def test_what_cannot_be_recorded_is_raised_as_it_is() -> None:
    fake = Fake(place=Kept(full=True))
    with pytest.raises(StoreError, match="the disk is full"):
        fake.survey()
    assert fake.place.open == 0


@pytest.mark.parametrize("kept", range(ASKED + 1))
def test_a_resumed_survey_asks_what_is_missing_and_nothing_twice(kept: int) -> None:
    whole = Fake()
    whole.survey()
    lines = (whole.place.data or b"").splitlines(keepends=True)
    again = Fake(place=Kept(b"".join(lines[: 1 + kept])))
    made = again.survey(resume=True)
    assert made is not None
    assert again.place.ids() == whole.place.ids()
    assert len(again.sent) == ASKED - kept
    assert f"resuming: {kept} exchanges are there already" in again.said


def test_a_torn_line_is_kept_aside_and_asked_again() -> None:
    whole = Fake()
    whole.survey()
    data = whole.place.data or b""
    cut = data[:-20]
    torn = cut[cut.rfind(b"\n") + 1 :]
    again = Fake(place=Kept(cut))
    again.survey(resume=True)
    assert again.place.torn == [torn]
    assert again.place.ids() == whole.place.ids()
    expected = f"kept/run.jsonl: the last line was torn ({len(torn)} bytes); kept in run.jsonl.torn and asked again"
    assert again.said[2:4] == [expected, f"resuming: {ASKED - 1} exchanges are there already"]


def test_a_recording_broken_off_in_its_first_line_is_begun_anew() -> None:
    fake = Fake(place=Kept(dump_head(a_run(*PACKS)).encode()[:40]))
    fake.survey(resume=True)
    assert "kept/run.jsonl: broken off before its first line was whole; begun anew" in fake.said
    assert fake.place.ids().total() == ASKED


@pytest.mark.parametrize(
    ("what", "other"),
    [("draws", 2), ("seed", 7), ("packs", PACKS[:1]), ("variants", (("v", "Be brief."),)), ("endpoints", ())],
)
def test_a_recording_of_other_options_is_refused_and_stays(what: str, other: object) -> None:
    run = a_run(*PACKS)
    fields: dict[str, object] = {what: other or run.endpoints[:1]}
    begun = dump_head(replace(run, **fields)).encode()  # type: ignore[arg-type]  # one field, by its name
    fake = Fake(place=Kept(begun))
    with pytest.raises(SpecError, match=f"was begun with other {what}; give the same options to --resume it"):
        fake.survey(a_plan(run), resume=True)
    assert (fake.place.data, fake.place.open, fake.sent) == (begun, 0, [])


def test_a_recording_that_is_there_is_not_touched_without_resume() -> None:
    begun = dump_head(a_run(*PACKS)).encode()
    fake = Fake(place=Kept(begun))
    with pytest.raises(SpecError, match="there already"):
        fake.survey()
    assert (fake.place.data, fake.sent) == (begun, [])


def test_a_target_that_answers_the_hello_and_then_nothing_is_silent_and_stays_recorded() -> None:
    fake = Fake(either(down, lambda e, a: e.name == "target" and a.key.probe != HELLO, says))
    with pytest.raises(TargetSilent, match="answered the first hello and then nothing"):
        fake.survey()
    assert fake.place.ids().total() == ASKED
    assert fake.said[-1] == "recorded in kept/run.jsonl"


def test_collected_answers_are_recorded_first_and_the_target_is_not_asked() -> None:
    run = a_run(*PACKS)
    collected = tuple(s for s in make_plan(run) if s.endpoint.role == "target" and s.ask.key.probe != HELLO)
    run = replace(run, draws=0, exchanges=tuple(says(*s) for s in collected))
    slots = [s for s in make_plan(replace(run, draws=1)) if s.endpoint.role == "reference"]
    fake = Fake()
    made = fake.survey(SurveyPlan(run=run, slots=slots, limits=FREE, words=lambda run, cost: "as collected"))
    assert made is not None
    assert {name for name, _, _ in fake.sent} == {"ref0", "ref1"}
    assert fake.opened == [("ref0", "ref1")]
    assert made.exchanges[:2] == run.exchanges
    assert len(made.exchanges) == 2 + 6


def test_a_new_run_is_called_by_its_moment_and_the_targets_host() -> None:
    endpoints = (an_endpoint("target", "target", url="http://[::1]:8/v1"), an_endpoint("ref0"))
    measuring = Instrument(versions=(), host="test", vantage="here")
    run = new_run(endpoints, packs=PACKS, draws=2, seed=3, instrument=measuring, now=START, note="why")
    assert run.id == f"{START:%Y%m%dT%H%M%S}.000000Z---1"
    assert (run.endpoints, run.packs, run.draws, run.seed) == (endpoints, PACKS, 2, 3)
    assert (run.note, run.exchanges, run.instrument) == ("why", (), measuring)
