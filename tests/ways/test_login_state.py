"""Logins from files: three forms are read, for the endpoint's hosts alone; what is of no use is told by name"""

import json
import urllib.request
from pathlib import Path

import pytest

from wrapdetect.cli.target.login import check_place, login_target, write_login
from wrapdetect.cli.terminal import say
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Endpoint, Page
from wrapdetect.model.template import PageStep
from wrapdetect.runs.codec.endpoints import dump_endpoint, load_endpoint
from wrapdetect.secrets.variables import login_variables
from wrapdetect.store.config_file import load_config
from wrapdetect.targets.written import dump_target
from wrapdetect.ways.keyring import read_keys
from wrapdetect.ways.page.login_state import Cookie, Login, login_notes, parse_login, read_login
from wrapdetect.ways.send import ways_to

NOW_S = 1_800_000_000.0
VALUE = "v4lue-of-the-session"


def bot(path: Path, url: str = "https://chat.example/", **more: object) -> Endpoint:
    fields = {"name": "target", "role": "target", "url": url, "model": "", "dialect": "page", "page": Page()}
    return Endpoint(**{**fields, "storage_state": str(path), **more})  # type: ignore[arg-type]


def row(**more: object) -> dict[str, object]:
    return {"name": "sid", "value": VALUE, "domain": "chat.example", "path": "/", **more}


def line(*parts: str) -> str:
    return "\t".join(parts)


