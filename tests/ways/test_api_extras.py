"""Headers and query of the user's own on any API, and Azure: what goes out, what is masked, what no file may hold"""

import asyncio
import re

import pytest

from tests.conftest import START, a_pack, a_run, an_endpoint, an_item
from tests.ways.misbehaving import completion, echo_key, fixed, serving
from tests.ways.test_heartbeat import a_chat, beat
from wrapdetect.dialects import encode
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Ask, AskKey, Dialect, Endpoint, Exchange
from wrapdetect.model.history import Outcome, Service
from wrapdetect.runs.codec import dump_head, load_run
from wrapdetect.targets.config import make_endpoint, parse_config, parse_reference
from wrapdetect.targets.written import dump_target
from wrapdetect.ways import clock
from wrapdetect.ways.heartbeat import HttpPulse
from wrapdetect.ways.http import HttpSender
from wrapdetect.ways.keyring import Keyring, read_keys

FILE = "bot.toml"
TOKEN, KEY = "tok-planted-0123456789", "sk-planted-0123456789abcdef"
BASE = '[target]\nurl = "https://bot.example/v1"\nmodel = "m"\n'


def asked(endpoint: Endpoint, keyring: Keyring) -> Exchange:
    ask = Ask(key=AskKey("style", "tides", 0), turns=("Why?",), system="", temperature=0, max_tokens=9)

    async def go() -> Exchange:
        sender = HttpSender((endpoint,), keyring=keyring, now=lambda: START, stopwatch=clock.stopwatch, timeout_s=5.0)
        async with sender as send:
            return await send(endpoint, ask, 0, 0, encode(ask, [], endpoint))

    return asyncio.run(go())


def heartbeat(service: Service) -> None:
    pulse = HttpPulse(
        (service,),
        keyring=Keyring({"bot": KEY}, {"TOKEN": TOKEN, "OTHER": "x"}),
        now=clock.now,
        stopwatch=clock.stopwatch,
        timeout_s=5.0,
    )
    asyncio.run(pulse.beat(service, 1_700_000_100))


@pytest.mark.parametrize(
    "dialect", ["openai_plain", "responses_plain", "anthropic_plain", "ollama_plain", "gemini_plain", "gemini_stream"]
)
def test_they_go_out_on_every_api_with_the_values_of_their_variables(dialect: Dialect) -> None:
    with serving(fixed(completion("Hi."))) as server:
        bot = an_endpoint(
            "bot",
            url=server.url,
            dialect=dialect,
            headers=(("X-Team", "blue"), ("X-Auth", "Bearer {env:TOKEN}"), ("User-Agent", "mine/1")),
            query=(("api-version", "2024-10-21"), ("sig", "{env:TOKEN}&x")),
        )
        asked(bot, Keyring({"bot": KEY}, {"TOKEN": TOKEN}))
        heartbeat(a_chat(server.url, dialect=dialect, headers=bot.headers, query=bot.query))
    first, second = server.requests
    assert first.headers["user-agent"] == "mine/1"
    for request in (first, second):
        assert request.headers["x-team"] == "blue"
        assert request.headers["x-auth"] == f"Bearer {TOKEN}"
        path = request.head.split(" ")[1]
        assert re.search(rf"[?&]api-version=2024-10-21&sig={TOKEN}%26x$", path)
        assert path.count("?") == 1


def test_what_comes_back_of_them_is_masked() -> None:
    with serving(echo_key) as server:
        bot = an_endpoint("bot", url=server.url, headers=(("authorization", "Bearer {env:TOKEN}"),))
        exchange = asked(bot, Keyring({}, {"TOKEN": TOKEN}))
    assert exchange.status == 401
    assert TOKEN not in repr(exchange)
    assert "*" * len(TOKEN) in repr(exchange)


def test_their_variables_are_read_and_one_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bot = an_endpoint("bot", headers=(("x-auth", "{env:BOT_TOKEN}"),), query=(("sig", "{env:BOT_SIG}"),))
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    with pytest.raises(SpecError, match="BOT_SIG is not set"):
        read_keys((bot,))
    monkeypatch.setenv("BOT_SIG", "a-signature")
    assert read_keys((bot,)).variables == {"BOT_TOKEN": TOKEN, "BOT_SIG": "a-signature"}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/openai/deployments/gpt/chat/completions?api-version=2024-10-21", "api-version=2024-10-21"),
        ("/openai/deployments/gpt?api-version=2024-10-21", "api-version=2024-10-21"),
        ("/openai/deployments/gpt/?api-version=2024-10-21&x=1", "api-version=2024-10-21&x=1"),
    ],
)
def test_a_deployment_of_azures_gets_its_version_and_its_own_key_header(url: str, path: str) -> None:
    with serving(fixed(completion("Hi."))) as server:
        bot = make_endpoint(
            name="bot", role="target", url=server.url.removesuffix("/v1") + url, model="", key_env="AZURE_KEY"
        )
        asked(bot, Keyring({"bot": KEY}))
        answer = beat(a_chat(bot.url, query=bot.query), keys={"bot": KEY})
    for request in server.requests:
        assert request.head.startswith(f"POST /openai/deployments/gpt/chat/completions?{path} HTTP")
        assert request.headers["api-key"] == KEY
        assert "authorization" not in request.headers
    assert (bot.model, answer.outcome) == ("gpt", Outcome.UP)


