"""A person at the keyboard: what they type, paste or say of the bot becomes an exchange, and drives no terminal."""

import asyncio
import os
import pty
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import START, an_endpoint, read_as
from wrapdetect.dialects import encode
from wrapdetect.dialects.base import EMPTY
from wrapdetect.model import Ask, AskKey, Exchange, FailureKind
from wrapdetect.ways.person.clipboard import NO_CLIPBOARD, Clipboard, find_clipboard
from wrapdetect.ways.person.pasted import COMMANDS, LONGEST_LINE, SKIPPED, UNKNOWN_MOMENT, PersonSender, StoppedByHand

BOT = an_endpoint("target", "target", dialect="pasted")


def an_ask(*turns: str, item: str = "tides") -> Ask:
    return Ask(key=AskKey("style", item, 0), turns=turns or ("Why?",), system="", temperature=0.7, max_tokens=100)


@contextmanager
def typed(text: bytes) -> Iterator[int]:
    """A descriptor from which this can be read, and then the end; written beside, for a pipe holds little."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(text)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield reading
    finally:
        thread.join()
        os.close(reading)


@dataclass
class Desk:
    """A person's sender, and all that was shown to them."""

    source: int
    clipboard: Clipboard = NO_CLIPBOARD
    total: int = 0
    done: int = 0
    shown: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)

    def ask(self, *asks: Ask) -> list[Exchange]:
        """Put each, turn after turn, as run_slots does."""
        return asyncio.run(self._ask(asks))

    @property
    def text(self) -> str:
        return "".join(self.shown)

    async def _ask(self, asks: Sequence[Ask]) -> list[Exchange]:
        async with self.sender() as send:
            found = []
            for ask in asks:
                answers: list[str] = []
                for turn in range(len(ask.turns)):
                    call = encode(ask, answers, BOT)
                    found.append(await send(BOT, ask, turn, 0, call))
                    reply = read_as(found[-1], "pasted")
                    if reply.failure is not None:
                        break
                    answers.append(reply.text)
            return found

    def sender(self) -> PersonSender:
        def offer(prompt: str) -> bool:
            self.offered.append(prompt)
            return self.clipboard.copying != ()

        return PersonSender(
            now=lambda: START,
            stopwatch=iter(range(1000)).__next__,
            source=self.source,
            show=self.shown.append,
            offer=offer,
            clipboard=self.clipboard,
            total=self.total,
            done=self.done,
        )


def heard(text: bytes, *asks: Ask) -> tuple[list[Exchange], Desk]:
    with typed(text) as source:
        desk = Desk(source)
        return desk.ask(*(asks or (an_ask(),))), desk


def text_of(exchange: Exchange) -> str:
    return read_as(exchange, "pasted").text


def test_an_answer_ends_with_a_single_dot_and_is_kept_byte_for_byte() -> None:
    (exchange,), desk = heard(b"The moon \xe6\x9c\x88\r\n\n  pulls.\n.\n")
    assert text_of(exchange) == "The moon 月\r\n\n  pulls."
    assert (exchange.failure, exchange.status, exchange.started) == (None, None, START)
    assert exchange.missing == UNKNOWN_MOMENT
    assert "times" in exchange.missing
    assert exchange.sent == "Why?"
    assert desk.offered == ["Why?"]


def test_the_end_of_input_ends_an_answer_too() -> None:
    (exchange,), _ = heard(b"Pulled by the moon")
    assert text_of(exchange) == "Pulled by the moon"


def test_turns_of_one_conversation_are_announced_as_such() -> None:
    found, desk = heard(b"one\n.\ntwo\n.\nthree\n.\n", an_ask("Hello?", "And then?"), an_ask(item="other"))
    assert [(e.ask.item, e.turn, text_of(e)) for e in found] == [
        ("tides", 0, "one"),
        ("tides", 1, "two"),
        ("other", 0, "three"),
    ]
    first, second, third = (s for s in desk.shown if s.startswith("\n--- "))
    assert "start a NEW conversation" in first
    assert "same conversation, turn 2 of 2" in second
    assert "start a NEW conversation" in third


