"""The clipboard of the person at the keyboard, by whatever program of their desktop reaches it."""

import base64
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

PATIENCE_S = 5.0
"""For a program that copies or pastes; a desktop that does not answer is as good as none."""

POWERSHELL = ("powershell.exe", "-NoProfile", "-Command")
WINDOWS_COPY = "[Console]::InputEncoding = [Text.Encoding]::UTF8; Set-Clipboard -Value ([Console]::In.ReadToEnd())"
WINDOWS_PASTE = "[Console]::OutputEncoding = [Text.Encoding]::UTF8; [Console]::Out.Write((Get-Clipboard -Raw))"
"""Not clip.exe: that takes and gives the code page of the console, in which most scripts are lost."""

Command = tuple[str, ...]


class Clipboard(NamedTuple):
    """How to put text there and how to take it out, as commands; () where there is no way."""

    copying: Command
    pasting: Command

    def copy(self, text: str) -> bool:
        """Whether it worked."""
        return bool(self.copying) and _run(self.copying, text.encode()) is not None

    def paste(self) -> bytes | None:
        """What it holds, byte for byte; None where it cannot be read."""
        return _run(self.pasting, b"") if self.pasting else None


NO_CLIPBOARD = Clipboard((), ())


def find_clipboard(
    environment: Mapping[str, str],
    *,
    platform: str = sys.platform,
    which: Callable[[str], str | None] = shutil.which,
) -> Clipboard:
    """The clipboard of this desktop: macOS, Wayland, X11, or Windows around a WSL; NONE where there is none.

    >>> find_clipboard({"DISPLAY": ":0"}, platform="linux", which={"xclip": "/usr/bin/xclip"}.get).pasting
    ('xclip', '-selection', 'clipboard', '-o')
    """
    known: list[tuple[bool, Clipboard]] = [
        (platform == "darwin", Clipboard(("pbcopy",), ("pbpaste",))),
        ("WAYLAND_DISPLAY" in environment, Clipboard(("wl-copy",), ("wl-paste", "--no-newline"))),
        ("DISPLAY" in environment, _xclip()),
        ("DISPLAY" in environment, Clipboard(("xsel", "-ib"), ("xsel", "-ob"))),
        (True, Clipboard((*POWERSHELL, WINDOWS_COPY), (*POWERSHELL, WINDOWS_PASTE))),
    ]
    fits = (c for here, c in known if here and which(c.copying[0]) and which(c.pasting[0]))
    return next(fits, NO_CLIPBOARD)


def osc_52(text: str) -> str:
    """The control sequence by which most terminals, also remote ones, take text into their clipboard.

    >>> osc_52("a")
    '\\x1b]52;c;YQ==\\x07'
    """
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


def _xclip() -> Clipboard:
    command = ("xclip", "-selection", "clipboard")
    return Clipboard((*command, "-i"), (*command, "-o"))


def _run(command: Command, data: bytes) -> bytes | None:
    """What it writes; None where it fails. One that stays behind to serve the text, as xclip, is not waited for."""
    copying = bool(data)
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.DEVNULL if copying else subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout or b""
