"""A page's talk goes through its table: each state is reached, each event answered or refused by name, and it ends."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import an_endpoint
from wrapdetect.model import Page
from wrapdetect.ways.page import states
from wrapdetect.ways.page.question import PageQuestion
from wrapdetect.ways.page.states import (
    ENDS,
    FAILURES,
    OPENING,
    TRANSITIONS,
    TRIES,
    Deeds,
    PageCourse,
    PageEvent,
    PageState,
)
from wrapdetect.ways.page.tab import Tab
from wrapdetect.ways.page.talk import _Opening
from wrapdetect.ways.page.watch import PageWatch, Turn

E, S = PageEvent, PageState
EVERYWHERE = {E.LIMITED: S.FAILED, E.STOPPED: S.FAILED, E.BROKE: S.FAILED, E.LATE: S.FAILED, E.CLOSED: S.CLOSED}
OPENED = (E.DONE, E.DONE, E.FOUND, E.DONE)
LONGEST_QUESTION = TRIES * 6 + 3
"""Events of a question that is typed TRIES times and then watched, `growing` aside."""


def course_in(state: PageState) -> PageCourse:
    course = PageCourse()
    course.state = state
    return course


def after(*events: PageEvent, by_button: bool = False) -> PageCourse:
    course = PageCourse(by_button=by_button)
    for event in events:
        course.take(event)
    return course


def drawn() -> dict[PageState, dict[PageEvent, PageState]]:
    """The table as the docstring draws it."""
    table: dict[PageState, dict[PageEvent, PageState]] = {}
    for name, arrows in re.findall(
        r"^    (\w+)  .*?((?:\w+ -> \w+(?:, )?)+|nothing more)$", states.__doc__ or "", re.M
    ):
        table[S(name)] = {E(event): S(then) for event, then in re.findall(r"(\w+) -> (\w+)", arrows)}
    return table


def test_the_table_is_the_one_that_is_drawn() -> None:
    found = drawn()
    assert found.keys() == set(PageState)
    for state, arrows in found.items():
        everywhere = {E.CLOSED: S.CLOSED} if state in ENDS else EVERYWHERE
        assert TRANSITIONS[state] == {**everywhere, **arrows}, state


def test_every_state_is_reached_and_every_event_moves_something() -> None:
    reached, new = set[PageState](), {S.LOADING}
    while new:
        reached |= new
        new = {then for state in new for then in TRANSITIONS[state].values()} - reached
    assert reached == set(PageState)
    assert {event for known in TRANSITIONS.values() for event in known} == set(PageEvent)


@pytest.mark.parametrize("state", PageState)
def test_every_event_is_answered_or_refused_by_name(state: PageState) -> None:
    for event in PageEvent:
        course = course_in(state)
        if event in TRANSITIONS[state]:
            assert course.take(event) is course.state is TRANSITIONS[state][event]
        else:
            expected = ", ".join(TRANSITIONS[state])
            with pytest.raises(RuntimeError, match=f"talk is {state}, and got {event}; expected one of {expected}$"):
                course.take(event)
            assert course.state is state


@pytest.mark.parametrize("state", [s for s in PageState if s not in ENDS])
def test_whatever_is_being_done_our_limit_and_the_end_of_the_browser_end_it(state: PageState) -> None:
    for event in (E.LATE, E.BROKE):
        course = course_in(state)
        assert course.take(event) is S.FAILED
        assert course.take(E.CLOSED) is S.CLOSED


@given(st.data(), st.booleans())
def test_any_question_ends_once_nothing_grows_any_more(data: st.DataObject, by_button: bool) -> None:
    course = after(*OPENED, E.ASKED, by_button=by_button)
    taken = 0
    while course.state not in (S.READY, *ENDS):
        possible = sorted(set(TRANSITIONS[course.state]) - {E.GROWING})
        course.take(data.draw(st.sampled_from(possible)))
        taken += 1
        assert taken <= LONGEST_QUESTION
        assert course.tries <= TRIES


@given(st.lists(st.sampled_from(PageEvent), max_size=60))
def test_whatever_comes_is_answered_or_changes_nothing_and_nothing_leaves_the_end(events: list[PageEvent]) -> None:
    course = PageCourse()
    for event in events:
        before = course.state
        if event in TRANSITIONS[before]:
            course.take(event)
            assert before not in ENDS or course.state is S.CLOSED
        else:
            with pytest.raises(RuntimeError):
                course.take(event)
            assert course.state is before
    if course.state not in ENDS:
        assert course.take(E.LATE) is S.FAILED


# What is in no table


def test_a_page_that_empties_its_box_is_typed_into_twice() -> None:
    lost = (E.FOUND, E.DONE, E.DONE, E.EMPTIED)
    course = after(*OPENED, E.ASKED, *lost, *lost)
    assert (course.state, course.tries, course.failure) == (S.FINDING, 2, None)
    assert course.take(E.FOUND) is S.FAILED
    assert course.failure == FAILURES[E.TRIED_TWICE]


def test_the_tries_of_one_question_are_not_those_of_the_next() -> None:
    answered = (E.FOUND, E.DONE, E.DONE, E.WENT, E.WHOLE, E.WHOLE, E.DONE)
    course = after(*OPENED, E.ASKED, E.FOUND, E.DONE, E.DONE, E.EMPTIED, *answered, E.ASKED)
    assert (course.state, course.tries) == (S.FINDING, 0)


def test_where_enter_does_nothing_the_button_is_pressed_and_from_then_on_alone() -> None:
    course = after(*OPENED, E.ASKED, E.FOUND, E.DONE, E.UNHEARD, E.DONE)
    assert course.state is S.PRESSING
    for event in (E.DONE, E.WENT, E.WHOLE, E.GROWING, E.WHOLE, E.WHOLE, E.DONE, E.ASKED, E.FOUND):
        course.take(event)
    assert course.take(E.DONE) is S.PRESSING
    assert after(*OPENED, E.ASKED, E.FOUND, E.DONE, by_button=True).state is S.PRESSING
    assert after(*OPENED, E.ASKED, E.FOUND, E.DONE).state is S.ENTERING


def test_a_page_that_is_asked_too_often_may_be_asked_again_and_one_that_does_not_open_may_not() -> None:
    assert after(*OPENED, E.ASKED, E.FOUND, E.DONE, E.DONE, E.WENT, E.WHOLE, E.WHOLE, E.LIMITED).state is S.READY
    assert after(E.LIMITED).state is S.FAILED


def deeds() -> tuple[Deeds, Deeds]:
    """What is done until a first question may be put, and from then on; no browser is asked."""
    tab = Tab(None, None)  # type: ignore[arg-type]
    bot = an_endpoint("bot", "target", dialect="page")
    opening = _Opening(tab, bot, typed=(), variables={}, limit_s=1.0)
    turn, watch = Turn(question="?"), PageWatch(tab, "")
    question = PageQuestion(tab, Page(), watch, PageCourse(), turn=turn, stopwatch=lambda: 0.0, limit_s=1.0)
    return opening.deeds(), question.deeds()


def test_in_every_state_but_those_of_rest_there_is_something_to_do() -> None:
    opening, asking = deeds()
    assert set(opening) == set(OPENING)
    assert set(asking) == set(PageState) - {*OPENING, S.READY, *ENDS}


def test_what_is_done_in_a_state_tells_what_that_state_answers() -> None:
    for state, deed in {**deeds()[0], **deeds()[1]}.items():
        told = {E[name] for name in re.findall(r"\bPageEvent\.([A-Z_]+)", inspect.getsource(deed))}
        assert told, state
        assert told <= set(TRANSITIONS[state]), state