def test_a_session_that_goes_on_counts_on_and_explains_itself_once() -> None:
    with typed(b"one\n.\ntwo\n.\n") as source:
        desk = Desk(source, total=44, done=2)
        desk.ask(an_ask(), an_ask(item="other"))
    assert [s.split(":")[0] for s in desk.shown if s.startswith("\n--- ")] == ["\n--- 3 of 44", "\n--- 4 of 44"]
    assert desk.text.count(COMMANDS) == 1


def test_a_skipped_question_is_named_and_the_rest_goes_on() -> None:
    found, _ = heard(b"s\nfine\n.\n", an_ask("Hello?", "And then?"), an_ask(item="other"))
    first, second = found
    assert first.failure is not None
    assert (first.failure.kind, first.failure.detail) == (FailureKind.REFUSED, SKIPPED)
    assert text_of(second) == "fine"


def test_a_failure_of_the_bot_is_in_the_persons_words() -> None:
    (exchange,), _ = heard(b"f\nit says \x1b[31mtry later\n")
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.failure.detail) == (FailureKind.SERVER, "it says ?[31mtry later")
    (exchange,), _ = heard(b"f\n\n")
    assert exchange.failure is not None
    assert "says the person" in exchange.failure.detail


@pytest.mark.parametrize("text", [b"q\n", b"", b"one\n.\nq\n", b"one\n.\n"])
def test_stopping_and_the_end_of_input_stop_the_asking(text: bytes) -> None:
    with pytest.raises(StoppedByHand):
        heard(text, an_ask(), an_ask(item="other"))


@pytest.mark.parametrize("letter", ["c", "s", "f", "q"])
def test_an_answer_that_is_one_letter_can_be_given(letter: str) -> None:
    (exchange,), _ = heard(f"\\{letter}\n.\n".encode())
    assert text_of(exchange) == letter


def test_letters_within_an_answer_are_no_commands() -> None:
    (exchange,), _ = heard(b"The letters are\ns\nq\n.\n")
    assert text_of(exchange) == "The letters are\ns\nq"


@pytest.mark.parametrize("text", [b".\n", b"  \n\n.\n"])
def test_an_empty_answer_is_an_empty_answer(text: bytes) -> None:
    (exchange,), desk = heard(text)
    failure = read_as(exchange, "pasted").failure
    assert failure is not None
    assert failure.detail == EMPTY
    assert "an empty answer" in desk.text


def test_bytes_that_are_no_text_are_kept_and_named() -> None:
    (exchange,), desk = heard(b"caf\xe9\n.\n")
    assert exchange.chunks[0].data == b"caf\xe9"
    failure = read_as(exchange, "pasted").failure
    assert failure is not None
    assert (failure.kind, "invalid UTF-8" in failure.detail) == (FailureKind.GARBLED, True)
    assert "not UTF-8" in desk.text


def test_neither_question_nor_answer_drives_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\rgone"
    (exchange,), desk = heard(evil.encode() + b"\n.\n", an_ask(f"Repeat {evil}\nplease"))
    assert text_of(exchange) == evil
    assert not set(desk.text) & set("\x1b\x07\x9b\u202e\r")
    assert "\nplease\n" in desk.text


def test_a_long_answer_passes_whole() -> None:
    (exchange,), _ = heard(b"word " * 400_000 + b"\n.\n")
    assert len(text_of(exchange)) == 2_000_000


def test_many_questions_at_once_are_put_one_at_a_time() -> None:
    async def all_at_once(desk: Desk) -> list[Exchange]:
        async with desk.sender() as send:
            asks = [an_ask(item=f"i{n}") for n in range(5)]
            calls = [send(BOT, a, 0, 0, encode(a, [], BOT)) for a in asks]
            return await asyncio.gather(*calls)

    with typed(b"".join(b"%d\n.\n" % n for n in range(5))) as source:
        desk = Desk(source)
        found = asyncio.run(all_at_once(desk))
    assert [text_of(e) for e in found] == ["0", "1", "2", "3", "4"]
    kinds = ["question" if "NEW" in s else "taken" for s in desk.shown if "NEW" in s or "Taken" in s]
    assert kinds == ["question", "taken"] * 5


