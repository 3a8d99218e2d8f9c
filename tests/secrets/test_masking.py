"""Secrets however they are spelt: gone from the bytes, whose length stays; ordinary text stays as it is."""

import base64
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wrapdetect.secrets.mask import Masker, masker
from wrapdetect.secrets.spellings import squeezed, unfold

KEYS = {
    "letters_and_digits": "qk7Wn3TzRb82LxVd95MhYc4P",
    "with_signs": "pk-live-Gh41_Tn92/Wd63+Zq58=",
    "uuid": "7d1f0c52-9be4-4a36-8f07-c2e95ab14d60",
    "short": "r8-Vx2q94k",
}


def each(form: str, digits: int = 0) -> Callable[[str], str]:
    return lambda key: "".join(form.format(ord(c)) for c in key)


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda k: k,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "json_escapes": each("\\u{:04x}"),
    "json_escapes_upper_hex": each("\\u{:04X}"),
    "json_escapes_partly": lambda k: "".join(c if n % 3 else f"\\u{ord(c):04x}" for n, c in enumerate(k)),
    "json_twice": lambda k: json.dumps(json.dumps(each("\\u{:04x}")(k))),
    "braced_escapes": each("\\u{{{:x}}}"),
    "long_escapes": each("\\U{:08x}"),
    "hex_escapes": each("\\x{:02x}"),
    "hex_escapes_twice": each("\\\\x{:02X}"),
    "octal_escapes": each("\\{:03o}"),
    "percent": each("%{:02X}"),
    "percent_partly": lambda k: "".join(c if n % 2 else f"%{ord(c):02x}" for n, c in enumerate(k)),
    "percent_twice": each("%25{:02x}"),
    "quoted": lambda k: quote(quote(k, safe=""), safe=""),
    "entities": each("&#{:d};"),
    "entities_without_end": lambda k: "".join(f"&#{ord(c)}" if not c.isdigit() else f"&#{ord(c)};" for c in k),
    "entities_with_zeros": each("&#000{:d};"),
    "entities_hex": each("&#x{:x};"),
    "entities_hex_upper": each("&#X{:X};"),
    "entities_twice": each("&amp;#{:d};"),
    "entities_by_name": lambda k: k.replace("-", "&hyphen;").replace("/", "&sol;").replace("_", "&lowbar;"),
    "every_way_in_turn": lambda k: "".join(
        (c, f"\\u{ord(c):04X}", f"%{ord(c):02x}", f"&#{ord(c)};", f"&#x{ord(c):X};", f"\\x{ord(c):02x}")[n % 6]
        for n, c in enumerate(k)
    ),
    "percent_of_escapes": lambda k: quote(each("\\u{:04x}")(k), safe=""),
    "percent_of_javascript": each("%u{:04x}"),
    "percent_of_javascript_in_turn": lambda k: "".join(c if n % 2 else f"%u{ord(c):04X}" for n, c in enumerate(k)),
    "digits_above_the_line": lambda k: k.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "digits_below_the_line": lambda k: k.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")),
    "entities_of_percent": lambda k: each("&#37;{:02x}")(k),
    "full_width": lambda k: "".join(chr(ord(c) + 0xFEE0) for c in k),
    "full_width_escaped": lambda k: "".join(f"\\u{ord(c) + 0xFEE0:04x}" for c in k),
    "zero_width": "\u200b".join,
    "zero_width_escaped": "\\u200b".join,
    "zero_width_entities": "&ZeroWidthSpace;".join,
    "spaced": " ".join,
    "no_break_spaces": "\u00a0".join,
    "dashed": "-".join,
    "lines": "\n".join,
    "escaped_line_in_the_middle": lambda k: k[:9] + "\\n" + k[9:],
    "dots_in_the_middle": lambda k: k[: len(k) // 2] + " ... " + k[len(k) // 2 :],
    "in_two_json_texts": lambda k: k[:10] + '", "' + k[10:],
    "hex": lambda k: k.encode().hex(),
    "hex_upper": lambda k: k.encode().hex().upper(),
    "hex_spaced": lambda k: k.encode().hex(" "),
    "hex_list": lambda k: ", ".join(f"0x{c:02x}" for c in k.encode()),
    "codes": lambda k: str(list(k.encode())),
    "base64": lambda k: base64.b64encode(k.encode()).decode(),
    "base64_of_bearer": lambda k: base64.b64encode(f"Bearer {k}".encode()).decode(),
    "base64url": lambda k: base64.urlsafe_b64encode(f"user:{k}".encode()).decode().rstrip("="),
    "base64_in_lines": lambda k: base64.encodebytes(f"authorization: Bearer {k}, and more".encode() * 2).decode(),
    "base64_second_place": lambda k: base64.b64encode(f"xx{k}yyy".encode()).decode(),
}
TEMPLATE = '{{"error": {{"message": "No such key: {}", "code": 7}}}}'


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("kind", KEYS)
def test_nothing_of_a_key_is_left_however_it_is_spelt(kind: str, name: str) -> None:
    key = KEYS[kind]
    before = TEMPLATE.format(SPELLINGS[name](key)).encode()
    after = Masker(frozenset({key})).data(before)
    assert len(after) == len(before)
    assert after.startswith(b'{"error": {"message": "No such key: ')
    assert after.endswith(b'", "code": 7}}')
    left = squeezed(after.removeprefix(b'{"error": {"message": "No such key: ').removesuffix(b'", "code": 7}}'))
    of_others = {"base64_of_bearer": 13, "base64url": 9, "base64": 1, "base64_in_lines": 80, "base64_second_place": 8}
    assert len(left) <= of_others.get(name, 0), after


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.9])
@pytest.mark.parametrize("kind", ["letters_and_digits", "with_signs", "uuid"])
def test_a_long_run_of_a_key_is_masked_from_either_end(kind: str, share: float) -> None:
    key = KEYS[kind]
    length = int(len(key) * share) + 1
    ring = Masker(frozenset({key}))
    for run in (key[:length], key[-length:]):
        assert squeezed(ring.data(f"you sent [{run}]".encode())) == b"yousent"


