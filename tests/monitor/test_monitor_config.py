"""monitor.toml: what is watched, what it costs, and every mistake named with its line and without its value."""

import re
import tomllib
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.conftest import an_item
from wrapdetect.errors import ConfigError
from wrapdetect.model import Endpoint, Item
from wrapdetect.monitor.config import FILL_IN
from wrapdetect.monitor.config.tables import TABLES
from wrapdetect.monitor.feeds import Scope
from wrapdetect.monitor.schedule import heartbeat
from wrapdetect.monitor.spec import DailyCost, MonitorConfig, daily_cost, duration_s, said_s
from wrapdetect.runs.plan import estimate_tokens
from wrapdetect.store.monitor_file import load_monitor, template
from wrapdetect.targets.toml_lines import line_of

SECRET = "hunter2secret"
TARGET = '[[target]]\nname = "bot"\nurl = "https://bot.example/v1"\nmodel = "bot-1"\n'
CANDIDATE = '[[candidate]]\nname = "up"\nurl = "https://api.up.example/v1"\nmodel = "up-1"\n'
PANEL = '[[panel]]\nname = "p{0}"\nurl = "https://p{0}.test/v1"\nmodel = "p-1"\n'
SITE = '[[site]]\nname = "s{0}"\nurl = "https://s{0}.test/"\n'
LEAST = TARGET + CANDIDATE
WHOLE = LEAST + PANEL.format(1) + PANEL.format(2) + SITE.format(1) + SITE.format(2)


def feed_with(line: str, format_: str) -> str:
    """The least config, and a feed with this line at its end."""
    return LEAST + f"[[feed]]\nservice = 'up'\nurl = 'https://f.test'\nformat = '{format_}'\n{line}\n"


def the_items() -> list[Item]:
    """Five questions of 10 estimated tokens, answered in 40 at most."""
    return [an_item(f"q{k}", turns=("q" * 40,), max_tokens=40) for k in range(5)]


def load(tmp_path: Path, text: str | bytes) -> MonitorConfig:
    path = tmp_path / "monitor.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_monitor(path, the_items())


def refused(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "monitor.toml"))
    assert "\n" not in message
    assert SECRET not in message
    return message.removeprefix(str(tmp_path / "monitor.toml"))


def test_the_least_config_has_usual_values_and_says_what_it_cannot_tell(tmp_path: Path) -> None:
    config = load(tmp_path, LEAST)
    assert [(s.name, s.kind, s.vendor) for s in config.services()] == [
        ("bot", "target", "bot.example"),
        ("up", "candidate", "up.example"),
    ]
    assert config.targets[0].endpoint == Endpoint(
        name="bot", role="target", url="https://bot.example/v1", model="bot-1", dialect="openai_stream"
    )
    assert config.candidates[0].endpoint is not None
    assert config.candidates[0].endpoint.role == "reference"
    assert config.store == str(tmp_path / "monitor.db")
    assert (config.rhythm.cadence_s, config.rhythm.fingerprint_every_s) == (300, 86_400)
    assert (config.alerts.quiet_s, config.alerts.evidence_at, config.alerts.urls_env) == (21_600, 20.0, ())
    assert (config.pack_after_s, config.keep_s) == (2 * 86_400, 400 * 86_400)
    assert config.metrics_port is None
    assert "[[site]]" in config.warnings[0]
    assert "[[panel]]" in config.warnings[1]


def test_a_vantage_is_a_name_or_none(tmp_path: Path) -> None:
    assert load(tmp_path, LEAST).vantage == ""
    assert load(tmp_path, 'vantage = "Tokyo 2"\n' + LEAST).vantage == "Tokyo 2"
    for bad in ('""', '" x"', '"a\\u001bb"', "7", f'"{"x" * 81}"'):
        assert "vantage" in refused(tmp_path, f"vantage = {bad}\n" + LEAST)


def test_a_whole_config_warns_of_nothing(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)
    assert config.warnings == ()
    assert [s.kind for s in config.services()] == ["target", "candidate", "panel", "panel", "site", "site"]
    assert [s.url for s in config.sites] == ["https://s1.test/", "https://s2.test/"]
    assert all(s.endpoint is None for s in config.sites)


def test_a_panel_of_the_vendors_that_are_asked_about_is_no_panel(tmp_path: Path) -> None:
    own = WHOLE.replace("https://p1.test/v1", "https://eu.up.example/v1")
    assert [w.partition(" ")[0] for w in load(tmp_path, own).warnings] == ["1"]
    other = own.replace('name = "p1"\n', 'name = "p1"\nvendor = "elsewhere"\n')
    assert load(tmp_path, other).warnings == ()


