"""The data that travels with the program: probes/, seeds/ and fixtures/, in a wheel or beside an editable checkout."""

from pathlib import Path

from wrapdetect.errors import PackError, SeedError, SpecError
from wrapdetect.evidence.read import named_readers
from wrapdetect.evidence.seeds import FILES, Seeds, parse_seeds
from wrapdetect.model import Pack
from wrapdetect.runs.packs import parse_pack, refuse_doubled_packs
from wrapdetect.runs.plan import HELLO as HELLO

_PACKAGE = Path(__file__).resolve().parent.parent
PACKS: dict[str, Pack] = {}
"""Packs that other packages add (store/plugins.py)."""


def folder(name: str) -> Path:
    """probes, seeds or fixtures. Raises SeedError where the installation lacks it."""
    for place in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise SeedError(f"the folder {name}/ is missing from this installation; install wrapdetect again")


def load_seeds() -> Seeds:
    """All of seeds/. Raises SeedError naming the file."""
    return parse_seeds({name: (folder("seeds") / name).read_text(encoding="utf-8") for name in FILES.values()})


def neutral_prompts(n: int) -> tuple[tuple[str, str], ...]:
    """The first n neutral prompts. Raises SpecError where there are fewer."""
    known = load_seeds().variants.variant
    if n > len(known):
        raise SpecError(f"--enrol {n}: there are {len(known)} neutral prompts; expected 0 to {len(known)}")
    return tuple((v.id, v.text) for v in known[:n])


def shipped_packs() -> dict[str, Path]:
    """Pack id -> file."""
    return {p.stem: p for p in sorted(folder("probes").glob("*.toml"))}


def known_packs() -> list[str]:
    """The shipped packs, then those of plug-ins."""
    return [*shipped_packs(), *PACKS]


def load_packs(names: list[str]) -> tuple[Pack, ...]:
    """Packs by id or by path. Raises PackError for one that is neither, does not fit, or is named twice."""
    packs = tuple(load_pack(n) for n in names)
    refuse_doubled_packs(packs)
    return packs


def with_hello(names: list[str]) -> tuple[Pack, ...]:
    """Those packs, and before them the first plain question. Raises PackError as load_packs."""
    return load_packs([HELLO, *(n for n in names if n != HELLO)])


def load_pack(name: str) -> Pack:
    """One pack by its id, shipped or of a plug-in, or by path. Raises PackError."""
    if name in PACKS:
        return PACKS[name]
    shipped = shipped_packs()
    path = shipped.get(name, Path(name))
    try:
        return _parsed(path.read_text(encoding="utf-8"), name if name in shipped else str(path))
    except UnicodeDecodeError as error:
        raise PackError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
    except OSError as error:
        known = ", ".join(known_packs())
        raise PackError(
            f"no pack {name!r}: {error.strerror}; expected one of {known}, or the path of a TOML file"
        ) from error


def pack_of_plug_in(name: str, text: str) -> Pack:
    """Raises PackError for what is no pack, is not called so, or has the id of a shipped one."""
    pack = _parsed(text, name)
    if name in shipped_packs():
        raise PackError(f"{name} is there already; expected another name")
    if pack.id != name:
        raise PackError(f"{name}: the pack's id is {pack.id!r}; expected {name!r}")
    return pack


def _parsed(text: str, name: str) -> Pack:
    return parse_pack(text, name=name, readers=named_readers())