ORDINARY = {
    "english": "The tide is the slow rise and fall of the sea; at 10:42 it stood 3.5 m high, on 2024-01-15.",
    "german": "Die Gezeiten entstehen durch Mond und Sonne, größer bei Springflut – etwa alle 14,77 Tage.",
    "french": "Les marées « d'équinoxe » sont plus fortes ; voilà pourquoi l'été paraît calme.",
    "russian": "Приливы вызывает Луна; высота воды меняется дважды в сутки.",
    "greek": "Οι παλίρροιες οφείλονται στη Σελήνη.",
    "arabic": "المد والجزر سببهما جاذبية القمر والشمس.",
    "hebrew": "הגאות והשפל נגרמים על ידי הירח.",
    "hindi": "ज्वार-भाटा चंद्रमा के कारण होता है।",
    "chinese": "潮汐是由月球和太阳的引力引起的。每天两次涨落，约12小时25分钟。",
    "japanese": "潮の満ち引きは月の引力によって起こります。",
    "korean": "조수는 달의 중력 때문에 생깁니다.",
    "thai": "น้ำขึ้นน้ำลงเกิดจากแรงดึงดูดของดวงจันทร์",
    "full_width": "ＡＢＣ１２３ and ① to ⑨",
    "emoji": "👩‍👩‍👧 surf 🌊 at 100% & more",
    "markdown": "| a | b |\n|---|---|\n| `x=1` | **2** |\n\n```py\nprint('%s' % 3)\n```",
    "html": "<p>A &amp; B &lt; C &#8211; D&nbsp;E</p>",
    "json": '{"id": "chatcmpl-9aBcD", "text": "C:\\\\new\\\\table \\u00e9 \\"x\\""}',
    "url": "see https://example.org/a%20b?q=1%2C2&lang=en#top",
    "base64": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "names_of_keys": "A key begins with pk-live- or Bearer; write it as an authorization header.",
    "half_words": "the mart in the town; a dmin of session ids, pass words",
    "damaged": "\\u00 %zz &#; &#xfffffffff; \\x1 \\u{} \\ % &",
}


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    own = frozenset({*KEYS.values(), "Martin", "admin9", "session-12", "password"})
    learnt = frozenset({"a1b2c3d4e5", "3f9a77c01b22d4", "2f8c-11aa-93", "theme=dark"})
    expected = text.replace("password", "*" * 8)
    assert Masker(own, learnt).text(text) == expected


