"""Keys: masked wherever they come back, never shown, and read from the environment only."""

import gzip
import json
import zlib
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.conftest import START, an_endpoint, an_exchange, failed
from tests.ways.misbehaving import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Peer,
    ask_once,
    chunk,
    completion,
    error_body,
    event,
    fixed,
    serving,
)
from wrapdetect.dialects.base import Reply
from wrapdetect.errors import SpecError
from wrapdetect.model import AskKey, Chunk, Exchange, Failure, FailureKind, Hop, Template
from wrapdetect.runs.codec import dump_exchange
from wrapdetect.secrets.variables import check_variable
from wrapdetect.ways.keyring import LEARNT_LIMIT, Keyring, read_keys

KEY = "sk-planted/0123+4567=89abcdef=="
KEYRING = Keyring({"bot": KEY})
ASK = AskKey("style", "tides", 0)


def came_back(*pieces: bytes, **more: object) -> Exchange:
    chunks = tuple(Chunk(t_s=0.1 * n, data=piece) for n, piece in enumerate(pieces, start=1))
    return an_exchange("bot", ASK, "", chunks=chunks, **more)


def body_of(exchange: Exchange) -> bytes:
    return b"".join(c.data for c in exchange.chunks)


@pytest.mark.parametrize("spelt", [KEY, quote(KEY, safe=""), quote(KEY, safe="").lower(), KEY.replace("/", "\\/")])
def test_a_key_in_a_body_is_masked_byte_for_byte(spelt: str) -> None:
    before = came_back(f"You sent {spelt}, sorry.".encode())
    after = KEYRING.clean(before)
    assert spelt.lower() not in body_of(after).decode().lower()
    assert body_of(after) == b"You sent " + b"*" * len(spelt) + b", sorry."


@pytest.mark.parametrize("cut", [1, 7, len(KEY) - 1])
def test_a_key_across_chunks_is_masked_and_lengths_and_times_stay(cut: int) -> None:
    pieces = (b"You sent " + KEY[:cut].encode(), KEY[cut:].encode() + b" and ", b"that is wrong \xff")
    before = came_back(*pieces)
    after = KEYRING.clean(before)
    assert body_of(after) == b"You sent " + b"*" * len(KEY) + b" and that is wrong \xff"
    assert [(c.t_s, len(c.data)) for c in after.chunks] == [(c.t_s, len(c.data)) for c in before.chunks]


SAID = json.dumps({"choices": [{"message": {"content": f"You sent {KEY}."}}]}).encode()
RAW = zlib.compress(SAID)[2:-4]
PACKED = {
    "gzip": ("gzip", gzip.compress(SAID, mtime=0)),
    "zlib": ("deflate", zlib.compress(SAID)),
    "cut off": ("gzip", gzip.compress(SAID, mtime=0)[:-9]),
    "no label": ("", gzip.compress(SAID, mtime=0)),
    "zlib without a label": ("", zlib.compress(SAID)),
    "identity": ("identity", gzip.compress(SAID, mtime=0)),
    "another label": ("br", gzip.compress(SAID, mtime=0)),
    "an unknown label": ("x-mill", RAW),
    "two labels": ("gzip, identity", gzip.compress(SAID, mtime=0)),
    "packed twice": ("gzip, gzip", gzip.compress(gzip.compress(SAID, mtime=0), mtime=0)),
    "packed twice, one label": ("gzip", gzip.compress(gzip.compress(SAID, mtime=0), mtime=0)),
    "bare deflate": ("deflate", RAW),
    "two members": ("gzip", gzip.compress(b"x", mtime=0) + gzip.compress(SAID, mtime=0)),
    "damaged behind it": ("gzip", gzip.compress(SAID, mtime=0)[:-8] + b"\xff" * 8),
}


def unpacked(data: bytes) -> bytes:
    """All that can be got out of it."""
    for bits in (47, -15):
        try:
            return data + unpacked(zlib.decompressobj(wbits=bits).decompress(data))
        except zlib.error:
            continue
    return data


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [10**6, 7])
def test_a_packed_body_holds_no_key_however_it_is_labelled(name: str, size: int) -> None:
    label, data = PACKED[name]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    headers = (("Content-Encoding", label),) if label else ()
    after = KEYRING.clean(came_back(*pieces, headers=headers))
    assert KEY.encode() not in unpacked(body_of(after))
    assert [c.t_s for c in after.chunks] == [0.1 * n for n in range(1, len(pieces) + 1)]


