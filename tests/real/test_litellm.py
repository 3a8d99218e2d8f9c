"""LiteLLM's proxy in front of the lab's bot: the gateway behind which most wrappers stand.

What comes through, in whose shape, what it lets slip of the upstream, and what its failures are called.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.test_cli import assert_whole
from tests.cli.warm_cli import cold
from tests.conftest import an_endpoint
from tests.real.asking import Heard, Witness, an_ask, asked, said
from tests.real.servers import answers, environment_program, free_port, running
from wrapdetect.cli.demo.bots import Schedule
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.model import Dialect, Endpoint, FailureKind
from wrapdetect.store import run_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("litellm")]

MASTER_KEY = "sk-master-planted-0123456789"
UPSTREAM_KEY = "sk-upstream-planted-0123456789"
KEYS = {"PROXY_API_KEY": MASTER_KEY, "UPSTREAM_API_KEY": UPSTREAM_KEY}
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
APIS: tuple[Dialect, ...] = (
    "openai_stream",
    "openai_plain",
    "anthropic_stream",
    "anthropic_plain",
    "responses_stream",
    "responses_plain",
)

SLIPPED: dict[Dialect, str] = {"responses_stream": "witness-1"}
"""Where the upstream's own name of its model comes through: here the proxy hands events on as they are."""


@dataclass(kw_only=True)
class Proxy:
    """A running proxy, its upstream, and the address of each."""

    url: str
    bot: Witness
    lab: Served

    @contextmanager
    def upstream_down(self, status: int) -> Iterator[None]:
        self.bot.down = status
        try:
            yield
        finally:
            self.bot.down = 0


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = environment_program("litellm", "litellm")
    folder, bot = tmp_path_factory.mktemp("litellm"), Witness(schedule=Schedule(first_s=0.05, gap_s=0.03))
    with serve(bot, key=UPSTREAM_KEY) as lab:
        config = folder / "config.yaml"
        config.write_text(json.dumps(configured(lab.url)))
        with running(
            lambda port: [program, "--config", config, "--host", "127.0.0.1", "--port", str(port)],
            ready=lambda port: answers(f"http://127.0.0.1:{port}/health/readiness"),
            folder=folder,
            env={**OFFLINE, "LITELLM_MASTER_KEY": MASTER_KEY},
        ) as port:
            yield Proxy(url=f"http://127.0.0.1:{port}/v1", bot=bot, lab=lab)


def configured(upstream: str) -> dict[str, object]:
    """JSON is YAML. `gone` leads nowhere; nothing is tried twice, nothing is left out after a failure."""

    def model(name: str, base: str) -> dict[str, object]:
        how = {"model": "openai/witness-1", "api_base": base, "api_key": UPSTREAM_KEY, "max_retries": 0}
        return {"model_name": name, "litellm_params": how}

    return {
        "model_list": [model("house-bot", upstream), model("gone", f"http://127.0.0.1:{free_port()}/v1")],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "num_retries": 0,
            "telemetry": False,
            "use_chat_completions_url_for_anthropic_messages": True,  # else it asks the upstream for /responses
        },
    }


@pytest.fixture(autouse=True)
def _keys(_no_keys_of_this_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def behind(proxy: Proxy, dialect: Dialect = "openai_plain", **more: object) -> Endpoint:
    fields: dict[str, object] = {"url": proxy.url, "model": "house-bot", "key_env": "PROXY_API_KEY", **more}
    return an_endpoint("bot", "target", dialect=dialect, **fields)


def one(endpoint: Endpoint) -> Heard:
    (heard,) = asked(endpoint)
    return heard


def assert_no_key(heard: Heard) -> None:
    whole = repr(heard)
    assert [key for key in KEYS.values() if key in whole] == []


@pytest.mark.parametrize("dialect", APIS)
def test_the_answer_comes_through_whole_in_every_shape_it_offers(dialect: Dialect, proxy: Proxy) -> None:
    heard = one(behind(proxy, dialect))
    assert heard.reply.failure is None, heard.reply.failure
    assert heard.reply.text == said(1, "Why are there tides?")
    assert heard.reply.model == SLIPPED.get(dialect, "house-bot")
    assert heard.reply.finish
    assert_no_key(heard)


@pytest.mark.parametrize("dialect", [d for d in APIS if d.endswith("_stream")])
def test_a_stream_stays_a_stream(dialect: Dialect, proxy: Proxy) -> None:
    heard = one(behind(proxy, dialect))
    times = [p.t_s for p in heard.reply.pieces]
    assert len(times) > 5
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] <= heard.exchange.ended_s
    assert len(heard.exchange.chunks) > 1


