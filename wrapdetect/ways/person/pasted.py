"""A bot that nothing can drive: a person is shown each question, puts it, and hands the answer back.

The answer comes from the terminal, until a line with a single "." or Ctrl-D, or from the clipboard. What is pasted is
kept byte for byte and never shown raw.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from wrapdetect.dialects import Call
from wrapdetect.model import NEVER_SHOWN, Ask, Chunk, Endpoint, Exchange, Failure, FailureKind, Missing
from wrapdetect.model.prose import quote
from wrapdetect.runs.ask import StoppedByHand as StoppedByHand
from wrapdetect.ways.person.clipboard import NO_CLIPBOARD, Clipboard

UNKNOWN_MOMENT: tuple[Missing, ...] = ("request", "status", "raw_chunks", "times", *NEVER_SHOWN, "markup")
"""What nobody sees who is handed an answer by a person; how fast people copy is no evidence."""
SKIPPED = "not put to the bot: skipped by hand"
_HOW = 'Paste the answer, then a line with a single "." (or Ctrl-D).'
COMMANDS = "Or, alone on the first line: c takes the clipboard, s skips, f the bot failed, q stops and keeps."
LITERALLY = r"An answer that is one such letter itself: \c, \s, \f, \q."
LONGEST_LINE = 4095
"""Bytes of one line that a terminal hands over; the rest of a longer one is lost before we see it."""


class _Said(NamedTuple):
    """What the person handed back: the answer, or why there is none."""

    text: bytes
    failure: Failure | None = None


class PersonSender:
    """`send` for run_slots, by a person at the keyboard: one question at a time, in the order they come.

    `source` is the descriptor of what they type (a terminal or a pipe), `show` writes text for them, and `offer` puts a
    question where it can be pasted from, telling whether it could. `done` of the `total` questions were put in an
    earlier session. Whoever sends the turns of one conversation one
    after the other must send no other in between.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        source: int,
        show: Callable[[str], None],
        offer: Callable[[str], bool],
        clipboard: Clipboard = NO_CLIPBOARD,
        total: int = 0,
        done: int = 0,
    ) -> None:
        self._now, self._stopwatch, self._show, self._offer = now, stopwatch, show, offer
        self._source, self._clipboard, self._total = source, clipboard, total
        self._lock = asyncio.Lock()
        self._shown, self._explained, self._before = done, False, b""

    async def __aenter__(self) -> Self:
        self._lines = _Lines(self._source)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        """Show the question and wait for the answer. Raises StoppedByHand where the person stops, or input ends."""
        prompt = str(call.body["prompt"])
        async with self._lock:
            await self._present(ask, turn, prompt)
            started, begun = self._now(), self._stopwatch()
            said = await self._hear(prompt)
            took_s = self._stopwatch() - begun
        return Exchange(
            endpoint=endpoint.name,
            ask=ask.key,
            turn=turn,
            attempt=attempt,
            started=started,
            sent=prompt,
            status=None,
            headers=(),
            chunks=(Chunk(t_s=took_s, data=said.text),) if said.text else (),
            ended_s=took_s,
            failure=said.failure,
            missing=UNKNOWN_MOMENT,
        )

    async def _present(self, ask: Ask, turn: int, prompt: str) -> None:
        self._shown += 1
        number = f"{self._shown} of {self._total}" if self._total else str(self._shown)
        place = "start a NEW conversation" if turn == 0 else f"same conversation, turn {turn + 1} of {len(ask.turns)}"
        self._show(f"\n--- {number}: {place} ---\n{_printable(prompt)}\n---\n")
        offered = await asyncio.to_thread(self._offer, prompt)  # references are timed meanwhile
        self._show(f"{'The question is in the clipboard. ' if offered else ''}{_HOW}\n")
        if not self._explained:
            self._explained = True
            self._show(f"{COMMANDS}\n{LITERALLY}\n")

    async def _hear(self, prompt: str) -> _Said:
        """Until there is an answer or a reason for none."""
        while True:
            first = await self._lines.next()
            match None if first is None else first.strip():
                case None | b"q":
                    raise StoppedByHand
                case b"s":
                    return _Said(b"", Failure(kind=FailureKind.REFUSED, detail=SKIPPED))
                case b"f":
                    return _Said(b"", await self._why())
                case b"c":
                    text = await self._pasted(prompt)
                case b".":
                    text = b""
                case _:
                    text = await self._typed(first or b"")
            if text is not None:
                self._before = text
                self._show(f"{_told(text)}\n")
                return _Said(text)

    async def _why(self) -> Failure:
        self._show("What did it say, or what happened? One line:\n")
        words = quote((await self._lines.next() or b"").decode(errors="replace"), 300)
        return Failure(kind=FailureKind.SERVER, detail=words or "the bot failed, says the person who asked it")

    async def _typed(self, first: bytes) -> bytes | None:
        """The lines up to the single "."; None where the terminal has cut one, so that they are no whole answer."""
        line: bytes | None = first[1:] if first.strip() in (rb"\c", rb"\s", rb"\f", rb"\q") else first
        lines: list[bytes] = []
        while line is not None and line.strip() != b".":
            lines.append(line)
            line = await self._lines.next()
        if self._lines.on_terminal and any(len(kept) >= LONGEST_LINE for kept in lines):
            self._show(
                f"Not kept: the terminal cuts lines at {LONGEST_LINE:,} bytes. Copy the answer, then type c and Enter "
                "(or paste it again with line breaks).\n"
            )
            return None
        return b"".join(lines).removesuffix(b"\n").removesuffix(b"\r")

    async def _pasted(self, prompt: str) -> bytes | None:
        """What the clipboard holds; None, with a word, where that is no new answer."""
        text = await asyncio.to_thread(self._clipboard.paste)
        if text is None:
            self._show(f"No clipboard can be read here. {_HOW}\n")
            return None
        if text.strip() in (b"", prompt.strip().encode()):
            self._show("The clipboard holds no answer yet: copy the bot's answer, then c again.\n")
            return None
        if text == self._before:
            self._before = b""  # the second time it is meant
            self._show("The clipboard holds the answer before. If the bot said the same again: c once more.\n")
            return None
        return text