@pytest.mark.parametrize(
    ("label", "data"), [("gzip", gzip.compress(b"Hi.", mtime=0)), ("", b"x^2 is a square"), ("br", b"Hi.")]
)
def test_a_packed_body_without_the_key_stays_as_it_is(label: str, data: bytes) -> None:
    before = came_back(data, headers=(("content-encoding", label),) if label else ())
    assert KEYRING.clean(before) == before


@pytest.mark.parametrize("label", ["gzip", "deflate"])
def test_the_words_of_a_packed_refusal_are_read(label: str) -> None:
    pack = gzip.compress if label == "gzip" else zlib.compress
    packed = pack(json.dumps({"error": {"message": f"Rate limit reached for {KEY}"}}).encode())
    exchange = echoing(lambda peer: fixed(packed, status="400 Bad", headers=(f"content-encoding: {label}",))(peer))
    assert exchange.failure is not None
    assert (exchange.failure.kind, "Rate limit reached for ***" in exchange.failure.detail) == ("limited", True)


def test_a_body_without_the_key_stays_as_it_is() -> None:
    before = came_back("café sk-other\n".encode(), b"\xff\x00")
    assert KEYRING.clean(before) == before


@pytest.mark.parametrize("name", ["x-echo", "location", "www-authenticate", "X-Request-Id"])
def test_a_key_in_a_header_is_masked(name: str) -> None:
    after = KEYRING.clean(
        came_back(b"{}", headers=((name, f"a={KEY}; b={quote(KEY, safe='')}"), ("server", "caf\xe9")))
    )
    assert after.headers == ((name, f"a={'*' * len(KEY)}; b={'*' * len(quote(KEY, safe=''))}"), ("server", "caf\xe9"))


@pytest.mark.parametrize("name", ["set-cookie", "Set-Cookie", "set-cookie2"])
def test_the_value_of_a_cookie_is_masked_and_its_attributes_stay(name: str) -> None:
    after = KEYRING.clean(came_back(b"{}", headers=((name, "__cf_bm=s3cr3t=; path=/; Secure"),)))
    assert after.headers == ((name, "__cf_bm=[masked]; path=/; Secure"),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", "Bearer other-token-123"),
        ("authorization", "Bearer other-token-123=="),
        ("proxy-authorization", "Basic other-token-123="),
        ("x-api-key", "other-token-123=="),
        ("cookie", "a=1; session=other-token-123"),
    ],
)
def test_a_token_of_another_is_masked_where_a_header_is_made_for_tokens(name: str, value: str) -> None:
    after = KEYRING.clean(came_back(b"{}", headers=((name, value),)))
    assert "other-token" not in repr(after.headers)


@pytest.mark.parametrize("name", ["set-cookie", "authorization", "x-api-key", "cookie"])
@pytest.mark.parametrize("form", ["{}", "Bearer {}", "{}=1; path=/", "id=1; domain={}"])
def test_the_key_is_masked_in_token_headers_too(name: str, form: str) -> None:
    after = KEYRING.clean(came_back(b"{}", headers=((name, form.format(KEY)),)))
    assert KEY.rstrip("=") not in repr(after.headers)
    assert KEY[:12] not in repr(after.headers)


def test_a_key_in_the_text_of_a_failure_is_masked() -> None:
    after = KEYRING.clean(came_back(failure=failed("refused", f"HTTP 401: wrong key {KEY}!")))
    assert after.failure == failed("refused", f"HTTP 401: wrong key {'*' * len(KEY)}!")


def test_a_key_that_holds_another_key_is_masked_whole() -> None:
    for keys in ({"a": "sk-team", "b": "sk-team-secret"}, {"b": "sk-team-secret", "a": "sk-team"}):
        after = Keyring(keys).clean(came_back(b"key sk-team-secret!"))
        assert body_of(after) == b"key **************!"


def test_the_key_of_one_endpoint_is_masked_in_what_another_says() -> None:
    after = Keyring({"ref0": KEY}).clean(came_back(KEY.encode()))
    assert body_of(after) == b"*" * len(KEY)


def test_a_very_short_key_does_not_blot_out_the_answer() -> None:
    before = came_back(b"a b a b a")
    assert Keyring({"bot": "a"}).clean(before) == before


def test_what_was_sent_is_masked_where_the_model_name_is_the_key_by_mistake() -> None:
    after = KEYRING.clean(came_back(sent=json.dumps({"model": KEY})))
    assert KEY not in after.sent


# Values of variables, and what is learnt on the way

VARIABLES = Keyring({}, {"BOT_TOKEN": "Bearer planted/<token>+1", "BOT_COOKIE": 'lang=en; sid="planted cookie"; v=p1'})