def test_a_short_word_is_masked_as_it_is_written_only() -> None:
    assert Masker(frozenset({"Martin"})).text("Martin, martin, the mart in town") == "******, martin, the mart in town"


def test_of_keys_that_begin_alike_each_is_masked_whole() -> None:
    keys = [f"sk-ant-api03-{n}Zq{n}Wx" for n in range(10, 40)]
    text = " ".join(keys)
    assert set(Masker(frozenset(keys)).text(text)) == {"*", " "}


@pytest.mark.parametrize("before", range(8))
@pytest.mark.parametrize("handed", [False, True])
def test_secrets_with_the_same_beginning_in_a_row_are_all_masked(handed: bool, before: int) -> None:
    secrets = (
        "planted+env/4567=8cd",
        'planted/query+89&"01"ef',
        "sid=planted-own-67ij8",
        "dark; sid=planted-own-67ij8",
    )
    known = frozenset(s for s in secrets if not handed or " " not in s)
    ring = Masker(frozenset(), known) if handed else Masker(known)
    text = "x" * before + " " + "; ".join(quote(s, safe="") for s in known for _ in range(3))
    assert squeezed(ring.data(text.encode())) == b"x" * before


@pytest.mark.parametrize("many", [5, 40, 250])
def test_of_many_cookies_that_are_alike_each_is_masked_whole(many: int) -> None:
    cookies = [f"visit-{n}/Zx+9=seen{n}q" for n in range(many)]
    assert set(Masker(frozenset(), frozenset(cookies)).text("; ".join(cookies))) == {"*", ";", " "}


def test_what_was_handed_out_does_not_hide_a_key_of_ours() -> None:
    key = KEYS["letters_and_digits"]
    decoys = frozenset("!".join(key[n : n + 8] for n in range(k, 16)) + f"_{k}" for k in range(16))
    assert Masker(frozenset({key}), decoys).text(f"you sent {key}!") == f"you sent {'*' * len(key)}!"


def test_quotes_and_lines_that_hold_an_answer_together_stay() -> None:
    key = KEYS["letters_and_digits"]
    data = f'data: ["{key[:12]}", "{key[12:]}"]\r\n\r\n'.encode()
    masked = Masker(frozenset({key})).data(data)
    assert masked == b'data: ["' + b"*" * 12 + b'", "' + b"*" * 12 + b'"]\r\n\r\n'


def test_a_secret_that_holds_quotes_is_masked_with_them() -> None:
    secret = 'x"1y"2z"3'
    assert Masker(frozenset({secret})).text(f"<{secret}>") == f"<{'*' * 9}>"


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.binary(max_size=300), st.sets(st.text(min_size=6, max_size=40), max_size=4))
def test_any_bytes_keep_their_length_and_masking_twice_changes_nothing(data: bytes, secrets: set[str]) -> None:
    ring = Masker(frozenset(secrets))
    once = ring.data(data)
    assert len(once) == len(data)
    assert len(ring.data(once)) == len(data)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.lists(st.sampled_from(["a", "\\u0062", "%63", "&#100;", "&amp;", "\\\\", "é", " ", "\\n", "\uff41", "%25"])))
def test_each_byte_of_a_layer_knows_where_it_stood(parts: list[str]) -> None:
    data = "".join(parts).encode()
    layer = unfold(data)
    if layer is None:
        return
    at = [layer.origin(n, n + 1) for n in range(len(layer.data))]
    assert all(0 <= start < end <= len(data) for start, end in at)
    assert at == sorted(at)


@pytest.mark.slow
@pytest.mark.parametrize("piece", [b"x", b"\\u0041", b"%2525252541", b"&amp;amp;#97;", b"a ", b"\\", b"ab1ab1x"])
def test_the_work_grows_with_the_text_and_not_with_the_secrets(piece: bytes) -> None:
    """Counted and not timed: layers are at most a handful, and none is longer than the text it was made of."""
    data, total = piece * (200_000 // len(piece)), 0
    for _ in range(4):
        layer = unfold(data)
        if layer is None:
            break
        assert len(layer.data) <= len(data)
        data, total = layer.data, total + len(layer.data)
    assert total <= 3 * 200_000


def test_the_masker_of_the_same_secrets_is_made_once() -> None:
    assert masker(frozenset({"abc-12345"})) is masker(frozenset({"abc-12345"}))