# The terminal itself


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The person's end, and the program's."""
    theirs, ours = pty.openpty()
    try:
        yield theirs, ours
    finally:
        os.close(theirs)
        os.close(ours)


def test_on_a_terminal_ctrl_d_ends_an_answer_and_the_next_is_asked() -> None:
    with terminal() as (theirs, ours):
        os.write(theirs, b"one\n\x04two\n.\n")
        found = Desk(ours).ask(an_ask(), an_ask(item="other"))
        os.write(theirs, b"\n")  # lets the reading thread see that nobody listens any more
    assert [text_of(e) for e in found] == ["one", "two"]


def test_a_line_that_the_terminal_has_cut_is_not_kept() -> None:
    with terminal() as (theirs, ours):
        line = b"x" * (LONGEST_LINE + 500)
        os.write(theirs, line + b"\n.\n")
        os.write(theirs, b"short\n.\n")
        desk = Desk(ours)
        (exchange,) = desk.ask(an_ask())
        os.write(theirs, b"\n")
    assert text_of(exchange) == "short"
    assert "Not kept: the terminal cuts lines" in desk.text


# The clipboard


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a shell script and gives its path."""

    def write(name: str, script: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


def test_c_takes_what_the_clipboard_holds(program: Callable[[str, str], str]) -> None:
    paste = program("paste", r"printf 'The m\303\266on\n pulls.'")
    with typed(b"c\n") as source:
        (exchange,) = Desk(source, Clipboard(("true",), (paste,))).ask(an_ask())
    assert text_of(exchange) == "The möon\n pulls."


def test_the_question_itself_is_no_answer(program: Callable[[str, str], str]) -> None:
    paste = program("paste", "printf 'Why? '")
    with typed(b"c\nmoon\n.\n") as source:
        desk = Desk(source, Clipboard(("true",), (paste,)))
        (exchange,) = desk.ask(an_ask())
    assert text_of(exchange) == "moon"
    assert "holds no answer yet" in desk.text
    assert "The question is in the clipboard" in desk.text


def test_the_answer_before_is_taken_only_when_it_is_meant(program: Callable[[str, str], str]) -> None:
    paste = program("paste", "printf same")
    with typed(b"c\nc\nc\n") as source:
        desk = Desk(source, Clipboard(("true",), (paste,)))
        found = desk.ask(an_ask(), an_ask(item="other"))
    assert [text_of(e) for e in found] == ["same", "same"]
    assert desk.text.count("holds the answer before") == 1


@pytest.mark.parametrize("script", ["exit 3", "sleep 0.01; exit 1"])
def test_a_clipboard_that_fails_is_said_and_the_terminal_is_there(
    script: str, program: Callable[[str, str], str]
) -> None:
    with typed(b"c\nmoon\n.\n") as source:
        desk = Desk(source, Clipboard(("true",), (program("paste", script),)))
        (exchange,) = desk.ask(an_ask())
    assert text_of(exchange) == "moon"
    assert "No clipboard can be read" in desk.text


def test_copying_hands_the_text_to_the_program(program: Callable[[str, str], str], tmp_path: Path) -> None:
    board = Clipboard((program("copy", f"cat > {tmp_path}/held"),), ())
    assert board.copy("Why? 月")
    assert (tmp_path / "held").read_text(encoding="utf-8") == "Why? 月"
    assert not Clipboard(("/no/such/program",), ()).copy("x")
    assert NO_CLIPBOARD.paste() is None


@pytest.mark.parametrize(
    ("environment", "platform", "there", "expected"),
    [
        ({}, "darwin", {"pbcopy", "pbpaste"}, "pbpaste"),
        ({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "linux", {"wl-copy", "wl-paste", "xclip"}, "wl-paste"),
        ({"DISPLAY": ":0"}, "linux", {"wl-copy", "wl-paste", "xclip"}, "xclip"),
        ({"DISPLAY": ":0"}, "linux", {"xsel"}, "xsel"),
        ({}, "linux", {"powershell.exe"}, "powershell.exe"),
        ({}, "linux", {"xclip", "wl-copy"}, None),
    ],
)
def test_the_clipboard_of_the_desktop_is_found(
    environment: dict[str, str], platform: str, there: set[str], expected: str | None
) -> None:
    found = find_clipboard(environment, platform=platform, which=lambda name: name if name in there else None)
    assert (found.pasting[0] if found.pasting else None) == expected
