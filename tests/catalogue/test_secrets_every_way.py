"""Planted secrets over every way in: whatever a server says back of them, no file and no output holds one.

Each command runs as a process of its own against a server that repeats all it was told, in every spelling and place.
"""

import html
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import pytest

from tests.catalogue.case import body_of
from tests.catalogue.pages import BOX, KIT
from tests.catalogue.sockets import BYE, CLOSE, DONE, frame, heard, opened
from tests.cli.warm_cli import Commands, Done
from tests.runs.hars import asked, entry, save, stream
from tests.ways.misbehaving import LAST_CHUNK, STREAM_HEAD, Behaviour, Peer, chunk, fixed, raw, serving
from wrapdetect.model import Run
from wrapdetect.store import run_file

KEY = "sk-planted+key/0123=9ab"
AUTHORIZATION = "planted+env/4567=8cd"
QUERY = 'planted/query+89&"01"ef'
COOKIE = "planted-cookie-2345gh"
USERS_COOKIE = "planted-own-cookie-67ij"
TOKEN = "planted-csrf/token+89kl"
STORED = "planted-stored-0123mn"
PASSED = "planted-session-4567op"
SECRETS = (KEY, AUTHORIZATION, QUERY, COOKIE, USERS_COOKIE, TOKEN, STORED, PASSED)
VARIABLES = {
    "BOT_KEY": KEY,
    "BOT_AUTHORIZATION": f"Bearer {AUTHORIZATION}",
    "BOT_QUERY": QUERY,
    "BOT_COOKIE": f"theme=dark; sid={USERS_COOKIE}",
}
PACK = """
id = "planted"
version = 1
title = "Whatever"
purpose = "So that the server says all it knows."
temperature = 0.0
max_tokens = 50
""" + "".join(
    f'\n[[item]]\nid = "item_{n}"\nlanguage = "en"\nturns = ["Question {n}?"]\npurpose = "Any."\nreaders = ["text"]\n'
    for n in range(8)
)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


# Servers that repeat what they were told


def spellings(secret: str) -> set[str]:
    """As a secret may be written: plain, percent-encoded, in HTML, in JSON of two kinds."""
    return {*in_text(secret), json.dumps(secret)[1:-1], json.dumps(secret)[1:-1].replace("/", "\\/")}


def in_text(secret: str) -> set[str]:
    """As it may be written where the text becomes JSON afterwards."""
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret)}


def told(peer: Peer) -> str:
    """Every secret that the request held or the server handed out, in every spelling."""
    sent = peer.request.head + peer.request.body.decode(errors="replace")
    known = [s for s in SECRETS if any(spelt in sent or s in unquote(sent) for spelt in spellings(s))]
    if "/session" in sent or COOKIE in sent:
        known += [COOKIE, TOKEN]
    return "; ".join(spelt for s in dict.fromkeys(known) for spelt in sorted(in_text(s)))


def repeating(talk: str) -> Behaviour:
    """Answers with all it was told: in its text, across two chunks, in headers, errors and redirects, by turns."""
    count = itertools.count()

    def behave(peer: Peer) -> None:
        said = told(peer)
        first = re.sub(r"[^\x21-\x7e]", "", said)[:3000]
        answer = body_of(talk, f"You said {said}.")
        if " /session" in peer.request.head.partition("\r\n")[0]:
            cookie = f"set-cookie: visit={COOKIE}; Path=/; HttpOnly"
            return fixed(json.dumps({"csrf": TOKEN}).encode(), headers=(cookie, f"x-csrf-token: {TOKEN}"))(peer)
        match next(count) % 7 if b"hello" not in peer.request.body else 0:
            case 0:
                return fixed(answer, kind="text/event-stream")(peer)
            case 1:
                cut = answer.find(b"planted") + 9
                return raw(STREAM_HEAD, chunk(answer[:cut]), chunk(answer[cut:]), LAST_CHUNK)(peer)
            case 2:
                named = (f"x-echo: {first}", f"set-cookie: again={COOKIE}", f'www-authenticate: Bearer realm="{first}"')
                return fixed(answer, kind="text/event-stream", headers=named)(peer)
            case 3:
                return fixed(json.dumps({"error": {"message": said}}).encode(), status="500 Internal Server Error")(
                    peer
                )
            case 4:
                return fixed(b"", status="302 Found", headers=(f"location: /login?why={first}",))(peer)
            case 5:
                return fixed(answer.replace(b"/", b"\\/") if b'"' in answer[:20] else answer, kind="text/event-stream")(
                    peer
                )
            case _:
                return fixed(said.encode(), status=f"401 {first[:200]}", kind="text/plain")(peer)

    return behave


