"""How a good input becomes a hostile one: bytes, text and JSON, each by a few small changes that chance draws."""

import json
from collections.abc import Callable, Sequence
from random import Random

TEXTS = (
    "", " ", "\x00", "\ud800", "a\udc00b", "\u202eabc", "\x1b]0;x\x07\x1b[31m", "\x85\u2028", "\ufeff", "\r",
    "\r\n", "\n\n",
    "²", "١٢٣", "-1", "1e999", "nan", "{env:HOME}", "{prompt}", "{{prompt}}", "{messages}", "{", "}}", "$..*",
    "$[?@..a]",
    "re:(a+)+$", "re:(", "header:x", "text => $", "../../etc", "http://[::1", "//", "https://user:pw@host:99999/",
    "%", "%zz",
    "%7Benv:HOME%7D", "[DONE]", "data: [DONE]\n\n", "\n\ndata: {}\n\n", "event: error\n", "]]>", "<!--", "<![CDATA[",
    '<!DOCTYPE a [<!ENTITY b "cccc">]>', "&amp;&#0;&#xd800;&b;", "<html", "'", '"', "\\", "`", "^", "$(x)", "|",
    ";", "=",
    "0000-00-00", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-05",
    "2026-01-05T12:00:00", "Mon, 32 Foo 2026 25:61:61 +9999", "Sun, 06 Nov 1994 08:49:37 GMT", "12:00", "24:00:00",
    "P1Y",
    "\\ud800", "\\udc00\\ud83d", "\\x00", "253402300800", "-62135596801", "1735689600000", "style/tides#0", "a/b#²",
    "style/tides#99999999999999999999",
)  # fmt: skip
RAW = (
    "1e999", "-1e999", "NaN", "Infinity", "-0", "1E400", "0.1e-400", "9" * 30, "9" * 5000, "1." + "3" * 400, "tru",
    "{}",
    "[]", "[[]]", '{"":{}}', '{"a":1,"a":2}', "[" * 300 + "]" * 300, "[" * 990 + "]" * 990,
    '{"a":' * 480 + "1" + "}" * 480,
    "[" * 20_000 + "]" * 20_000, '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"',
)  # fmt: skip
"""JSON that Python's values cannot spell."""
NUMBERS = (0, -1, 1, 2, 7, 255, 999, 2**31, 2**63, -(2**63), 2**64, 10**18, 10**30, 0.5, -0.0, 1e-300, 1e15, 1e308)
LONG = (1_000, 30_000, 200_000)
"""How long a text is made, in characters."""
MARK = "\x00raw:"

Change = Callable[[bytes, Random], bytes]


def some_text(chance: Random) -> str:
    """A hostile text, at times a very long one."""
    text = chance.choice(TEXTS)
    if chance.randrange(40) == 0:
        size = chance.choice(LONG)
        text = ((text or "a") * size)[:size]
    return text


