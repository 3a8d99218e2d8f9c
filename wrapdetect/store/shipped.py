"""The data that travels with the program: probes/, seeds/ and fixtures/, in a wheel or beside an editable checkout."""

from pathlib import Path

from wrapdetect.errors import PackError, SeedError, SpecError
from wrapdetect.evidence.seeds import FILES, Seeds, parse_seeds
from wrapdetect.model import Pack
from wrapdetect.runs.packs import parse_pack, refuse_doubled_packs
from wrapdetect.runs.plan import HELLO as HELLO

_PACKAGE = Path(__file__).resolve().parent.parent


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


def load_packs(names: list[str]) -> tuple[Pack, ...]:
    """Packs by shipped id or by path. Raises PackError for one that is neither, does not fit, or is named twice."""
    packs = tuple(load_pack(n) for n in names)
    refuse_doubled_packs(packs)
    return packs


def with_hello(names: list[str]) -> tuple[Pack, ...]:
    """Those packs, and before them the first plain question. Raises PackError as load_packs."""
    return load_packs([HELLO, *(n for n in names if n != HELLO)])


def load_pack(name: str) -> Pack:
    """One pack by shipped id or by path. Raises PackError."""
    shipped = shipped_packs()
    path = shipped.get(name, Path(name))
    try:
        return parse_pack(path.read_text(encoding="utf-8"), name=name if name in shipped else str(path))
    except UnicodeDecodeError as error:
        raise PackError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
    except OSError as error:
        raise PackError(
            f"no pack {name!r}: {error.strerror}; expected one of {', '.join(shipped)}, or the path of a TOML file"
        ) from error
