"""Where a conversation on a chat page stands, and what comes next: its states, their events, and the table of both.

A state says what is being done, an event what came of it. Pure: who does it is ways/page/talk.

    loading      the address is loaded                           done -> logging_in
    logging_in   the user's steps, if there are any              done -> looking, led_away -> reloading
    reloading    the address once more                           done -> looking
    looking      for the box: consent, closed chats, walls       found -> beginning
    beginning    a new chat is begun, where the user says how    done -> ready
    ready        a question may be put                           asked -> finding
    finding      the box again, which may be another             found -> typing, tried_twice -> failed
    typing       the question is put into it                     done -> entering, button_known -> pressing
    entering     Enter is pressed                                done -> sent, unheard -> retyping
    retyping     the question again: Enter may add a line        done -> pressing
    pressing     the button is pressed                           done -> sent
    sent         does anything come of it?                       went -> watching, emptied -> finding, stuck -> failed
    watching     the answer grows                                growing -> watching, whole -> settling
    settling     it is looked at once more                       growing -> watching, whole -> checking
    checking     is it an answer, and no wall, no error?         done -> ready, limited -> ready
    failed       nothing more
    closed       nothing more

From every state but the last two, limited (unless it says otherwise), stopped, broke and late -> failed; from every
state, closed -> closed. Two things are in no table: `found` is tried_twice where the question was typed so often, and
`done` of typing is button_known where a button sent before, or the user names it. So within a question only `growing`
can come for ever, and `late` ends that.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum, auto

from wrapdetect.model import Failure, FailureKind

TRIES = 2
"""How often a question is typed: a page that still loads may lose the first."""


class PageState(StrEnum):
    """What is being done."""

    LOADING = auto()
    LOGGING_IN = auto()
    RELOADING = auto()
    LOOKING = auto()
    BEGINNING = auto()
    READY = auto()
    FINDING = auto()
    TYPING = auto()
    ENTERING = auto()
    RETYPING = auto()
    PRESSING = auto()
    SENT = auto()
    WATCHING = auto()
    SETTLING = auto()
    CHECKING = auto()
    FAILED = auto()
    CLOSED = auto()


class PageEvent(StrEnum):
    """What came of it."""

    DONE = auto()
    LED_AWAY = auto()
    FOUND = auto()
    TRIED_TWICE = auto()
    ASKED = auto()
    BUTTON_KNOWN = auto()
    UNHEARD = auto()
    WENT = auto()
    EMPTIED = auto()
    STUCK = auto()
    GROWING = auto()
    WHOLE = auto()
    LIMITED = auto()
    STOPPED = auto()
    BROKE = auto()
    LATE = auto()
    CLOSED = auto()


OPENING = (PageState.LOADING, PageState.LOGGING_IN, PageState.RELOADING, PageState.LOOKING, PageState.BEGINNING)
"""States before the first question."""
ENDS = (PageState.FAILED, PageState.CLOSED)
_WAY: Mapping[PageState, Mapping[PageEvent, PageState]] = {
    PageState.LOADING: {PageEvent.DONE: PageState.LOGGING_IN},
    PageState.LOGGING_IN: {PageEvent.DONE: PageState.LOOKING, PageEvent.LED_AWAY: PageState.RELOADING},
    PageState.RELOADING: {PageEvent.DONE: PageState.LOOKING},
    PageState.LOOKING: {PageEvent.FOUND: PageState.BEGINNING},
    PageState.BEGINNING: {PageEvent.DONE: PageState.READY},
    PageState.READY: {PageEvent.ASKED: PageState.FINDING},
    PageState.FINDING: {PageEvent.FOUND: PageState.TYPING, PageEvent.TRIED_TWICE: PageState.FAILED},
    PageState.TYPING: {PageEvent.DONE: PageState.ENTERING, PageEvent.BUTTON_KNOWN: PageState.PRESSING},
    PageState.ENTERING: {PageEvent.DONE: PageState.SENT, PageEvent.UNHEARD: PageState.RETYPING},
    PageState.RETYPING: {PageEvent.DONE: PageState.PRESSING},
    PageState.PRESSING: {PageEvent.DONE: PageState.SENT},
    PageState.SENT: {
        PageEvent.WENT: PageState.WATCHING,
        PageEvent.EMPTIED: PageState.FINDING,
        PageEvent.STUCK: PageState.FAILED,
    },
    PageState.WATCHING: {PageEvent.GROWING: PageState.WATCHING, PageEvent.WHOLE: PageState.SETTLING},
    PageState.SETTLING: {PageEvent.GROWING: PageState.WATCHING, PageEvent.WHOLE: PageState.CHECKING},
    PageState.CHECKING: {PageEvent.DONE: PageState.READY, PageEvent.LIMITED: PageState.READY},
}
_FAILING = dict.fromkeys((PageEvent.LIMITED, PageEvent.STOPPED, PageEvent.BROKE, PageEvent.LATE), PageState.FAILED)
_ENDING = {PageEvent.CLOSED: PageState.CLOSED}
TRANSITIONS: Mapping[PageState, Mapping[PageEvent, PageState]] = {
    **{state: {**_FAILING, **way, **_ENDING} for state, way in _WAY.items()},
    **dict.fromkeys(ENDS, _ENDING),
}
"""The table: what follows on each event that a state answers."""
FAILURES: Mapping[PageEvent, Failure] = {
    PageEvent.TRIED_TWICE: Failure(kind=FailureKind.REFUSED, detail="the page emptied its box twice and sent nothing"),
    PageEvent.STUCK: Failure(
        kind=FailureKind.GARBLED,
        detail="the question stayed in its box: neither Enter nor a button sent it; name the button with send =",
    ),
}
"""What the events that fail by themselves say; others come with a failure of their own."""

Deeds = Mapping[PageState, Callable[[], Awaitable[PageEvent]]]
"""What is done in each state, telling what came of it."""


class PageCourse:
    """The way of one conversation through the table.

    >>> course = PageCourse()
    >>> course.take(PageEvent.DONE), course.take(PageEvent.LED_AWAY)
    (<PageState.LOGGING_IN: 'logging_in'>, <PageState.RELOADING: 'reloading'>)
    """

    def __init__(self, *, by_button: bool = False) -> None:
        self.state = PageState.LOADING
        self.tries = 0
        """How often the question was typed."""
        self.by_button = by_button
        """Whether Enter is not tried (any more)."""
        self.failure: Failure | None = None
        """What failed, where the table alone says so."""

    def take(self, event: PageEvent) -> PageState:
        """Go on to the state that follows. Raises RuntimeError for an event that this state does not know: that would
        be a bug of ours."""
        before, event = self.state, self._told_apart(event)
        known = TRANSITIONS[before]
        if event not in known:
            raise RuntimeError(f"a page's talk is {before}, and got {event}; expected one of {', '.join(known)}")
        self.state, self.failure = known[event], FAILURES.get(event)
        self.tries = 0 if event is PageEvent.ASKED else self.tries + (self.state is PageState.TYPING)
        self.by_button = self.by_button or (before is PageState.PRESSING and event is PageEvent.DONE)
        return self.state

    def _told_apart(self, event: PageEvent) -> PageEvent:
        match self.state, event:
            case PageState.FINDING, PageEvent.FOUND if self.tries == TRIES:
                return PageEvent.TRIED_TWICE
            case PageState.TYPING, PageEvent.DONE if self.by_button:
                return PageEvent.BUTTON_KNOWN
            case _:
                return event