def some_value(chance: Random) -> object:
    """A hostile JSON value; what Python cannot hold is marked, and written out by `json_bytes`."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            return some_text(chance)
        case 3:
            return MARK + chance.choice(RAW)
        case 4 | 5:
            return chance.choice(NUMBERS)
        case 6:
            return chance.choice((None, True, False))
        case _:
            return chance.choice(([], {}, [None], [[]], [1, "a"], {"": ""}, {"a": {"b": []}}, [{}], [{"text": "x"}]))


def json_bytes(value: object) -> bytes:
    """As JSON, in one line, with what was marked written out."""
    text = json.dumps(value)
    for raw in RAW:
        text = text.replace(json.dumps(MARK + raw), raw)
    return text.encode()


def mutated_json(value: object, chance: Random, changes: int = 0) -> object:
    """The value with some of its places changed: another kind of value, one key less, one twice, one from elsewhere."""
    root = [_copy(value)]
    for _ in range(changes or chance.choice((1, 1, 1, 2, 3, 6))):
        places = _places(root)
        where, key = places[chance.randrange(len(places))]
        if isinstance(where, list):
            _change_item(where, int(str(key)), places, chance)
        else:
            _change_key(where, str(key), places, chance)
        if not root:
            return some_value(chance)
    return root[0]


Place = tuple["list[object] | dict[str, object]", "int | str"]


def _copy(value: object) -> object:
    return json.loads(json.dumps(value))


def _places(root: list[object]) -> list[Place]:
    found: list[Place] = []
    waiting: list[object] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            found += [(one, n) for n in range(len(one))]
            waiting += one
        elif isinstance(one, dict):
            found += [(one, k) for k in one]
            waiting += one.values()
    return found


def _taken(places: Sequence[Place], chance: Random) -> object:
    where, key = places[chance.randrange(len(places))]
    return _copy(where[key])  # type: ignore[index]  # the key is one of its own


def _changed(old: object, places: Sequence[Place], chance: Random) -> object:
    match chance.randrange(6):
        case 0:
            return _taken(places, chance)
        case 1:
            return [old] * chance.choice((1, 2, 50))
        case 2 if isinstance(old, str):
            return mutated_text(old, chance)
        case _:
            return some_value(chance)


def _change_item(items: list[object], at: int, places: Sequence[Place], chance: Random) -> None:
    match chance.randrange(5):
        case 0:
            del items[at]
        case 1:
            items += [_copy(items[at]) for _ in range(chance.choice((1, 1, 30)))]
        case _:
            items[at] = _changed(items[at], places, chance)


def _change_key(where: dict[str, object], key: str, places: Sequence[Place], chance: Random) -> None:
    match chance.randrange(6):
        case 0:
            del where[key]
        case 1:
            where[some_text(chance)] = where.pop(key)
        case _:
            where[key] = _changed(where[key], places, chance)


def mutated_text(text: str, chance: Random) -> str:
    """One change of a text."""
    here, there = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
    match chance.randrange(6):
        case 0:
            return text[:here] + text[there:]
        case 1:
            return text[:there] + text[here:]
        case 2:
            return text[:here]
        case 3 if there > here and chance.randrange(10) == 0:
            return text[:here] + (text[here:there] * (100_000 // (there - here)))[:100_000] + text[there:]
        case _:
            return text[:here] + some_text(chance) + text[here if chance.randrange(2) else there :]


def mutated_bytes(data: bytes, chance: Random, other: bytes = b"") -> bytes:
    """A few changes of bytes; `other` is what is spliced in."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice(CHANGES)(data, chance)
    if other and chance.randrange(8) == 0:
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]
    return data


def _flip(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def _span(data: bytes, chance: Random) -> tuple[int, int]:
    here, there = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    return here, there


def _cut(data: bytes, chance: Random) -> bytes:
    here, there = _span(data, chance)
    return data[:here] + data[there:]


def _end(data: bytes, chance: Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _double(data: bytes, chance: Random) -> bytes:
    here, there = _span(data, chance)
    return data[:there] + data[here:]


def _many(data: bytes, chance: Random) -> bytes:
    """A short span very often: where work that grows with its square shows."""
    here = chance.randrange(len(data) + 1)
    span = data[here : here + chance.choice((1, 1, 2, 8, 60))]
    if not span or chance.randrange(6):
        return data
    return data[:here] + span * (chance.choice(LONG) // len(span)) + data[here:]


def _insert(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + some_text(chance).encode(errors="surrogatepass") + data[at:]


def _breaks(data: bytes, chance: Random) -> bytes:
    return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"", b"\n\n", b"\n \n", b"\n:\n")))


def _recode(data: bytes, chance: Random) -> bytes:
    if chance.randrange(3):
        return data
    text = data.decode(errors="replace")
    return chance.choice((text.encode("utf-16"), text.encode("utf-8-sig"), text.encode("latin-1", "replace")))


CHANGES: Sequence[Change] = (_flip, _flip, _cut, _end, _double, _many, _insert, _insert, _breaks, _recode)
