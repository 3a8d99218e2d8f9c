"""TOML text -> Pack. Refuses unknown keys, missing fields and doubled ids, and names file and line."""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, ValidationInfo

from wrapdetect.errors import PackError
from wrapdetect.model import Item, Pack
from wrapdetect.targets.one_of import one_of

LONG_TEXT = re.compile(r'""".*?"""|\'\'\'.*?\'\'\'', re.S)


def _reader(value: object, info: ValidationInfo) -> str:
    return one_of(value, info.context["readers"] if info.context else ())


_ReaderName = Annotated[str, BeforeValidator(_reader)]
_Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
_Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
_Temperature = Annotated[float, Field(ge=0, le=2)]
_Tokens = Annotated[int, Field(ge=1, le=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


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
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, or a number of thousands of digits
        raise PackError(f"{name}: not TOML: {error}") from error
    if raw.get("item", []) == []:
        raise PackError(f"{name}: the pack holds no [[item]]; expected at least one question")
    try:
        pack = _PackText.model_validate(raw, context={"readers": readers})
    except ValidationError as error:
        raise PackError(_said(error, text, name)) from error
    _refuse_doubled(pack, text, name)
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


def _refuse_doubled(pack: _PackText, text: str, name: str) -> None:
    first: dict[str, int] = {}
    for index, item in enumerate(pack.item):
        if item.id in first:
            line = _line(text, index, "id")
            raise PackError(
                f"{name}, line {line}: item id {item.id!r} stands there already "
                f"(line {_line(text, first[item.id], 'id')}); expected each id once"
            )
        first[item.id] = index


def _said(error: ValidationError, text: str, name: str) -> str:
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    place = first["loc"]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if len(place) >= 3 and place[0] == "item" and isinstance(place[1], int):
        key, index = str(place[2]), place[1]
        where = f"item {index + 1}, {key}" + "".join(f"[{p}]" for p in place[3:])
        line = _line(text, index, key)
    else:
        key = where = str(place[0])
        line = _line(text, None, key)
    match first["type"]:
        case "extra_forbidden":
            what = f"unknown key {key!r}; expected one of {', '.join(_known(len(place) >= 3))}"
        case "missing":
            what = f"{key} is missing"
        case _:
            what = f"{first['msg'][0].lower()}{first['msg'][1:]}, found {first['input']!r}"
    return f"{name}, line {line}: {where}: {what}{more}"


def _known(in_item: bool) -> list[str]:
    return list((_ItemText if in_item else _PackText).model_fields)


def _line(text: str, item: int | None, key: str) -> int:
    """The line (from 1) of `key` in the item-th [[item]] table, or above the first; else where the table begins."""
    # A text of several lines may hold what looks like a key: only its line breaks are kept.
    lines = LONG_TEXT.sub(lambda m: '""' + "\n" * m[0].count("\n"), text).split("\n")
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*item\s*\]\]", line)]
    begin = 0 if item is None or item >= len(starts) else starts[item]
    later = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line) and (item is None or n > begin)]
    end = later[0] if later else len(lines)
    for n in range(begin, end):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", lines[n]):
            return n + 1
    return begin + 1