@pytest.mark.parametrize("dialect", ["openai_stream", "anthropic_stream"])
def test_a_conversation_keeps_its_thread_and_the_next_begins_afresh(dialect: Dialect, proxy: Proxy) -> None:
    first, second = an_ask("The word is heron.", "Which word?", number=1), an_ask("Which word?", number=2)
    heard = asked(behind(proxy, dialect), first, second)
    assert [h.reply.text for h in heard] == [
        said(1, "The word is heron."),
        said(2, "The word is heron."),
        said(1, "Which word?"),
    ]


def test_a_system_prompt_arrives_at_the_upstream(proxy: Proxy) -> None:
    before = len(proxy.lab.requests)
    asked(behind(proxy, "anthropic_plain"), an_ask(system="You are Ada."))
    asked(behind(proxy, "openai_plain"), an_ask(system="You are Ada."))
    bodies = [json.dumps(r["body"]) for r in proxy.lab.requests[before:]]
    assert len(bodies) == 2
    assert [b for b in bodies if '"role": "system"' in b and "You are Ada." in b] == bodies


def test_its_headers_tell_the_upstream_behind_it(proxy: Proxy) -> None:
    headers = {name.lower(): value for name, value in one(behind(proxy)).exchange.headers}
    assert headers["x-litellm-model-name"] == "openai/witness-1"
    assert headers["x-litellm-model-api-base"] == proxy.lab.url
    assert headers["llm_provider-server"] == "uvicorn"


@pytest.mark.parametrize("dialect", ["openai_stream", "openai_plain", "anthropic_stream", "anthropic_plain"])
def test_an_upstream_that_is_down_is_a_failure_of_the_server(dialect: Dialect, proxy: Proxy) -> None:
    with proxy.upstream_down(503):
        heard = one(behind(proxy, dialect))
    assert heard.reply.failure is not None
    assert heard.reply.failure.kind is FailureKind.SERVER
    assert "HTTP 503" in heard.reply.failure.detail
    assert_no_key(heard)


def test_an_upstream_that_is_gone_is_a_failure_of_the_server(proxy: Proxy) -> None:
    heard = one(behind(proxy, "openai_stream", model="gone"))
    assert heard.reply.failure is not None
    assert heard.reply.failure.kind is FailureKind.SERVER
    assert "Connection error" in heard.reply.failure.detail


def test_an_upstream_that_is_limited_is_asked_again_and_each_time_recorded(proxy: Proxy) -> None:
    with proxy.upstream_down(429):
        heard = asked(behind(proxy))
    assert [h.exchange.attempt for h in heard] == [0, 1, 2]
    assert {h.reply.failure.kind for h in heard if h.reply.failure} == {FailureKind.LIMITED}


@pytest.mark.parametrize(("key", "model"), [("sk-wrong-planted-0123456789", "house-bot"), (MASTER_KEY, "no-such-bot")])
def test_a_wrong_key_and_an_unknown_model_are_refused(
    key: str, model: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_API_KEY", key)
    heard = one(behind(proxy, model=model))
    assert heard.reply.failure is not None
    assert heard.reply.failure.kind is FailureKind.REFUSED
    assert "HTTP 40" in heard.reply.failure.detail
    assert key not in repr(heard)


def test_a_whole_audit_through_it_holds_no_key(proxy: Proxy, tmp_path: Path) -> None:
    reference = f"upstream={proxy.lab.url}#witness-1@UPSTREAM_API_KEY"
    target = ("audit", proxy.url, "--model", "house-bot", "--key-env", "PROXY_API_KEY")
    argv = (*target, "--reference", reference, "--pack", "identity", "--no-embed", "--out", "run.jsonl")
    done = cold(*argv, cwd=tmp_path, **KEYS)
    assert done.code == 0, done.err
    assert_whole(run_file.load_file(tmp_path / "run.jsonl").run)
    kept = (tmp_path / "run.jsonl").read_text() + done.out + done.err
    assert [key for key in KEYS.values() if key in kept] == []