@pytest.mark.parametrize(
    "spelt",
    [
        "Bearer planted/<token>+1",
        "planted/<token>+1",
        "planted%2F%3Ctoken%3E%2B1",
        "planted/%3Ctoken%3E%2B1",
        "planted\\/<token>+1",
        "planted/\\u003ctoken\\u003e+1",
        "planted/&lt;token&gt;+1",
    ],
)
def test_a_variable_is_masked_however_it_is_spelt_and_without_its_scheme(spelt: str) -> None:
    after = VARIABLES.clean(came_back(f"You sent {spelt}, sorry.".encode()))
    assert body_of(after) == b"You sent " + b"*" * len(spelt) + b", sorry."


def test_each_cookie_of_a_variable_is_masked_alone_but_for_the_short_ones() -> None:
    ring = Keyring({}, {"BOT_COOKIE": "lang=en; sid=planted-cookie-2"})
    assert body_of(ring.clean(came_back(b"en planted-cookie-2 en"))) == b"en " + b"*" * 16 + b" en"


def test_what_is_learnt_is_masked_where_it_is_no_word() -> None:
    after = Keyring({}).clean(came_back(b"anonymous 3f9a77c01b abc12"), {"anonymous", "3f9a77c01b", "abc12"})
    assert body_of(after) == b"anonymous ********** abc12"


def test_hops_are_masked_as_the_answer_is() -> None:
    hop = Hop(
        t_s=-1.0,
        method="POST",
        url=f"https://bot.example/in?lang=en&session=abc&k={quote(KEY, safe='')}",
        sent=f"key={KEY}",
        status=200,
        headers=(("Set-Cookie", "sid=planted; path=/"), ("location", "/x?ticket=abc"), ("x-csrf-token", "abc")),
        chunks=(Chunk(t_s=-0.5, data=KEY[:9].encode()), Chunk(t_s=-0.4, data=KEY[9:].encode())),
    )
    (after,) = KEYRING.clean(came_back(b"{}", hops=(hop,))).hops
    assert after.url == f"https://bot.example/in?lang=en&session=***&k={'*' * len(quote(KEY, safe=''))}"
    assert after.sent == f"key={'*' * len(KEY)}"
    assert after.headers == (
        ("Set-Cookie", "sid=[masked]; path=/"),
        ("location", "/x?ticket=***"),
        ("x-csrf-token", "[masked]"),
    )
    assert b"".join(c.data for c in after.chunks) == b"*" * len(KEY)
    assert (after.t_s, [len(c.data) for c in after.chunks]) == (-1.0, [9, len(KEY) - 9])


def test_variables_of_a_template_are_read_and_bound_to_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_COOKIE", "sid=1; größe=2")
    template = Template(headers=(("cookie", "{env:BOT_COOKIE}"),), body="{prompt}")
    ring = read_keys((an_endpoint("bot", dialect="template", template=template),))
    assert dict(ring.variables) == {"BOT_COOKIE": "sid=1; größe=2"}
    assert "sid" not in repr(ring)


