"""Endpoints as the user gives them: the reference's spelling, addresses, and the TOML file."""

from pathlib import Path

import pytest

from tests.conftest import an_endpoint
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Endpoint
from wrapdetect.store.config_file import load_config
from wrapdetect.targets.config import check_names, check_url, parse_reference

SECRET = "hunter2secret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=https://a.example/v1#m", ("a", "https://a.example/v1", "m", None)),
        ("a=https://a.example/v1/#m@A_KEY", ("a", "https://a.example/v1", "m", "A_KEY")),
        ("a=http://127.0.0.1:8080#org/m:free@K", ("a", "http://127.0.0.1:8080", "org/m:free", "K")),
        ("a=https://a.example#m@2024@K", ("a", "https://a.example", "m@2024", "K")),
        ("a b=https://a.example#m=1", ("a b", "https://a.example", "m=1", None)),
        ("a=http://[::1]:8080/v1#m", ("a", "http://[::1]:8080/v1", "m", None)),
    ],
)
def test_a_reference_is_read_part_by_part(text: str, expected: tuple[str, str, str, str | None]) -> None:
    e = parse_reference(text)
    assert (e.name, e.url, e.model, e.key_env) == expected
    assert e.role == "reference"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing: the name and ="),
        ("https://a.example/v1#m", "missing: the name and ="),
        ("=https://a.example/v1#m", "missing: the name and ="),
        ("a=https://a.example/v1", "missing: # and the model"),
        ("a=https://a.example/v1#", "missing: # and the model"),
        ("a=https://a.example/v1#@K", "missing: # and the model"),
        ("a=https://a.example/v1#m@", "no key variable after @"),
        ("a=a.example/v1#m", "not a web address"),
        ("a=#m", "not a web address"),
        ("a=http://\u246027.0.0.1/v1#m", "not a web address"),
        ("a=https://a.example/v1\r\nX: y#m", "not a web address"),
        ("a=https://a.exa mple/v1#m", "not a web address"),
        ("a=https://a.example/\x1b[31m#m", "not a web address"),
        ("a=https://\u202ea.example/v1#m", "not a web address"),
        ("a=https://-\u00fc-.example/v1#m", "not a web address"),
        ("a=https://a.example/v1#m@not-a-name", "not the name of an environment variable"),
    ],
)
def test_a_reference_that_does_not_fit_says_what_is_missing(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parse_reference(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://bot.example/v1", "https://bot.example/v1"),
        ("https://bot.example/v1//", "https://bot.example/v1"),
        (" https://bot.example ", "https://bot.example"),
        ("https://bot.example/v1/chat/completions", "https://bot.example/v1"),
        ("https://bot.example/v1/chat/completions/", "https://bot.example/v1"),
        ("https://bot.example/chat/completions/v2", "https://bot.example/chat/completions/v2"),
        ("HTTP://Bot.Example:8080/V1", "http://Bot.Example:8080/V1"),
    ],
)
def test_an_address_is_brought_to_its_base(given: str, taken: str) -> None:
    assert check_url(given, "target") == taken


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bot.example/v1",
        "ftp://bot.example",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://bot.example:0",
        "https://bot.example:99999",
        "https://bot.example:port",
        "http://[::1",
        "localhost:8080",
    ],
)
def test_what_is_no_web_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(SpecError, match=r"target: .*https://bot\.example/v1"):
        check_url(url, "target")


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@bot.example/v1",
        f"https://{SECRET}@bot.example/v1",
        f"https://:{SECRET}@bot.example/v1",
        f"https://bot.example/v1?key={SECRET}",
        f"https://bot.example/v1#{SECRET}",
        f"https://user:{SECRET}/x@bot.example/v1",
        f"user:{SECRET}@bot.example/v1",
        f"bot.example/v1?key={SECRET}",
        f"ftp://user:{SECRET}@bot.example/v1",
        f"https://user:{SECRET}@bot.example:99999/v1",
        f"https://user:{SECRET}@[bot.example/v1",
    ],
)
def test_an_address_with_a_secret_is_refused_and_the_secret_not_repeated(url: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_url(url, "target")
    assert SECRET not in str(caught.value)


def toml(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "audit.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


TARGET = '[target]\nurl = "https://bot.example/v1"\nmodel = "bot"\n'
REFERENCE = '[[reference]]\nurl = "https://a.example/v1"\nmodel = "a-1"\n'


def test_a_config_file_gives_the_endpoints_with_all_their_settings(tmp_path: Path) -> None:
    text = (
        TARGET
        + 'key_env = "BOT_KEY"\nstream = false\ntoken_limit = "omit"\nsend_temperature = false\n'
        + REFERENCE
        + 'name = "first"\nweights = "open"\ntoken_limit = "max_completion_tokens"\n'
        + REFERENCE
    )
    assert load_config(toml(tmp_path, text)).endpoints() == (
        Endpoint(
            name="target",
            role="target",
            url="https://bot.example/v1",
            model="bot",
            dialect="openai_plain",
            key_env="BOT_KEY",
            token_limit="omit",
            send_temperature=False,
        ),
        Endpoint(
            name="first",
            role="reference",
            url="https://a.example/v1",
            model="a-1",
            weights="open",
            token_limit="max_completion_tokens",
        ),
        Endpoint(name="a-1", role="reference", url="https://a.example/v1", model="a-1"),
    )


@pytest.mark.parametrize("text", ["\ufeff" + TARGET, TARGET.replace("\n", "\r\n")])
def test_a_config_file_as_windows_editors_write_it_is_read(text: str, tmp_path: Path) -> None:
    (endpoint,) = load_config(toml(tmp_path, text)).endpoints()
    assert (endpoint.url, endpoint.model) == ("https://bot.example/v1", "bot")


def test_an_empty_config_file_is_a_config_of_nothing(tmp_path: Path) -> None:
    config = load_config(toml(tmp_path, ""))
    assert config.endpoints() == ()
    assert config.audit.draws is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TARGET + 'api_key = "SECRET"\n', "target.api_key: unknown key"),
        (TARGET + 'api_key = "SECRET"\n', 'a key never stands in a file: key_env = "VARIABLE"'),
        (REFERENCE + 'Token = "SECRET"\n', "reference.0.Token: unknown key; a key never stands in a file"),
        (TARGET + "[audits]\n", r"audits: unknown key; did you mean audit\?; see the README"),
        (REFERENCE + 'modle = "x"\n', r"reference.0.modle: unknown key; did you mean model\?"),
        ("[audit]\nenroll = 1\n", r"audit.enroll: unknown key; did you mean enrol\?"),
        (TARGET + "colour = 3\n", "target.colour: unknown key; see the README"),
        ('[target]\nurl = "https://bot.example"\n', "target.model: Field required"),
        ("[target]\nurl = 5\nmodel = 'm'\n", "target.url: .*string"),
        (TARGET + 'stream = "yes"\n', "target.stream: .*boolean"),
        (TARGET + 'token_limit = "none"\n', "target.token_limit: "),
        (TARGET + 'weights = "half"\n', "target.weights: "),
        ("[audit]\ndraws = 0\n", "audit.draws: "),
        ("[audit]\ndraws = 1.5\n", "audit.draws: .*integer"),
        ("[audit]\ndraws = true\n", "audit.draws: .*integer"),
        ("[audit]\ntimeout = 0\n", "audit.timeout: "),
        ('[audit]\npack = "style"\n', "audit.pack: .*list"),
        ("target = 3\n", "target: "),
        ("[[target]]\n", "target: "),
        ("[target\n", "not TOML: .*line 1"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_config_file_that_does_not_fit_is_named_with_its_key(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize("key", ["timeout", "pace"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(key: str, number: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"audit.{key}"):
        load_config(toml(tmp_path, f"[audit]\n{key} = {number}\n"))


def test_a_config_file_that_is_not_there_or_a_folder_is_said(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=reason):
            load_config(path)


@pytest.mark.parametrize("table", [TARGET, REFERENCE])
def test_an_address_in_a_config_file_is_checked_as_on_the_command_line(table: str, tmp_path: Path) -> None:
    config = load_config(toml(tmp_path, table.replace("https://", f"https://u:{SECRET}@")))
    with pytest.raises(SpecError, match="user name or password") as caught:
        config.endpoints()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((("a", "reference"),), "no target"),
        ((("t", "target"), ("a", "reference"), ("a", "reference")), "'a' is used twice"),
        ((("t", "target"), ("t", "reference")), "'t' is used twice"),
    ],
)
def test_an_audit_needs_one_target_and_a_name_for_each(names: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check_names(tuple(an_endpoint(*pair) for pair in names))
