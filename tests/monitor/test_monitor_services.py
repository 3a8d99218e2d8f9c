"""[[target]], [[candidate]] and [[panel]] of monitor.toml: whatever can be audited can be watched, by the same keys."""

from pathlib import Path

import pytest

from tests.conftest import an_item
from tests.monitor.test_monitor_config import CANDIDATE, LEAST, SITE, TARGET, load, refused
from tests.store.ledger_world import Clock
from wrapdetect.dialects import DIALECTS
from wrapdetect.model import Instrument
from wrapdetect.model.template import PageStep, Step
from wrapdetect.monitor.as_runs import run_of
from wrapdetect.monitor.config import parse_monitor
from wrapdetect.monitor.schedule import SHORT_TOKENS, cost_of, heartbeat, make_round
from wrapdetect.runs.plan import estimate_tokens
from wrapdetect.store import run_file
from wrapdetect.store.ledger import Ledger
from wrapdetect.targets.config import parse_config
from wrapdetect.targets.tables import EndpointTable

TEMPLATE = """\
[[target]]
name = "bot"
url = "wss://bot.example"
key_env = "BOT_KEY"
hosts = ["api.bot.example"]
private = true
storage_state = "bot.state.json"
[target.template]
path = "/ws"
framing = "websocket"
body = '{"q": "{prompt}", "k": "{key}", "chat": "{chat}"}'
answer = "$.text"
done = "$.done"
[[target.template.step]]
path = "/hello"
keep.chat = "$.id"
"""
PAGE = """\
[[target]]
name = "bot"
url = "https://bot.example/#/chat"
dialect = "page"
[target.page]
answer = ".answer"
[[target.page.login]]
fill = "#user"
text = "{env:BOT_USER}"
"""
PAGES = "".join(f'[[target]]\nname = "page{n}"\nurl = "https://p{n}.example"\ndialect = "page"\n' for n in range(7))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("api", [name for name, wire in DIALECTS.items() if wire.is_api])
def test_every_api_is_watched_in_its_dialect(api: str, stream: bool, tmp_path: Path) -> None:
    text = TARGET + f'dialect = "{api}"\nstream = {str(stream).lower()}\n' + CANDIDATE
    endpoint = load(tmp_path, text).targets[0].endpoint
    assert endpoint is not None
    assert endpoint.dialect == f"{api}_{'stream' if stream else 'plain'}"


def test_headers_and_queries_go_with_each_heartbeat(tmp_path: Path) -> None:
    lines = 'headers.x-title = "{env:TITLE}"\nquery.api-version = "2024-10-21"\n'
    endpoint = load(tmp_path, TARGET + lines + CANDIDATE).targets[0].endpoint
    assert endpoint is not None
    assert (endpoint.headers, endpoint.query) == ((("x-title", "{env:TITLE}"),), (("api-version", "2024-10-21"),))


@pytest.mark.parametrize("text", [TEMPLATE, PAGE], ids=["template", "page"])
def test_a_table_means_in_a_monitor_what_it_means_in_an_audit(text: str, tmp_path: Path) -> None:
    (audited,) = parse_config(text.replace("[[target]]", "[target]"), "audit.toml").endpoints()
    assert load(tmp_path, text + CANDIDATE).targets[0].endpoint == audited


def test_a_template_arrives_with_its_steps_and_a_page_with_its_login(tmp_path: Path) -> None:
    template, page = (load(tmp_path, text + CANDIDATE).targets[0] for text in (TEMPLATE, PAGE))
    assert template.endpoint is not None
    assert template.endpoint.template is not None
    assert template.endpoint.template.steps == (Step(path="/hello", keep=(("chat", "$.id"),)),)
    assert (template.url, template.vendor) == ("https://bot.example", "bot.example")
    assert page.endpoint is not None
    assert page.endpoint.page is not None
    assert page.endpoint.page.login == (PageStep(fill="#user", text="{env:BOT_USER}"),)
    assert page.url == "https://bot.example/#/chat"


def test_a_candidate_that_is_no_api_needs_no_model(tmp_path: Path) -> None:
    candidate = PAGE.replace("target", "candidate").replace('"bot"', '"up"').replace("bot.example", "up.example")
    (found,) = load(tmp_path, TARGET + candidate).candidates
    assert found.endpoint is not None
    assert (found.endpoint.role, found.endpoint.dialect, found.endpoint.model) == ("reference", "page", "")


