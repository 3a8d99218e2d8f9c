"""TOML text -> Pack. Refuses unknown keys, missing fields and doubled ids, and names file and line."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationInfo

from wrapdetect.errors import PackError
from wrapdetect.model import Item, Pack
from wrapdetect.targets.one_of import one_of
from wrapdetect.targets.toml_lines import STRICT, Misfit, TomlText, keys_at


def _reader(value: object, info: ValidationInfo) -> str:
    return one_of(value, info.context["readers"] if info.context else ())


_ReaderName = Annotated[str, BeforeValidator(_reader)]
_Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
_Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
_Temperature = Annotated[float, Field(ge=0, le=2)]
_Tokens = Annotated[int, Field(ge=1, le=100_000)]


class _Strict(BaseModel):
    model_config = STRICT


class _ItemText(_Strict):
    id: _Id
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    turns: Annotated[list[_Text], Field(min_length=1, max_length=5)]
    purpose: _Text
    readers: Annotated[list[_ReaderName], Field(min_length=1)]
    expects: list[_Text] = []
    rejects: list[_Text] = []
    temperature: _Temperature | None = None
    max_tokens: _Tokens | None = None


class _PackText(_Strict):
    id: _Id
    version: Annotated[int, Field(ge=1)]
    title: _Text
    purpose: _Text
    temperature: _Temperature
    max_tokens: _Tokens
    item: Annotated[list[_ItemText], Field(min_length=1)]


def parse_pack(text: str, *, name: str, readers: Collection[str]) -> Pack:
    """Read one pack. `name` is the file as errors call it, `readers` what an item may ask to be read for.

    Raises PackError, one line, with the file and (where it can be told) the line.
    """
    toml = TomlText(text=text, name=name, refusal=PackError)
    raw = toml.loads()
    if raw.get("item", []) == []:
        raise PackError(f"{name}: the pack holds no [[item]]; expected at least one question")
    pack = toml.check(_PackText, raw, lambda misfit: _said(misfit, toml), context={"readers": readers})
    _refuse_doubled(pack, toml)
    return Pack(
        id=pack.id,
        version=pack.version,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        title=pack.title,
        purpose=pack.purpose,
        items=tuple(_item(i, pack) for i in pack.item),
    )


def refuse_doubled_packs(packs: Iterable[Pack]) -> None:
    """Raises PackError where two packs of one audit share an id."""
    doubled = [i for i, n in Counter(p.id for p in packs).items() if n > 1]
    if doubled:
        raise PackError(f"pack {doubled[0]} is named twice; expected each pack once")


def _item(item: _ItemText, pack: _PackText) -> Item:
    return Item(
        id=item.id,
        language=item.language,
        turns=tuple(item.turns),
        purpose=item.purpose,
        readers=tuple(item.readers),
        expects=tuple(item.expects),
        rejects=tuple(item.rejects),
        temperature=pack.temperature if item.temperature is None else item.temperature,
        max_tokens=pack.max_tokens if item.max_tokens is None else item.max_tokens,
    )


def _refuse_doubled(pack: _PackText, toml: TomlText) -> None:
    first: dict[str, int] = {}
    for index, item in enumerate(pack.item):
        if item.id in first:
            raise PackError(
                f"{toml.at(('item', index, 'id'))}: item id {item.id!r} stands there already "
                f"(line {toml.line(('item', first[item.id], 'id'))}); expected each id once"
            )
        first[item.id] = index


def _said(misfit: Misfit, toml: TomlText) -> str:
    loc, key = misfit.loc, str(misfit.loc[0])
    more = f" (and {misfit.more} more)" if misfit.more else ""
    where = key
    if len(loc) >= 3 and key == "item" and isinstance(loc[1], int):
        key = str(loc[2])
        where = f"item {loc[1] + 1}, {key}" + "".join(f"[{p}]" for p in loc[3:])
    match misfit.kind:
        case "extra_forbidden":
            what = f"unknown key {key!r}; expected one of {', '.join(keys_at(_PackText, loc[:-1]))}"
        case "missing":
            what = f"{key} is missing"
        case _:
            what = f"{misfit.message[0].lower()}{misfit.message[1:]}, found {misfit.value!r}"
    return f"{toml.name}, line {toml.line(loc) or 1}: {where}: {what}{more}"