def repeating_socket(peer: Peer) -> None:
    """The same in frames; the first frame hands out a session."""
    opened(peer, f"set-cookie: visit={COOKIE}")
    peer.send(frame(json.dumps({"session": PASSED}).encode()))
    said = "; ".join([told(peer), PASSED, COOKIE])
    for opcode, _ in heard(peer):
        if opcode == CLOSE:
            return peer.send(BYE)
        half = said.find("; ", len(said) // 2)
        for part in (said[:half], said[half:], PASSED):
            peer.send(frame(json.dumps({"delta": part}).encode()))
        peer.send(frame(b"\xff\x00" + PASSED.encode(), 2))
        peer.send(DONE)
    return None


LEAKY = (
    f"""
document.cookie = 'visit={COOKIE}; path=/';
localStorage.setItem('me', '{STORED}');
sessionStorage.setItem('now', '{PASSED}');
"""
    + """
const all = [document.cookie, localStorage.getItem('me'), sessionStorage.getItem('now')].join(' ');
answer = async () => {
  const said = {method: 'POST', body: all, headers: {'x-token': all}};
  const r = await fetch('/api?token=' + encodeURIComponent(all), said);
  await reply('You are ' + all + ' ' + await r.text());
};
"""
)


def repeating_page(peer: Peer) -> None:
    """A page that shows what it stores, and sends it to its own server."""
    path = peer.request.head.split(" ")[1]
    if path.startswith("/api"):
        said = f"{COOKIE} {STORED} {PASSED}"
        return fixed(f"also {said}".encode(), kind="text/plain", headers=(f"x-echo: {said}",))(peer)
    body = f"<!DOCTYPE html><title>Chat</title>{BOX}<script>{KIT}{LEAKY}</script>"
    return fixed(body.encode(), kind="text/html; charset=utf-8")(peer)


# The ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A config with the address left open, and what is behind it; `handed` are the secrets that this way meets."""

    config: str
    server: Behaviour
    handed: tuple[str, ...]
    slow: bool = False


API = '[target]\nurl = "URL/v1"\nmodel = "m"\nkey_env = "BOT_KEY"\ndialect = "%s"\n'
TEMPLATE = """
[target]
url = "URL"
key_env = "BOT_KEY"
[target.template]
path = "/chat?lang=en&token={env:BOT_QUERY}"
headers = { authorization = "{env:BOT_AUTHORIZATION}", cookie = "{env:BOT_COOKIE}", "x-csrf-token" = "{csrf}" }
json = { message = "{prompt}", csrf = "{csrf}", key = "{key}" }
%s
[[target.template.step]]
path = "/session"
headers = { authorization = "{env:BOT_AUTHORIZATION}" }
keep = { csrf = "$.csrf" }
"""
SOCKET = """
[target]
url = "URL"
key_env = "BOT_KEY"
[target.template]
path = "/ws?token={env:BOT_QUERY}"
headers = { authorization = "{env:BOT_AUTHORIZATION}", cookie = "{env:BOT_COOKIE}", "x-key" = "{key}" }
framing = "websocket"
json = { text = "{prompt}", session = "{session}" }
answer = "$.delta"
done = "$.done"
[[target.template.step]]
method = "RECEIVE"
keep = { session = "$.session" }
"""
OF_TEMPLATE = (KEY, AUTHORIZATION, QUERY, COOKIE, USERS_COOKIE, TOKEN)
STREAMED = 'framing = "sse"\nanswer = "$.delta"\ndone = "[DONE]"'
WAYS: Mapping[str, Way] = {
    "openai": Way(config=API % "openai", server=repeating("openai_stream"), handed=(KEY,)),
    "responses": Way(config=API % "responses", server=repeating("responses_stream"), handed=(KEY,)),
    "anthropic": Way(config=API % "anthropic", server=repeating("anthropic_stream"), handed=(KEY,)),
    "ollama": Way(config=API % "ollama", server=repeating("ollama_stream"), handed=(KEY,)),
    "gemini": Way(config=API % "gemini", server=repeating("gemini_stream"), handed=(KEY,)),
    "template_sse": Way(config=TEMPLATE % STREAMED, server=repeating("template_sse"), handed=OF_TEMPLATE),
    "template_body": Way(config=TEMPLATE % 'answer = "$.reply"', server=repeating("template_body"), handed=OF_TEMPLATE),
    "template_text": Way(config=TEMPLATE % 'framing = "text"', server=repeating("template_text"), handed=OF_TEMPLATE),
    "websocket": Way(
        config=SOCKET, server=repeating_socket, handed=(KEY, AUTHORIZATION, QUERY, USERS_COOKIE, COOKIE, PASSED)
    ),
    "page": Way(
        config='[target]\nurl = "URL/"\ndialect = "page"\n',
        server=repeating_page,
        handed=(COOKIE, STORED, PASSED),
        slow=True,
    ),
}


def kept_in(folder: Path, ours: set[Path]) -> Iterator[tuple[str, bytes]]:
    """Every file written, and of a run file the bytes of its exchanges put together again."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in ours:
            yield path.name, path.read_bytes()
            if path.suffix == ".jsonl":
                yield f"the bytes within {path.name}", b"\n".join(bytes_of(run_file.load_file(path).run))


def bytes_of(run: Run) -> Iterator[bytes]:
    for e in run.exchanges:
        yield b"".join(c.data for c in e.chunks)
        yield from (b"".join(c.data for c in h.chunks) + h.url.encode() + h.sent.encode() for h in e.hops)
        yield e.sent.encode() + repr(e.headers).encode() + repr(e.failure).encode()


def refuse_secrets(folder: Path, ours: set[Path], *done: Done) -> None:
    """No secret, in whatever spelling, in what was written or printed."""
    printed = [(f"output {n}", (d.out + d.err).encode()) for n, d in enumerate(done)]
    for name, data in [*printed, *kept_in(folder, ours)]:
        found = {spelt for s in SECRETS for spelt in spellings(s) if spelt.encode() in data}
        assert not found, (name, found, [data[max(0, (i := data.find(f.encode())) - 150) : i + 60] for f in found])


def given(folder: Path, way: Way, url: str) -> set[Path]:
    """The files that the user wrote."""
    (folder / "bot.toml").write_text(way.config.replace("URL", url))
    (folder / "planted.toml").write_text(PACK)
    return {folder / "bot.toml", folder / "planted.toml"}


EACH = [pytest.param(name, marks=pytest.mark.slow) for name in WAYS]


@pytest.mark.parametrize("name", EACH)
def test_an_audit_keeps_and_prints_no_secret(name: str, commands: Commands, tmp_path: Path) -> None:
    way = WAYS[name]
    with serving(way.server) as server:
        ours = given(tmp_path, way, server.url.removesuffix("/v1"))
        options = (
            "--pack",
            "planted.toml",
            "--out",
            "run.jsonl",
            "--json",
            "--no-embed",
            "--concurrency",
            "1",
            "--timeout",
            "30",
        )
        done = commands.run("audit", "--config", "bot.toml", *options, cwd=tmp_path, **VARIABLES)
        assert "Traceback" not in done.err, done.err
        assert (tmp_path / "run.jsonl").exists(), done.err
        heard = "".join(unquote(r.head) + unquote(r.body.decode(errors="replace")) for r in server.requests)
        again = commands.run("replay", "run.jsonl", "--no-embed", cwd=tmp_path)
    assert [s for s in way.handed if s in (KEY, AUTHORIZATION, USERS_COOKIE) and s not in heard] == []
    assert b"*****" in (tmp_path / "run.jsonl").read_bytes()
    refuse_secrets(tmp_path, ours, done, again)


@pytest.mark.parametrize("name", EACH)
def test_checking_a_target_prints_no_secret(name: str, commands: Commands, tmp_path: Path) -> None:
    way = WAYS[name]
    with serving(way.server) as server:
        ours = given(tmp_path, way, server.url.removesuffix("/v1"))
        done = commands.run("target", "check", "bot.toml", cwd=tmp_path, **VARIABLES)
    assert done.code == 0, done.err
    refuse_secrets(tmp_path, ours, done)


CURL = f"""curl 'https://bot.example/chat?lang=en&token={quote_plus(QUERY)}' -X POST \\
  -H 'Authorization: Bearer {AUTHORIZATION}' -H 'X-Api-Key: {KEY}' -b 'theme=dark; sid={USERS_COOKIE}' \\
  -H 'x-csrf-token: {TOKEN}' -H 'content-type: application/json' \\
  --data-raw '{{"message": "hello there", "access_token": "{PASSED}"}}'
"""
RAW = (
    f"POST /chat?token={quote_plus(QUERY)} HTTP/1.1\r\nHost: bot.example\r\nAuthorization: Bearer {AUTHORIZATION}\r\n"
    f"Cookie: theme=dark; sid={USERS_COOKIE}\r\nX-Api-Key: {KEY}\r\nContent-Type: application/json\r\n\r\n"
    f'{{"message": "hello there", "csrf_token": "{TOKEN}"}}'
)


@pytest.mark.slow
@pytest.mark.parametrize("pasted", [CURL, RAW], ids=["curl", "raw"])
def test_a_pasted_request_becomes_a_target_without_its_secrets(pasted: str, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "pasted.txt").write_text(pasted)
    done = commands.run("target", "import", "pasted.txt", "--prompt", "hello there", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "{prompt}" in done.out
    refuse_secrets(tmp_path, {tmp_path / "pasted.txt"}, done)


@pytest.mark.slow
def test_an_imported_har_leaves_its_secrets_behind(commands: Commands, tmp_path: Path) -> None:
    everything = "; ".join(spelt for s in SECRETS for spelt in sorted(in_text(s)))
    half = everything.find("; ", len(everything) // 2)
    har(tmp_path, everything[:half], everything[half:])
    done = commands.run("import", "bot.har", "--out", "run.jsonl", "--json", "--no-embed", cwd=tmp_path)
    assert (tmp_path / "run.jsonl").exists(), done.err
    refuse_secrets(tmp_path, {tmp_path / "bot.har"}, done)


@pytest.mark.slow
def test_an_imported_har_leaves_its_plain_secrets_behind(commands: Commands, tmp_path: Path) -> None:
    har(tmp_path, "; ".join(SECRETS))
    done = commands.run("import", "bot.har", "--out", "run.jsonl", "--json", "--no-embed", cwd=tmp_path)
    assert (tmp_path / "run.jsonl").exists(), done.err
    refuse_secrets(tmp_path, {tmp_path / "bot.har"}, done)


def har(folder: Path, *said: str) -> None:
    """A call that held and handed out all secrets, and whose answer says them."""
    call = entry(
        f"https://bot.example/v1/chat/completions?token={quote_plus(QUERY)}",
        sent={**asked("Why are there tides?", stream=True), "csrf_token": TOKEN, "session": PASSED},
        answer=stream(*said, STORED),
        kind="text/event-stream",
        headers={
            "Authorization": f"Bearer {AUTHORIZATION}",
            "X-Api-Key": KEY,
            "Cookie": f"sid={USERS_COOKIE}; me={STORED}",
        },
        response_headers={"Set-Cookie": f"visit={COOKIE}; Path=/", "X-Echo": said[0]},
    )
    save(folder / "bot.har", call)


def in_two_events(peer: Peer) -> None:
    given = peer.request.headers["authorization"].removeprefix("Bearer ")
    fixed(body_of("openai_stream", f"You said {given[:12]}", f"{given[12:]}."), kind="text/event-stream")(peer)


def in_json_within_json(peer: Peer) -> None:
    given = peer.request.headers["authorization"].removeprefix("Bearer ")
    inner = json.dumps({"error": f"bad key {given}"}).replace("/", "\\/")
    fixed(body_of("openai_stream", inner), kind="text/event-stream")(peer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "code"),
    [(in_two_events, 3), (in_json_within_json, 0)],  # what is spelt out piece by piece is not kept at all
)
def test_a_key_that_comes_back_in_disguise_is_masked_too(
    server: Behaviour, code: int, commands: Commands, tmp_path: Path
) -> None:
    with serving(server) as running:
        way = Way(config=API % "openai", server=server, handed=(KEY,))
        ours = given(tmp_path, way, running.url.removesuffix("/v1"))
        done = commands.run("target", "check", "bot.toml", cwd=tmp_path, **VARIABLES)
    assert done.code == code, done.err
    refuse_secrets(tmp_path, ours, done)