def test_two_bots_at_one_address_are_told_apart_by_what_is_asked(tmp_path: Path) -> None:
    other = TEMPLATE.replace("target", "candidate").replace('"bot"', '"up"')
    config = load(tmp_path, TEMPLATE + other.replace("/ws", "/other"))
    assert [s.url for s in config.services()] == ["https://bot.example"] * 2
    assert "has the URL and model of target 'bot'" in refused(tmp_path, TEMPLATE + other)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEMPLATE.replace("answer =", "anser =") + CANDIDATE, ", line 12: [[target]] 1, template, anser: unknown key"),
        (TEMPLATE + "fill = 1\n" + CANDIDATE, ", line 17: [[target]] 1, template, step, 1, fill: unknown key"),
        (TEMPLATE.replace("$.text", "$[") + CANDIDATE, ", line 12: [[target]] 1, template, answer: "),
        (
            TEMPLATE.replace(", {key}", "").replace(', "k": "{key}"', "") + CANDIDATE,
            ", line 4: [[target]] 1, key_env: ",
        ),
        (
            TEMPLATE.replace("wss://bot.example", "wss://bot.example?key=x1") + CANDIDATE,
            ", line 3: [[target]] 1, url: ",
        ),
        (
            TEMPLATE.replace("/ws", "FILL-IN") + CANDIDATE,
            ", line 9: [[target]] 1, template, path: FILL-IN stands there",
        ),
        (PAGE.replace("https:", "ftp:") + CANDIDATE, ", line 3: [[target]] 1, url: "),
        (PAGE.replace('text = "{env:BOT_USER}"\n', "") + CANDIDATE, ", line 7: [[target]] 1, page, login, 1: fill and"),
        (
            TARGET + 'template.path = "/x"\ndialect = "openai"\n' + CANDIDATE,
            ", line 5: [[target]] 1, template: does not",
        ),
        (TARGET + 'headers.x-api-key = "hunter2secret"\n' + CANDIDATE, ", line 5: [[target]] 1, headers, x-api-key: "),
        (TARGET + 'dialect = "telex"\n' + CANDIDATE, ", line 5: [[target]] 1, dialect: "),
        (
            TARGET + '[[candidate]]\nname = "up"\nhosts = ["a.b"]\n',
            ", line 7: [[candidate]] 1, hosts: a service without",
        ),
        (
            TARGET + '[[candidate]]\nname = "up"\ndialect = "page"\n',
            ", line 7: [[candidate]] 1, dialect: a service without",
        ),
    ],
    ids=lambda v: v.partition(": ")[2] if v.startswith(",") else None,
)
def test_a_mistake_in_it_is_named_with_its_line_as_in_an_audit(text: str, message: str, tmp_path: Path) -> None:
    assert refused(tmp_path, text).startswith(message)


def test_pages_are_watched_every_five_minutes_at_most_and_only_as_many_as_fit(tmp_path: Path) -> None:
    budget = "[budget]\ntokens_per_day = 9000000\n"
    assert load(tmp_path, PAGE + CANDIDATE).rhythm.cadence_s == 300
    often = refused(tmp_path, PAGE + CANDIDATE + '[cadence]\nevery = "4m"\n')
    assert ", line 14: [cadence]: bot is a page, and every 240 s is too often" in often
    many = refused(tmp_path, PAGES + CANDIDATE + budget)
    assert "a round of 8 services takes up to 337 s (jitter 20, timeout 30, 7 pages one after the other)" in many
    assert len(load(tmp_path, PAGES + CANDIDATE + budget + '[cadence]\nevery = "6m"\n').targets) == 7


def test_a_template_costs_a_request_a_step_and_what_it_says_is_reserved_for() -> None:
    steps = 3 * '[[target.template.step]]\npath = "/hello"\n' + '[[target.template.step]]\nmethod = "RECEIVE"\n'
    config = parse_monitor(TEMPLATE + steps + CANDIDATE + SITE.format(1), "monitor.toml", ())
    (bot,) = config.targets
    items = [an_item("a", turns=("A?" * 4,), max_tokens=10)]
    beat, printed = (
        cost_of(make_round([bot], 0, rhythm=config.rhythm, seed=1, prints=prints), items) for prints in (False, True)
    )
    asked = estimate_tokens(heartbeat(0).turns[0])
    assert beat == (5, asked + SHORT_TOKENS)
    assert printed == (10, asked + 2 + 2 * SHORT_TOKENS)


def test_the_monitor_has_every_key_of_an_audit(tmp_path: Path) -> None:
    known = refused(tmp_path, LEAST + 'colour = "red"\n')
    assert all(key in known for key in EndpointTable.model_fields)


@pytest.mark.parametrize("text", [TEMPLATE, PAGE], ids=["template", "page"])
def test_a_store_and_an_export_keep_what_is_asked(text: str, tmp_path: Path) -> None:
    services = load(tmp_path, text + CANDIDATE).services()
    with Ledger.open(tmp_path / "monitor.db", now=Clock(), holder="test") as ledger:
        ledger.set_services(services)
        history = ledger.history()
    assert history.services == services
    instrument = Instrument(versions=(), host="test", vantage="")
    run_file.write(tmp_path / "out.jsonl", run_of(history, "bot", id_="monitor-bot", instrument=instrument))
    loaded = run_file.load_file(tmp_path / "out.jsonl").run
    assert loaded.endpoints == tuple(s.endpoint for s in services)
    assert loaded.history is not None
    assert loaded.history.services == services