def test_every_setting_arrives(tmp_path: Path) -> None:
    text = (
        'store = "postgresql+psycopg://monitor@localhost/m"\n'
        + TARGET
        + 'key_env = "BOT_KEY"\nvendor = "Bot Ltd"\nstream = false\nweights = "open"\ntoken_limit = "omit"\n'
        + "send_temperature = false\n"
        + CANDIDATE
        + '[[feed]]\nservice = "up"\nurl = "https://status.up.example/api?per_page=50"\nformat = "statuspage"\n'
        + '[[feed]]\nservice = "up"\nurl = "https://status.up.example/rss/"\nformat = "rss"\n'
        + 'name = "up rss"\nevery = "1h"\n'
        + '[cadence]\nevery = "10m"\nfingerprint_every = "12h"\njitter = "30s"\ntimeout = 45\nconcurrency = 7\n'
        + "[budget]\nrequests_per_day = 400\ntokens_per_day = 999999\n"
        + '[alerts]\nurls_env = ["ALERT_A", "ALERT_B", "ALERT_A"]\nevidence_at = 100.0\nquiet = "1d"\n'
        + '[retention]\npack_after = "3d"\nkeep = "90d"\n[metrics]\nport = 9464\nhost = "0.0.0.0"\n'
    )
    config = load(tmp_path, text)
    target = config.targets[0]
    assert target.vendor == "Bot Ltd"
    assert target.endpoint == Endpoint(
        name="bot",
        role="target",
        url="https://bot.example/v1",
        model="bot-1",
        key_env="BOT_KEY",
        dialect="openai_plain",
        weights="open",
        token_limit="omit",
        send_temperature=False,
    )
    assert config.store == "postgresql+psycopg://monitor@localhost/m"
    assert [(f.name, f.service, f.url, f.format, f.every_s) for f in config.feeds] == [
        ("up statuspage", "up", "https://status.up.example/api?per_page=50", "statuspage", 600),
        ("up rss", "up", "https://status.up.example/rss/", "rss", 3600),
    ]
    rhythm = config.rhythm
    assert (rhythm.cadence_s, rhythm.fingerprint_every_s, rhythm.jitter_s, rhythm.timeout_s, rhythm.concurrency) == (
        600, 43_200, 30, 45, 7,
    )  # fmt: skip
    assert (config.limits.requests_per_day, config.limits.tokens_per_day) == (400, 999_999)
    assert config.alerts.urls_env == ("ALERT_A", "ALERT_B")
    assert (config.alerts.evidence_at, config.alerts.quiet_s) == (100.0, 86_400)
    assert (config.pack_after_s, config.keep_s) == (3 * 86_400, 90 * 86_400)
    assert (config.metrics_port, config.metrics_host) == (9464, "0.0.0.0")


def test_a_feed_says_what_of_its_page_counts(tmp_path: Path) -> None:
    lines = "components = ['API', 'Chat']\ntitle = 'chat api'\nzone = '+02:00'"
    (feed,) = load(tmp_path, feed_with(lines, "cachet")).feeds
    assert feed.scope == Scope(components=("API", "Chat"), title=("chat api",))
    assert feed.zone == timezone(timedelta(hours=2))
    (plain,) = load(tmp_path, feed_with("title = ['a', 'b']", "google_cloud")).feeds
    assert (plain.scope, plain.zone) == (Scope(title=("a", "b")), None)


def test_a_day_costs_what_arithmetic_by_hand_says(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE + '[[feed]]\nservice = "up"\nurl = "https://f.test/"\nformat = "rss"\nevery = "1h"\n')
    # 288 rounds of 6 heartbeats; once a day 4 chat services answer 5 questions.
    beat_tokens = estimate_tokens(heartbeat(0).turns[0]) + 1
    assert daily_cost(config, the_items()) == DailyCost(
        beats=288 * 6,
        fingerprints=4 * 5,
        requests=288 * 6 + 4 * 5,
        tokens=288 * 4 * beat_tokens + 4 * 5 * (10 + 40),
        feeds=24,
    )