def _printable(text: str) -> str:
    """With its line breaks, and nothing else that could drive a terminal.

    >>> _printable("a\\n\\x1b[31mb")
    'a\\n?[31mb'
    """
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in text.split("\n"))


def _told(text: bytes) -> str:
    """What was taken, in a line.

    >>> _told(b"Hi\\x1b[2J there"), _told(b"")
    ('Taken, 12 characters: “Hi?[2J there”', 'Taken: an empty answer.')
    """
    if not text.strip():
        return "Taken: an empty answer."
    try:
        said = text.decode()
    except UnicodeDecodeError as error:
        return f"Taken, {len(text):,} bytes that are not UTF-8 text (byte {error.start}); kept, and read as garbled."
    return f"Taken, {len(said):,} characters: “{quote(said, 60)}”"


class _Lines:
    """Lines of a descriptor as they come, read by a thread of its own, which nobody has to wait for at the end."""

    def __init__(self, source: int) -> None:
        self.on_terminal = os.isatty(source)
        self._loop, self._queue, self._over = asyncio.get_running_loop(), asyncio.Queue[bytes | None](), False
        self._closed = threading.Event()
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    async def next(self) -> bytes | None:
        """The next line, with its end; None where input ends (on a terminal, for now)."""
        if self._over:
            return None
        line = await self._queue.get()
        self._over = line is None and not self.on_terminal
        return line

    def close(self) -> None:
        self._closed.set()

    def _read(self, source: int) -> None:
        rest = b""
        while not self._closed.is_set():
            try:
                data = os.read(source, 65536)
            except OSError:  # closed, or no longer ours to read (a job in the background)
                data = b""
            *lines, rest = (rest + data).split(b"\n")
            found: list[bytes | None] = [line + b"\n" for line in lines]
            if not data:
                found += [*([rest] if rest else []), None]
                rest = b""
            if not self._hand_over(found) or (not data and not self.on_terminal):
                return

    def _hand_over(self, lines: list[bytes | None]) -> bool:
        """False where nobody listens any more."""
        try:
            for line in lines:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
        except RuntimeError:  # the loop is closed
            return False
        return True