FORMS = {
    "playwright": json.dumps({"cookies": [row(expires=-1, httpOnly=True, sameSite="Lax")], "origins": []}),
    "playwright_domain": json.dumps({"cookies": [row(domain=".example", expires=NOW_S + 9)], "origins": []}),
    "list": json.dumps([row(expirationDate=NOW_S + 9.5, hostOnly=True, sameSite="no_restriction", storeId="0")]),
    "list_domain": json.dumps([row(domain="example", hostOnly=False, sameSite=None)]),
    "list_of_urls": json.dumps([{"name": "sid", "value": VALUE, "url": "https://chat.example/x"}]),
    "selenium": json.dumps([row(expiry=int(NOW_S) + 9, secure=True)]),
    "object_alone": json.dumps({"cookies": [row()]}),
    "with_bom": "\ufeff" + json.dumps([row()]),
    "netscape": "# Netscape HTTP Cookie File\n\n" + line("chat.example", "FALSE", "/", "TRUE", "0", "sid", VALUE),
    "netscape_http_only": line("#HttpOnly_.chat.example", "TRUE", "/", "FALSE", "1900000000", "sid", VALUE) + "\r\n",
    "netscape_no_header": line(".example", "TRUE", "/", "FALSE", "0", "sid", VALUE),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_of_cookies_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "state"
    path.write_text(FORMS[name], encoding="utf-8")
    (cookie,) = read_login(bot(path), NOW_S).cookies
    assert (cookie.name, cookie.value, cookie.fits("chat.example")) == ("sid", VALUE, True)
    assert not cookie.fits("evilchat.example.test")


BAD = {
    "no_json": ("{", "no whole JSON"),
    "no_list": ('{"cookies": 3}', "no list of cookies"),
    "other_object": ('{"a": 1}', "no list of cookies"),
    "row_without_value": ('[{"name": "sid", "domain": "chat.example"}]', "cookie 1: expected name, value and domain"),
    "row_with_two_cookies": (json.dumps([row(value=VALUE + "; admin=1")]), "cookie 1: holds a line break"),
    "an_origin_that_is_none": (
        json.dumps(
            {"cookies": [], "origins": [{"origin": "http://[x", "localStorage": [{"name": "a", "value": "b"}]}]}
        ),
        "",
    ),
    "a_url_that_is_none": (json.dumps([{"name": "sid", "value": VALUE, "url": "http://[x"}]), "expected name, value"),
    "row_with_a_line_break": (json.dumps([row(value=VALUE + "\r\nx: y")]), "cookie 1: holds a line break"),
    "origin_without_storage": ('{"cookies": [], "origins": [{"origin": 3}]}', "origin 1: expected origin"),
    "prose": ("Dear all, here is my login.", "no cookie that can be read"),
    "empty": ("", "no cookie that can be read"),
    "deep": ("[" * 100_000, "no whole JSON"),
    "other_host": (json.dumps([row(domain="other.example")]), "nothing for chat.example, but for other.example"),
    "sub_host_only": (json.dumps([row(domain="a.chat.example")]), "nothing for chat.example"),
    "expired": (json.dumps([row(expires=NOW_S - 1)]), "every cookie for chat.example has expired (sid)"),
    "no_host": ('{"cookies": [], "origins": []}', "no host at all"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_of_no_use_is_told_by_name_and_without_its_values(tmp_path: Path, name: str) -> None:
    path, (text, said) = tmp_path / "state", BAD[name]
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(SpecError) as raised:
        read_login(bot(path), NOW_S)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    assert VALUE not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_file_a_folder_and_a_huge_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b" " * 5_000_001)
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    for path, said in (("none", "cannot read"), (".", "is no file"), ("huge", "is larger"), ("latin", "no UTF-8")):
        with pytest.raises(SpecError, match=said):
            read_login(bot(tmp_path / path), NOW_S)


def test_only_the_hosts_of_the_endpoint_get_anything(tmp_path: Path) -> None:
    path = tmp_path / "state"
    origins = [
        {"origin": f"https://{h}", "localStorage": [{"name": "t", "value": h}]} for h in ("chat.example", "b.test")
    ]
    cookies = [row(), row(name="b", domain="b.test"), row(name="c", domain=".ample")]
    path.write_text(json.dumps({"cookies": cookies, "origins": origins}))
    found = read_login(bot(path), NOW_S)
    assert ([c.name for c in found.cookies], [o for o, _ in found.stored]) == (["sid"], ["https://chat.example"])
    both = read_login(bot(path, hosts=("b.test",)), NOW_S)
    assert ([c.name for c in both.cookies], len(both.stored)) == (["sid", "b"], 2)


def test_a_file_that_others_may_read_and_cookies_that_expired_are_told(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text(json.dumps([row(), row(name="old", expires=NOW_S - 1)]))
    path.chmod(0o644)
    late, wide = login_notes(bot(path), NOW_S)
    assert "expired and left out: old" in late
    assert f"others may read it (mode 0644); chmod 600 {path}" in wide
    path.chmod(0o600)
    assert login_notes(bot(path), NOW_S) == (late,)
    assert [c.name for c in read_login(bot(path), NOW_S).cookies] == ["sid"]


def test_what_a_login_holds_is_masked_as_a_key_is_and_a_word_is_not(tmp_path: Path) -> None:
    path = tmp_path / "state"
    kept = [{"name": "t", "value": "st0red-t0ken"}, {"name": "theme", "value": "dark"}]
    state = {"cookies": [row()], "origins": [{"origin": "https://chat.example", "localStorage": kept}]}
    path.write_text(json.dumps(state))
    ring = read_keys([bot(path)])
    assert set(ring.variables.values()) == {VALUE, "st0red-t0ken"}
    assert VALUE not in repr(ring)


@pytest.mark.parametrize("host", ["chat.example", "localhost", "127.0.0.1"])
def test_a_template_sends_the_cookies_to_their_host_alone(host: str) -> None:
    jar = Login(cookies=(Cookie(name="sid", value=VALUE, domain=host),)).jar()

    def sent(url: str) -> str | None:
        request = urllib.request.Request(url)
        jar.add_cookie_header(request)
        return request.get_header("Cookie")

    assert sent(f"http://{host}:8000/ask") == f"sid={VALUE}"
    assert sent("http://other.example/ask") is None


def test_a_login_is_written_for_its_user_alone_and_reads_back(tmp_path: Path) -> None:
    login = parse_login(FORMS["playwright"], "it")
    path = tmp_path / "a.json"
    path.write_text(FORMS["list"])
    path.chmod(0o644)
    check_place(path)
    write_login(path, login)
    assert path.stat().st_mode & 0o777 == 0o600
    assert parse_login(path.read_text(), "it") == login
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_nothing_but_a_login_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("dear diary")
    (tmp_path / "link").symlink_to(tmp_path / "notes")
    for name, said in (
        ("notes", "holds no login"),
        ("link", "no plain file"),
        ("none/x", "no folder"),
        (".", "no plain"),
    ):
        with pytest.raises(SpecError, match=said):
            check_place(tmp_path / name)


def test_only_variables_of_the_steps_are_wanted() -> None:
    steps = (PageStep(fill="#{env:NO}", text="{env:A}-{b}-{env:A}"), PageStep(press="{env:NO}"), PageStep(wait="p"))
    assert login_variables(steps) == ("A",)


# In a TOML, and in a recording

WITH_LOGIN = """
[target]
url = "https://chat.example/"
dialect = "page"
storage_state = "my.state.json"

[target.page]
open = "#bubble"

[[target.page.login]]
fill = "#user"
text = "{env:BOT_USER}"

[[target.page.login]]
press = "#go"
"""


def loaded(tmp_path: Path, text: str) -> Endpoint:
    (tmp_path / "bot.toml").write_text(text)
    (endpoint,) = load_config(tmp_path / "bot.toml").endpoints()
    return endpoint


def test_a_login_in_a_toml_comes_back_from_it_and_from_a_recording(tmp_path: Path) -> None:
    endpoint = loaded(tmp_path, WITH_LOGIN)
    steps = (PageStep(fill="#user", text="{env:BOT_USER}"), PageStep(press="#go"))
    assert endpoint.page == Page(open="#bubble", login=steps)
    assert endpoint.storage_state == "my.state.json"
    assert "BOT_USER" in dump_target(endpoint).splitlines()[0]
    assert loaded(tmp_path, dump_target(endpoint)) == endpoint
    line = json.loads(json.dumps(dump_endpoint(endpoint)))
    assert load_endpoint(line) == endpoint


def test_a_page_without_these_is_written_as_before() -> None:
    endpoint = bot(Path(), storage_state="")
    line = dump_endpoint(endpoint)
    assert "storage_state" not in line
    assert set(line["page"]) == {"input", "send", "answer", "new_chat", "accept", "quiet_s"}  # type: ignore[call-overload]
    assert load_endpoint(json.loads(json.dumps(line))) == endpoint


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('press = "#go"', "", "needs exactly one of fill, press and wait"),
        ('press = "#go"', 'press = "#go"\nwait = "p"', "needs exactly one of fill, press and wait"),
        ('text = "{env:BOT_USER}"', "", "fill and text go together"),
        ('press = "#go"', 'click = "#go"', "click"),
        ('dialect = "page"', 'dialect = "openai"\nmodel = "m"', "does not go with"),
        ('[target.page]\nopen = "#bubble"', "[target.page]\nopen = 3", "open"),
    ],
)
def test_a_login_that_cannot_be_used_as_written_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, WITH_LOGIN.replace(old, new))
    assert said in str(raised.value)


def test_an_api_has_no_login(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="storage_state"):
        loaded(tmp_path, '[target]\nurl = "https://a.example/v1"\nmodel = "m"\nstorage_state = "x"\n')


def test_notes_and_useless_files_are_told_where_a_target_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state"
    path.write_text(json.dumps([row(domain="127.0.0.1")]))
    path.chmod(0o640)
    ways_to((bot(path, "http://127.0.0.1:9/"),), say=say, timeout_s=1)
    assert "others may read it (mode 0640)" in capsys.readouterr().err
    with pytest.raises(SpecError, match=r"nothing for chat\.example, but for 127\.0\.0\.1; log in again: wrapdetect"):
        read_keys([bot(path)])


@pytest.mark.parametrize(
    "url", ["http://[x/", "http://[::1", "http://\u2100/", "ftp://chat.example", "chat.example", "http://"]
)
def test_an_address_that_is_none_is_told_before_a_window_opens(url: str) -> None:
    with pytest.raises(SpecError, match="no address of a page"):
        login_target(url, state=None, hosts=[])
