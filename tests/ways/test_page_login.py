"""Logging in, in a real Chromium: by a file, by steps, by the user's own hand; no value is in anything kept"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ways.chat_pages import TRUTH
from tests.ways.login_site import COOKIE, PASSWORD, STORED, USER, serving_login
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, FailureKind, Page, Template
from wrapdetect.model.template import PageStep
from wrapdetect.runs.codec import dump_exchange
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import read_keys
from wrapdetect.ways.send import open_ways

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page_login")]
STEPS = (
    PageStep(fill="#user", text="{env:BOT_USER}"),
    PageStep(fill="#pw", text="{env:BOT_PASSWORD}"),
    PageStep(press="#go"),
    PageStep(wait="h1"),
)


def put(endpoint: Endpoint, timeout_s: float = 60.0) -> Exchange:
    async def go() -> Exchange:
        ask = Ask(key=AskKey("style", "tides", 0), turns=("Why tides?",), system="", temperature=0.7, max_tokens=100)
        call = encode(ask, (), endpoint)
        ways = open_ways(
            (endpoint,),
            keyring=read_keys((endpoint,)),
            now=clock.now,
            stopwatch=clock.stopwatch,
            timeout_s=timeout_s,
        )
        async with ways as send:
            return await send(endpoint, ask, 0, 0, call)

    return asyncio.run(go())


def page(url: str, **more: object) -> Endpoint:
    fields = {"name": "target", "role": "target", "url": url, "model": "", "dialect": "page", "page": Page()}
    return Endpoint(**{**fields, **more})  # type: ignore[arg-type]


def state_of(url: str) -> str:
    cookie = {"name": "sid", "value": COOKIE, "domain": "127.0.0.1", "path": "/", "expires": -1}
    stored = {"origin": url, "localStorage": [{"name": "token", "value": STORED}]}
    return json.dumps({"cookies": [cookie], "origins": [stored]})


def test_a_login_from_a_file_opens_the_chat_and_its_values_are_nowhere(tmp_path: Path) -> None:
    with serving_login() as site:
        (tmp_path / "state").write_text(state_of(site.url))
        exchange = put(page(f"{site.url}/chat", storage_state=str(tmp_path / "state")))
    reply = decode(exchange, page(""))
    assert reply.failure is None, reply.failure
    assert reply.text == f"{TRUTH} You are {USER} with {'*' * len(COOKIE)} and {'*' * len(STORED)}."
    line = dump_exchange(exchange)
    assert [s for s in (COOKIE, STORED) if s in line] == []


def test_a_template_sends_the_cookies_of_the_file(tmp_path: Path) -> None:
    template = Template(method="POST", path="/answer", body='{"q": "{prompt}"}', answer="text")
    with serving_login() as site:
        (tmp_path / "state").write_text(state_of(site.url))
        endpoint = page(site.url, dialect="template", page=None, template=template)
        asked = put(
            Endpoint(
                **{**{f: getattr(endpoint, f) for f in endpoint.__slots__}, "storage_state": str(tmp_path / "state")}
            )
        )
        assert ("/answer", f"sid={COOKIE}") in site.cookies
        assert put(endpoint).status == 401
    assert asked.status == 200
    assert COOKIE not in dump_exchange(asked)
    assert TRUTH in decode(asked, endpoint).text


def test_steps_log_in_before_the_chat_and_what_was_filled_in_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_USER", USER)
    monkeypatch.setenv("BOT_PASSWORD", PASSWORD)
    with serving_login() as site:
        exchange = put(page(f"{site.url}/chat", page=Page(login=STEPS)))
        assert site.forms == [{"user": USER, "password": PASSWORD}]
    reply = decode(exchange, page(""))
    assert reply.failure is None, reply.failure
    assert reply.text.startswith(f"{TRUTH} You are {'*' * len(USER)} with ")
    line = dump_exchange(exchange)
    assert [s for s in (USER, PASSWORD, COOKIE, STORED, PASSWORD.replace(" ", "+")) if s in line] == []


def test_a_login_that_is_refused_leaves_the_wall_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_USER", USER)
    monkeypatch.setenv("BOT_PASSWORD", "not-the-password")
    with serving_login() as site:
        exchange = put(page(f"{site.url}/chat", page=Page(login=STEPS)))
        assert len(site.forms) == 1
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.failure.detail) == (
        FailureKind.REFUSED,
        "login wall: a password is asked for",
    )


def test_a_step_that_fits_nothing_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_USER", USER)
    with serving_login() as site:
        steps = (PageStep(fill="#nobody", text="{env:BOT_USER}"),)
        exchange = put(page(f"{site.url}/chat", page=Page(login=steps)))
    assert exchange.failure is not None
    assert exchange.failure.detail == "login step 1: nothing on the page fits fill = '#nobody'"


def command(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wrapdetect", "target", "login", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "WRAPDETECT_LOGIN_UNSEEN": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_target_login_keeps_what_the_login_left_once_enter_is_pressed(tmp_path: Path) -> None:
    with serving_login() as site:
        process = command(f"{site.url}/sets", cwd=tmp_path)
        assert process.stderr is not None
        told = process.stderr.readline()
        end = time.monotonic() + 30
        while not [p for p, c in site.cookies if p == "/favicon.ico" and COOKIE in c] and time.monotonic() < end:
            time.sleep(0.05)  # the browser asks for the icon with its cookie, once the page is there
        out, errors = process.communicate("\n", timeout=60)
        path = tmp_path / "127.0.0.1.state.json"
        assert process.returncode == 0, errors
        assert "press Enter here, or close the window" in told
        assert path.stat().st_mode & 0o777 == 0o600
        assert out == 'storage_state = "127.0.0.1.state.json"\n'
        assert COOKIE in path.read_text()
        assert COOKIE not in out + errors
        exchange = put(page(f"{site.url}/chat", storage_state=str(path)))
    assert TRUTH in decode(exchange, page("")).text


def test_target_login_that_left_nothing_or_has_no_page_is_told_in_one_line(tmp_path: Path) -> None:
    with serving_login() as site:
        for url, said in ((f"{site.url}/login", "nothing was kept"), ("http://127.0.0.1:9/", "does not open")):
            process = command(url, cwd=tmp_path)
            _, errors = process.communicate("\n", timeout=60)
            assert process.returncode != 0
            assert said in errors
            assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