def test_a_reference_on_the_command_line_may_be_one_of_azures() -> None:
    bot = parse_reference("a=https://x.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21#gpt-4o@AZURE_KEY")
    assert (bot.url, bot.query) == (
        "https://x.openai.azure.com/openai/deployments/gpt",
        (("api-version", "2024-10-21"),),
    )
    assert (bot.model, bot.key_env) == ("gpt-4o", "AZURE_KEY")


@pytest.mark.parametrize(
    ("end", "stream", "dialect"),
    [
        ("/v1/chat/completions", True, "openai_stream"),
        ("/v1/messages", True, "anthropic_stream"),
        ("/v1/responses/", False, "responses_plain"),
        ("/api/chat", True, "ollama_stream"),
        ("/v1beta/models/m:generateContent", False, "gemini_plain"),
        ("/v1", True, "openai_stream"),
    ],
)
def test_the_whole_address_of_a_call_tells_its_api(end: str, stream: bool, dialect: Dialect) -> None:
    text = f'[target]\nurl = "https://bot.example{end}"\nmodel = "m"\nstream = {str(stream).lower()}\n'
    assert parse_config(text, FILE).endpoints()[0].dialect == dialect
    told = parse_config(text + 'dialect = "openai"\n', FILE).endpoints()[0]  # the user's word goes before
    assert told.dialect == ("openai_stream" if stream else "openai_plain")


def test_a_table_is_read_and_written_back_to_the_same() -> None:
    text = f'{BASE}headers.x-team = "blue"\nheaders.x-auth = "{{env:A}}"\nquery.api-version = "2024-10-21"\n'
    (bot,) = parse_config(text, FILE).endpoints()
    assert bot.headers == (("x-team", "blue"), ("x-auth", "{env:A}"))
    assert bot.query == (("api-version", "2024-10-21"),)
    assert parse_config(dump_target(bot), FILE).endpoints() == (bot,)
    assert "# Set these variables first; their values are never written down: A" in dump_target(bot)


def test_a_run_file_holds_them_as_they_are_written_and_names_them_only_where_they_are_set() -> None:
    run = a_run(a_pack(an_item()), references=0)
    plain = dump_head(run)
    assert '"headers"' not in plain
    assert '"query"' not in plain
    bot = an_endpoint("target", "target", headers=(("x-auth", "{env:A}"),), query=(("v", "1"),))
    text = dump_head(a_run(a_pack(an_item()), references=0, endpoints=(bot,)))
    assert load_run(text.encode()).run.endpoints == (bot,)
    assert load_run(plain.encode()).run.endpoints == run.endpoints


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'headers.x-api-key = "{KEY}"', "headers.x-api-key: looks like a secret .*{env:NAME}"),
        (f'headers.authorization = "Bearer {KEY}"', "headers.authorization: looks like a secret"),
        (f'headers.x-team = "{KEY}"', "headers.x-team: looks like a secret"),
        (f'query.sig = "{KEY}"', "query.sig: looks like a secret"),
        (f'query.tenant = "{KEY}"', "query.tenant: looks like a secret"),
        ('headers.host = "x"', "headers.host: is no header that may be set"),
        ('headers.Content-Length = "3"', "headers.Content-Length: is no header that may be set"),
        ('headers."a b" = "x"', "is no header that may be set"),
        ('headers.x-a = "a\\nb"', "headers.x-a: holds a character"),
        ("headers = 3", "headers: "),
        ("query.v = 3", "query.v: .*string"),
    ],
)
def test_what_may_not_stand_in_a_table_is_named_with_its_line_and_not_shown(line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_config(f"{BASE}{line}\n", FILE)
    assert "line 4" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", [f"https://bot.example/v1?key={KEY}", f"https://bot.example/v1?tenant={KEY}"])
def test_a_secret_in_an_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SpecError, match="looks like a secret") as caught:
        make_endpoint(name="bot", role="target", url=url, model="m", key_env=None)
    assert KEY not in str(caught.value)
