"""An address looked at: what was found in words, and the target TOML that says so. Shared by target and audit."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError, TargetSilent
from wrapdetect.model import TARGET, Endpoint
from wrapdetect.model.prose import quote
from wrapdetect.secrets.variables import check_variable
from wrapdetect.targets.config import check_url, make_endpoint
from wrapdetect.targets.detect import Detection, Seen, detect, report
from wrapdetect.targets.detect.base import NEEDED_KEY
from wrapdetect.targets.written import dump_target
from wrapdetect.ways.keyring import read_keys
from wrapdetect.ways.look import observe

DEPLOYMENT_PATH = "/openai/deployments/"
KEY_HOLDER = Endpoint(name=TARGET, role="target", url="", model="")


class Looked(NamedTuple):
    """An address as it was looked at."""

    detection: Detection
    seen: tuple[Seen, ...]

    @property
    def endpoint(self) -> Endpoint:
        """Raises TargetSilent where there is no way to talk to it."""
        found = self.detection
        if found.endpoint is None:
            told = f"no way in was found ({found.found}): {found.why}; {'; '.join(found.missing)}"
            raise TargetSilent(quote(told, 1000))
        return found.endpoint


def look_at(url: str, *, key_env: str | None, model: str | None) -> Looked:
    """Look at an address by a handful of harmless requests, and say what was found on standard error.

    Raises SpecError for an address or key variable that cannot be used; nothing was sent then.
    """
    if key_env is not None:
        check_variable(key_env, "target, key variable")
    keyring = read_keys((replace(KEY_HOLDER, key_env=key_env),))
    if (told := _told_by_address(url, key_env, model)) is not None:
        for line in report(told, ()):
            say(line)
        return Looked(told, ())
    seen = asyncio.run(observe(_address(url), key=keyring.key_of(KEY_HOLDER)))
    detection = detect(_address(url), seen, key_env=key_env, model=model)
    for line in report(detection, seen):
        say(line)
    return Looked(detection, seen)


def toml_of(looked: Looked) -> str:
    """A target TOML that says what was found and what it lacks. Raises TargetSilent where there is no endpoint."""
    found = looked.detection
    body = dump_target(looked.endpoint)
    head = (f"found by wrapdetect: {found.found}", *(f"lacks {m}" for m in found.missing), *found.notes)
    return "".join(f"# {quote(line, 300)}\n" for line in head) + body


def write_new(path: Path, text: str) -> None:
    """Raises SpecError where the file is there already, or cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SpecError(f"{path} is there already, and nothing is overwritten; name another file") from error
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror}; name another file") from error


def write_beside(folder: Path, looked: Looked) -> Path:
    """<host>.toml in the folder (<host>-<port>.toml where a port is named), or -2.toml and so on where another stands
    there; the same one is kept."""
    text = toml_of(looked)
    parts = urlsplit(looked.endpoint.url)
    stem = (parts.hostname or TARGET).replace(":", "-") + (f"-{parts.port}" if parts.port else "")
    for number in range(1, 1000):
        path = folder / (f"{stem}.toml" if number == 1 else f"{stem}-{number}.toml")
        if not path.exists():
            write_new(path, text)
            return path
        if path.is_file() and path.read_bytes() == text.encode():
            return path
    raise SpecError(f"{folder} holds 999 files {stem}-*.toml already; remove some")


def _told_by_address(url: str, key_env: str | None, model: str | None) -> Detection | None:
    """What an address tells by itself: a deployment of Azure's, which lists no models beside it. Raises SpecError."""
    if DEPLOYMENT_PATH not in url.lower():
        return None
    endpoint = make_endpoint(name=TARGET, role="target", url=url, model=model or "", key_env=key_env or NEEDED_KEY)
    version = () if endpoint.query else ('its api-version in the URL, such as "?api-version=2024-10-21"',)
    key = () if key_env else (f"a key: --key-env VARIABLE, or set {NEEDED_KEY}, which the TOML names",)
    return Detection(
        found="a deployment of Azure OpenAI",
        why="its address says so",
        how=f"questions by openai at {endpoint.url}, streamed, the key as api-key",
        endpoint=endpoint,
        missing=(*version, *key),
    )


def _address(url: str) -> str:
    """Raises SpecError for what is no web address, or carries a secret."""
    if not url.strip():
        raise SpecError("target: no address; expected one such as https://bot.example")
    return check_url(url, "target")