@pytest.mark.parametrize("value", ["", "a\nb", " a"])
def test_a_variable_that_cannot_be_used_is_named_and_its_value_is_not_shown(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_COOKIE", value)
    template = Template(body="{prompt} {env:BOT_COOKIE}")
    with pytest.raises(SpecError, match="BOT_COOKIE"):
        read_keys((an_endpoint("bot", dialect="template", template=template),))


@pytest.mark.parametrize("name", ["surrogate-key", "x-ratelimit-remaining-tokens", "x-cache-key", "www-authenticate"])
def test_headers_that_only_sound_secret_stay(name: str) -> None:
    assert Keyring({}).clean(came_back(b"{}", headers=((name, "some value"),))).headers == ((name, "some value"),)


# Over real HTTP


def echoing(make: Behaviour) -> Exchange:
    with serving(make) as server:
        return ask_once(server.url, key=KEY)[0]


def in_body(peer: Peer) -> None:
    fixed(error_body(f"Incorrect API key provided: {KEY}."), status="401 Unauthorized")(peer)


def across_chunks(peer: Peer) -> None:
    whole = event(f"Your key is {KEY}, is it not?", "stop")
    at = whole.index(KEY.encode()) + 5
    peer.send(STREAM_HEAD + chunk(whole[:at]))
    peer.wait(0.05)
    peer.send(chunk(whole[at:]) + LAST_CHUNK)


def in_header_and_reason(peer: Peer) -> None:
    fixed(b"", status=f"403 No {KEY}", headers=(f"x-key: {KEY}", f"set-cookie: {KEY}=1"))(peer)


def in_redirect(peer: Peer) -> None:
    fixed(b"", status="302 Found", headers=(f"location: https://login.example/{quote(KEY, safe='')}/in?k={KEY}",))(peer)


def behind_a_long_error(peer: Peer) -> None:
    """The text of the error is shortened in the middle of the key."""
    fixed(error_body("x" * 150 + " " + KEY), status="401 Unauthorized")(peer)


ECHOES = (in_body, across_chunks, in_header_and_reason, in_redirect, behind_a_long_error)


@pytest.mark.parametrize("make", ECHOES, ids=lambda f: f.__name__)
def test_no_part_of_the_key_stands_in_the_line_that_is_recorded(make: Behaviour) -> None:
    exchange = echoing(make)
    untimed = tuple(replace(c, t_s=0.0) for c in exchange.chunks)  # a time may hold the digits of the key by chance
    line = dump_exchange(replace(exchange, chunks=untimed, started=START, ended_s=0.0))
    assert "planted" not in line
    assert "0123" not in line


def test_a_key_that_the_limit_on_bytes_cuts_in_two_leaves_no_part() -> None:
    whole = completion(f"Your key is {KEY}")
    with serving(fixed(whole)) as server:
        (exchange,) = ask_once(server.url, key=KEY, byte_limit=whole.index(KEY.encode()) + 14)
    assert b"planted" not in body_of(exchange)


# The ring itself


def test_a_keyring_shows_names_only() -> None:
    ring = Keyring({"ref1": KEY, "bot": "other-key"})
    assert repr(ring) == str(ring) == "Keyring(bot, ref1)"
    assert f"{Keyring({})!r}" == "Keyring(empty)"


def test_keys_are_read_from_the_variables_that_endpoints_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", KEY)
    bot, free = an_endpoint("bot", "target", key_env="BOT_KEY"), an_endpoint("free")
    ring = read_keys((bot, free))
    assert (ring.key_of(bot), ring.key_of(free), ring.key_of(replace(free, name="new"))) == (KEY, None, None)


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv("BOT_KEY", value)
    with pytest.raises(SpecError, match="BOT_KEY is not set"):
        read_keys((an_endpoint("bot", key_env="BOT_KEY"),))


@pytest.mark.parametrize("value", ["sk-abc\n", " sk-abc", "sk-abc\r\nx-evil: 1", "sk-äbc", "sk-“abc”", "sk-abc\t"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", value)
    with pytest.raises(SpecError, match="BOT_KEY") as caught:
        read_keys((an_endpoint("bot", key_env="BOT_KEY"),))
    assert "bc" not in str(caught.value).replace("BOT_KEY", "")


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "_k", "Key2"])
def test_the_name_of_a_variable_is_taken(name: str) -> None:
    assert check_variable(name, "here") == name


MISTAKEN = (
    "sk-proj-0123456789abcdefABCDEF",
    "sk_live_0123456789abcdefABCDEF",
    "gsk_0123456789abcdefABCDEF0123456789",
    "hf_abcdefABCDEFabcdefABCDEF0123456789",
    "AIzaSyA0123456789abcdefABCDEF0123456",
    "0123456789abcdef0123456789abcdef",
    "eyJhbGciOi.eyJzdWIi.c2ln",
)


@pytest.mark.parametrize("key", MISTAKEN)
def test_a_key_given_for_the_name_of_its_variable_is_not_repeated(key: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_keys((an_endpoint("bot", key_env=check_variable(key, "--key-env")),))
    assert key not in str(caught.value)


@pytest.mark.parametrize("name", ["", "A B", "1A", "A-B", "A=B", "Ä"])
def test_what_is_no_name_is_refused_with_the_place(name: str) -> None:
    with pytest.raises(SpecError, match="reference openai, key variable: not the name"):
        check_variable(name, "reference openai, key variable")


# Spelt over pieces and fields


def a_reply(text: str = "Hello.", **more: object) -> Reply:
    return replace(Reply(text=text), **more)  # type: ignore[arg-type]


LONG = "qk7Wn3TzRb82LxVd95MhYc4P"
SPREAD = {
    "the pieces of the answer": a_reply(f"it is {LONG[:9]}{LONG[9:]}"),
    "letters with spaces": a_reply(" ".join(LONG)),
    "half in the model, half in a field": a_reply(model=LONG[:11], fields=(("system_fingerprint", LONG[11:]),)),
    "the other way round": a_reply(model=LONG[11:], fields=(("system_fingerprint", LONG[:11]),)),
    "in three fields": a_reply(model=LONG[:8], finish=LONG[8:16], fields=(("id", LONG[16:]),)),
    "the end of the answer and the finish": a_reply("x" * 500 + LONG[:11], finish=LONG[11:]),
    "the failure": a_reply("", failure=Failure(kind=FailureKind.SERVER, detail=f"no key {LONG}")),
    "escaped in the model": a_reply(model="".join(f"\\u{ord(c):04x}" for c in LONG)),
}


@pytest.mark.parametrize("reply", SPREAD.values(), ids=SPREAD)
def test_an_answer_that_spells_a_key_out_is_withheld(reply: Reply) -> None:
    kept = Keyring({"bot": LONG}).withheld(came_back(b"what came"), reply)
    assert (kept.failure and kept.failure.kind, body_of(kept)) == (FailureKind.GARBLED, b"*" * 9)


@pytest.mark.parametrize("size", [1, 3, 7, 11])
@pytest.mark.parametrize("field", ["content", "reasoning_content", "arguments"])
def test_a_key_in_the_pieces_of_any_field_of_a_stream_is_withheld(field: str, size: int) -> None:
    pieces = [LONG[n : n + size] for n in range(0, len(LONG), size)]
    stream = [f'data: {{"id": "c{n}", "delta": {{"{field}": "{p}"}}}}\n\n'.encode() for n, p in enumerate(pieces)]
    ring = Keyring({"bot": LONG})
    kept = ring.withheld(ring.clean(came_back(*stream)), a_reply())
    assert kept.failure is not None
    assert set(body_of(kept)) == {ord("*")}


def test_an_answer_without_a_key_is_kept_as_it_is() -> None:
    exchange = came_back(b'data: {"delta": {"content": "qk7 is"}}\n\n', b'data: {"delta": {"content": " no key"}}\n\n')
    assert Keyring({"bot": LONG}).withheld(exchange, a_reply("qk7 is no key", model="m")) is exchange


def test_the_name_of_a_header_holds_no_key_either() -> None:
    after = Keyring({"bot": LONG}).clean(came_back(b"{}", headers=((f"x-{LONG.lower()}", "1"),)))
    assert after.headers == (("x-" + "*" * len(LONG), "1"),)


@pytest.mark.parametrize("many", [LEARNT_LIMIT, LEARNT_LIMIT + 1, 5000])
def test_a_flood_of_cookies_is_a_named_outcome_and_loses_no_secret(many: int) -> None:
    handed = [f"visitor-{n:06d}-x{n * n}" for n in range(many)]
    exchange = came_back(f"you are {handed[0]} and {handed[-1]}".encode())
    after = KEYRING.clean(exchange, handed)
    assert b"visitor" not in body_of(after)
    assert (after.failure is not None and "handed out" in after.failure.detail) == (many > LEARNT_LIMIT)


@pytest.mark.parametrize("bad", ["\ud800", "\x1b[31m", "\x9b31m", "\u202e", "\u2028", "\0", "\r\n"])
def test_what_a_failure_says_is_one_line_that_any_file_can_hold(bad: str) -> None:
    after = KEYRING.clean(came_back(b"", failure=Failure(kind=FailureKind.SERVER, detail=f"no{bad}way")))
    assert after.failure is not None
    assert after.failure.detail.isprintable()
    assert after.failure.detail.encode()


def test_a_key_or_value_handed_over_goes_before_the_environments_and_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", "the-environments-own")
    monkeypatch.setenv("BOT_TEAM", "the-environments-team")
    bot = an_endpoint("bot", key_env="BOT_KEY", headers=(("x-team", "{env:BOT_TEAM}"),))
    ring = read_keys((bot,), Keyring({"bot": KEY, "another": "never-asked"}, {"BOT_TEAM": "handed-team-1"}))
    assert ring.key_of(bot) == KEY
    assert dict(ring.variables) == {"BOT_TEAM": "handed-team-1"}
    assert "another" not in ring.keys
    after = ring.clean(came_back(f"{KEY} of handed-team-1".encode()))
    assert KEY.encode() not in after.chunks[0].data
    assert b"handed-team-1" not in after.chunks[0].data


@pytest.mark.parametrize("key", [" sk-planted", "sk-planted\n", "sk-plänted"])
def test_a_key_handed_over_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SpecError, match="endpoint bot: the key that was handed over has a space") as refused:
        read_keys((an_endpoint("bot"),), Keyring({"bot": key}))
    assert key not in str(refused.value)
