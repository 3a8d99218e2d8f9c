"""What is printed: no key that was read, no control, no character that the terminal's encoding lacks."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.warm_cli import cold
from tests.ways.misbehaving import fixed, serving
from wrapdetect.ways import output
from wrapdetect.ways.output import Guarded

KEY = "qk7Wn3TzRb82LxVd95MhYc4P"


class _Stream(io.TextIOWrapper):
    """A stream of some encoding, which may be a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def written(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def printed(text: str, encoding: str = "utf-8", *, terminal: bool = False) -> str:
    stream = _Stream(encoding, terminal=terminal)
    Guarded(stream).write(text)
    return stream.written()


UNFIT = [
    *("\0", "\x07", "\x08", "\x0b", "\x1b", "\x7f", "\x80", "\x9b", "\xad", "\u061c", "\u200b", "\u200e", "\u202a"),
    *("\u202e", "\u2028", "\u2029", "\u2066", "\u2069", "\ufeff", "\ud800", "\udfff", "\U000e0041", "\r"),
]


@pytest.mark.parametrize("char", UNFIT, ids=lambda c: f"{ord(c):x}")
@pytest.mark.parametrize("terminal", [True, False])
def test_what_drives_or_hides_is_escaped_and_json_stays_json(char: str, terminal: bool) -> None:
    out = printed(json.dumps({"said": f"a{char}b"}, ensure_ascii=False), terminal=terminal)
    assert char not in out
    assert json.loads(out) == {"said": f"a{char}b"}


@pytest.mark.parametrize("text", ["Größe €", "潮汐 🌊", "می‌خواهم", "👩‍👧", "a\tb\nc", "a\u00a0b", "क्‍ष"])
def test_text_of_any_language_is_printed_as_it_is(text: str) -> None:
    assert printed(text) == text


def test_colours_are_for_terminals_only_and_nothing_else_is() -> None:
    assert printed("\x1b[31mred\x1b[0m", terminal=True) == "\x1b[31mred\x1b[0m"
    assert printed("\x1b[31mred") == "\\u001b[31mred"
    assert "\x1b" not in printed("\x1b]0;title\x07 \x1b[2J \x1b[?25l", terminal=True)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437", "iso8859-15"])
def test_what_an_encoding_lacks_is_escaped(encoding: str) -> None:
    text = "probability ≥ 0.9 — “wrapper” 潮 é"
    out = printed(json.dumps(text, ensure_ascii=False), encoding)
    assert json.loads(out) == text


def test_a_forbidden_secret_is_printed_in_no_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_secrets", {KEY})
    for spelt in (KEY, KEY.upper(), "".join(f"\\u{ord(c):04x}" for c in KEY), KEY.encode().hex()):
        assert printed(f"key {spelt}!") == f"key {'*' * len(spelt)}!"


def test_guarding_twice_guards_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, _Stream())
    output.guard()
    first = sys.stdout
    output.guard()
    assert sys.stdout is first
    assert isinstance(first, Guarded)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_hostile_bot_reaches_no_terminal(tmp_path: Path, encoding: str) -> None:
    said = f"m\ud800\x1b]0;x\x07\x9b31m\u202e\u2028 é 潮 {KEY}"
    body = {"model": said, "choices": [{"message": {"content": said}, "finish_reason": "stop"}]}
    with serving(fixed(json.dumps(body).encode())) as server:
        config = tmp_path / "t.toml"
        config.write_text(f'[target]\nurl = "{server.url}"\nmodel = "m"\nstream = false\nkey_env = "BOT_KEY"\n')
        done = cold("target", "check", str(config), cwd=tmp_path, BOT_KEY=KEY, PYTHONIOENCODING=encoding)
    shown = done.out + done.err
    assert "Traceback" not in shown
    assert KEY not in shown
    assert all(c.isprintable() or c in "\n\t" for c in shown)