def test_a_budget_that_is_too_small_says_both_numbers_and_a_cadence_that_fits(tmp_path: Path) -> None:
    text = WHOLE + "[budget]\ntokens_per_day = 200000\nrequests_per_day = 600\n"
    message = refused(tmp_path, text)
    assert message.startswith(f", line {text.count(chr(10))}: [budget], requests_per_day: allows 600")
    assert "take 1,748" in message
    longer = re.search(r"every about (\w+)", message)
    assert longer is not None
    assert load(tmp_path, text + f'[cadence]\nevery = "{longer[1]}"\n').limits.requests_per_day == 600


def test_the_default_budget_pays_for_the_default_cadence_of_a_usual_monitor(tmp_path: Path) -> None:
    more = "".join(CANDIDATE.replace('"up"', f'"up{k}"').replace("up-1", f"up-{k}") for k in range(5))
    assert len(load(tmp_path, WHOLE + more).services()) == 11


LONG = '"""\nevry = 1\n[cadence]\n"""'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LEAST + f'[cadence]\n\n# evry = 1\nevry = "{SECRET}"\n', ", line 12: [cadence], evry: unknown key"),
        (LEAST + f'[cadence]\n"evry" = "{SECRET}"\n', ", line 10: [cadence], evry: unknown key"),
        (f"cadence.evry = '{SECRET}'\n" + LEAST, ", line 1: [cadence], evry: unknown key"),
        (f"cadence = {{ every = '5m', evry = '{SECRET}' }}\n" + LEAST, ", line 1: [cadence], evry: unknown key"),
        (LEAST + f"[ cadence . evry ]\nx = '{SECRET}'\n", ", line 9: [cadence], evry: unknown key"),
        (f"store = {LONG}\n" + LEAST + f"[cadence]\nevry = '{SECRET}'\n", ", line 14: [cadence], evry: unknown key"),
        (TARGET + TARGET + f"modle = '{SECRET}'\n" + CANDIDATE, ", line 9: [[target]] 2, modle: unknown key"),
        (TARGET + CANDIDATE + f"url2 = '{SECRET}'\n" + TARGET, ", line 9: [[candidate]] 1, url2: unknown key"),
        (TARGET + f"[target.extra]\nx = '{SECRET}'\n" + CANDIDATE, ", line 5: [[target]] 1, extra: unknown key"),
        (LEAST + f"[[audits]]\nx = '{SECRET}'\n", ", line 9: audits: unknown key"),
        (f'panel = [\n{{ name = "a" }},\n{{ nmae = "{SECRET}" }}]\n' + LEAST, ", line 1: [[panel]] 2, nmae: unknown"),
        (LEAST + f"[alerts]\nurls = ['slack://{SECRET}']\n", ", line 10: [alerts], urls: unknown key"),
        (LEAST + f'[alerts]\nurls_env = [\n"A",\n"slack://{SECRET}"]\n', ", line 10: [alerts], urls_env, 2: a URL"),
        (LEAST + f'[alerts]\nurls_env = ["sk-{SECRET}"]\n', ", line 10: [alerts], urls_env, 1: not the name of"),
        (LEAST + "[alerts]\nevidence_at = 1.0\n", ", line 10: [alerts], evidence_at: "),
        (LEAST.replace('model = "up-1"\n', ""), ", line 5: [[candidate]] 1, model: model is missing"),
        (LEAST + f"key_env = 'sk-{SECRET}'\n", ", line 9: [[candidate]] 1, key_env: not the name of"),
        (LEAST.replace("https://bot", f"https://u:{SECRET}@bot"), ", line 3: [[target]] 1, url: the URL holds a user"),
        (LEAST.replace("https://bot.", f"https://bot.{SECRET}@."), ", line 3: [[target]] 1, url: "),
        (LEAST + f"[[site]]\nname = 's'\nurl = 'https://s.test/?api_key={SECRET}'\n", ", line 11: [[site]] 1, url: "),
        (LEAST + "[[site]]\nname = 's'\nurl = 'ftp://s.test/'\n", ", line 11: [[site]] 1, url: 'ftp://s.test/' is not"),
        (LEAST + "[target]\n", ": not TOML: "),
        (LEAST.replace("[[target]]", "[target]"), ", line 1: [target]: not a list of tables; write [[target]]"),
        (LEAST + '[cadence]\nevery = "59s"\n', ", line 10: [cadence], every: input should be greater than or equal to"),
        (LEAST + f'[cadence]\nevery = "{SECRET}"\n', ", line 10: [cadence], every: expected a whole number with its"),
        (LEAST + "[cadence]\nevery = 5\n", ", line 10: [cadence], every: expected a whole number with its unit"),
        (LEAST + "[cadence]\njitter = true\n", ", line 10: [cadence], jitter: expected a whole number with its unit"),
        (LEAST + '[cadence]\nfingerprint_every = "1m"\n', ", line 10: [cadence], fingerprint_every: shorter"),
        (LEAST + '[cadence]\nevery = "1m"\ntimeout = "55s"\n', ", line 9: [cadence]: a round of 2 services"),
        (LEAST + '[retention]\nkeep = "1d"\n', ", line 10: [retention], keep: not longer"),
        (LEAST + '[retention]\npack_after = "12h"\n', ", line 10: [retention], pack_after: "),
        (LEAST + "[budget]\nrequests_per_day = 0\n", ", line 10: [budget], requests_per_day: "),
        (LEAST + "[metrics]\nport = 70000\n", ", line 10: [metrics], port: "),
        (f'store = "postgresql://u:{SECRET}@h/d"\n' + LEAST, ", line 1: store: holds a password"),
        (f'store = "postgresql://u:{SECRET}#x@h/d"\n' + LEAST, ", line 1: store: holds a password"),
        (f'store = "postgresql://u@h/d?password={SECRET}"\n' + LEAST, ", line 1: store: holds a password"),
        (f'store = "mysql://{SECRET}@h/d"\n' + LEAST, ", line 1: store: not a store we know"),
        ('store = ""\n' + LEAST, ", line 1: store: "),
        (TARGET, ": no [[candidate]] in it"),
        (CANDIDATE, ": no [[target]] in it"),
        ("", ": no [[target]] in it"),
        (LEAST + SITE.format(1).replace("s1", "bot"), ", line 10: [[site]] 1, name: [[target]] 1 has this name"),
        (LEAST + CANDIDATE.replace('"up"', "' up'"), ", line 10: [[candidate]] 2, name: "),
        (LEAST + CANDIDATE.replace('"up"', '"u\\u001bp"'), ", line 10: [[candidate]] 2, name: "),
        (
            TARGET + CANDIDATE.replace("https://api.up.example/v1", "https://bot.example/v1/").replace("up-1", "bot-1"),
            ", line 5: [[candidate]] 1: has the URL and model of target 'bot'",
        ),
        (
            LEAST + "[[feed]]\nservice = 'nobody'\nurl = 'https://f.test'\nformat = 'rss'\n",
            ", line 10: [[feed]] 1, service: no service is called so; expected one of bot, up",
        ),
        (
            LEAST + 2 * "[[feed]]\nservice = 'up'\nurl = 'https://f.test'\nformat = 'rss'\n",
            ", line 13: [[feed]] 2, name: feed 1 is called 'up rss' already",
        ),
        (
            LEAST + "[[feed]]\nservice = 'up'\nurl = 'https://f.test'\nformat = 'telex'\n",
            ", line 12: [[feed]] 1, format: ",
        ),
        (feed_with("components = []", "rss"), ", line 13: [[feed]] 1, components: "),
        (feed_with("components = [' ']", "rss"), ", line 13: [[feed]] 1, components"),
        (
            feed_with("components = ['API']", "upptime"),
            ", line 13: [[feed]] 1, components: pages of format upptime name no components; use title",
        ),
        (feed_with("components = ['API']", "csv"), ", line 13: [[feed]] 1, components: pages of format csv name no"),
        (feed_with("title = '*'", "rss"), ", line 13: [[feed]] 1, title: has no word"),
        (feed_with("zone = 'CST'", "cachet"), ", line 13: [[feed]] 1, zone: is no zone with one meaning"),
        (feed_with("zone = '../../etc/passwd'", "cachet"), ", line 13: [[feed]] 1, zone: is no zone"),
        (LEAST.replace("bot-1", f"my {FILL_IN}"), f", line 4: [[target]] 1, model: {FILL_IN} stands there still"),
        (LEAST + '"a\\u001b[31m" = 1\n', ", line 9: [[candidate]] 1, a?[31m: unknown key"),
        ("x = " + 5000 * "[" + 5000 * "]", ": not TOML: "),
        ("x = " + 5000 * "1", ": not TOML: "),
        (b"\xff\xfe", ": not UTF-8 text (byte 0)"),
    ],
    ids=lambda v: None if isinstance(v, bytes) or len(v) > 90 else v,
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_without_its_value(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    found = refused(tmp_path, text)
    assert found.startswith(message)
    assert "\x1b" not in found


def test_lines_are_counted_right_in_a_file_with_windows_line_ends(tmp_path: Path) -> None:
    text = (LEAST + "[cadence]\nevry = 1\n").replace("\n", "\r\n")
    assert refused(tmp_path, text).startswith(", line 10: [cadence], evry")


def test_a_config_that_is_not_there_or_a_folder_says_how_to_write_one(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=rf"{reason}.*wrapdetect monitor init"):
            load_monitor(path, [])


NESTED = """\
a = 1
b.c.d = 2  # b.c.e
[f]
g = [ # [h]
  1, { i = 3 },
]
[f.j.k]
l = '''
m = 1'''
[[n]]
o = 1
[[n.p]]
q = 1
[[n.p]]
q = 2
[n.p.r]
[[n]]
[[n.p]]
q = 3
"s.t" = 4
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("a",), 1),
        (("b",), 2),
        (("b", "c", "d"), 2),
        (("f",), 3),
        (("f", "g"), 4),
        (("f", "g", 1, "i"), 4),
        (("f", "j"), 7),
        (("f", "j", "k", "l"), 8),
        (("n", 0), 10),
        (("n", 0, "p", 0, "q"), 13),
        (("n", 0, "p", 1), 14),
        (("n", 0, "p", 1, "q"), 15),
        (("n", 0, "p", 1, "r"), 16),
        (("n", 1), 17),
        (("n", 1, "p", 0, "q"), 19),
        (("n", 1, "p", 0, "s.t"), 20),
        (("m",), None),
        (("b", "c", "e"), None),
        (("n", 2), None),
        (("a", "x"), None),
    ],
)  # fmt: skip
def test_the_line_of_a_key_is_found_in_tables_arrays_and_texts(loc: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(NESTED, loc) == line


@given(st.lists(st.sampled_from(["", "# k3 = 1", "[[t]]", "v = '''\nk1 = 1\n'''", "w = [\n1,\n2]"]), max_size=40))
def test_a_marked_line_is_found_wherever_it_stands(blocks: list[str]) -> None:
    """Every block in a table of its own, so that none is there twice."""
    text = "".join(f"[[x{k}]]\n{block}\n" for k, block in enumerate(blocks)) + "[end]\nodd = 1\n"
    assert line_of(text, ("end", "odd")) == text.count("\n")


@given(st.integers(0, 999_999))
def test_a_duration_is_said_as_it_is_read(seconds: int) -> None:
    assert duration_s(said_s(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5.5m", "5M", "5w", "9999999s", "٥m", 5, None, ["5m"]])
def test_what_is_no_duration_is_refused_without_being_repeated(text: object) -> None:
    with pytest.raises(ValueError, match=r'such as "30s", "5m", "2h" or "1d"$'):
        duration_s(text)


def filled_in(*, uncommented: bool) -> str:
    text = template().replace(FILL_IN, "bot.example")
    return re.sub(r"(?m)^#(?=\S)", "", text) if uncommented else text


def test_the_template_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    line = next(n for n, text in enumerate(template().split("\n"), 1) if text.startswith("url") and FILL_IN in text)
    assert refused(tmp_path, template()).startswith(f", line {line}: [[target]] 1, url: {FILL_IN} stands there still")
    config = load(tmp_path, filled_in(uncommented=False))
    assert [s.kind for s in config.services()] == ["target", "candidate", "site", "site"]


def test_the_template_with_every_setting_taken_in_loads_without_a_warning(tmp_path: Path) -> None:
    config = load(tmp_path, filled_in(uncommented=True))
    assert config.warnings == ()
    assert len(config.feeds) == 1
    assert config.alerts.urls_env == ("MONITOR_ALERTS",)


def test_the_template_mentions_every_key_and_its_default() -> None:
    raw = tomllib.loads(filled_in(uncommented=True))
    assert set(raw) == {"store", "vantage", *TABLES}
    for name, table in TABLES.items():
        tables = raw[name] if isinstance(raw[name], list) else [raw[name]]
        keys = {key for one in tables for key in one}
        # A panel has the keys of a target, shown there.
        assert keys == set(table.model_fields) or name in ("candidate", "panel"), name


@pytest.mark.parametrize("name", ["cadence", "budget", "retention"])
def test_what_the_template_shows_are_the_defaults(name: str) -> None:
    shown: BaseModel = TABLES[name].model_validate(tomllib.loads(filled_in(uncommented=True))[name])
    assert shown == TABLES[name]()


def test_the_template_holds_no_key_but_names_of_variables() -> None:
    for name in re.findall(r'key_env = "(.*?)"', template()):
        assert re.fullmatch(r"[A-Z_]+", name)
