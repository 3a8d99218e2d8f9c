"""`wrapdetect target` and `audit URL`: what is printed where, exit codes, files, and no key anywhere.

They run in this process, so that a socket left open is seen.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.warm_cli import Done
from tests.conftest import an_endpoint, an_exchange
from tests.targets.test_detect import DIFY_401, LOST, PRODUCTS, SPA, Product, ok
from tests.ways.misbehaving import BEHAVIOURS, Peer, completion, fixed, serving
from tests.ways.test_look import base, served
from wrapdetect.cli import main
from wrapdetect.cli.demo.bots import Schedule, VoiceBot
from wrapdetect.cli.demo.command import load_voices
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.cli.options import Options
from wrapdetect.cli.target.command import shown_lines
from wrapdetect.cli.target.endpoints import gather_endpoints
from wrapdetect.dialects import Call
from wrapdetect.errors import SpecError
from wrapdetect.model import AskKey, Chunk, Endpoint, Failure, FailureKind, Hop, Page, Template
from wrapdetect.store import run_file
from wrapdetect.store.config_file import load_config

KEY = "sk-planted-0123456789abcdef"
CURL = f"""curl 'https://bot.example/api/ask?lang=en' \\
  -H 'authorization: Bearer {KEY}' -H 'content-type: application/json' \\
  --data-raw '{{"q":"hello there","id":"c-77"}}'
"""


class Commands:
    """Runs commands here, as their process would."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def run(self, *argv: str, cwd: Path, **env: str) -> Done:
        """One command to its end."""
        code = 0
        with self._monkeypatch.context() as patch:
            patch.chdir(cwd)
            patch.setattr(sys, "argv", ["wrapdetect", *argv])
            for name, value in env.items():
                patch.setenv(name, value)
            try:
                main()
            except SystemExit as leaving:
                code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        return Done(code, *self._capsys.readouterr())


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(capsys, monkeypatch)


@pytest.fixture(scope="module")
def bot() -> Iterator[Served]:
    voice = VoiceBot(voice=load_voices()["heron"], rng=random.Random(1), schedule=Schedule(first_s=0.0, gap_s=0.0))
    with serve(voice) as running:
        yield running


def complaint(done: Done, code: int) -> str:
    """The one line of complaint, the last on standard error."""
    lines = done.err.splitlines()
    assert "Traceback" not in done.err, done.err
    assert done.code == code, done
    assert lines[-1].startswith("wrapdetect: ")
    assert sum(line.startswith("wrapdetect: ") for line in lines) == 1
    return lines[-1]


def target_of(path: Path) -> Endpoint:
    """The target of a file that loads."""
    (endpoint,) = load_config(path).endpoints()
    return endpoint


def test_detect_prints_a_target_that_loads_and_says_the_rest_on_standard_error(
    bot: Served, commands: Commands, tmp_path: Path
) -> None:
    done = commands.run("target", "detect", bot.url, cwd=tmp_path)
    assert done.code == 0, done.err
    (tmp_path / "bot.toml").write_text(done.out)
    endpoint = target_of(tmp_path / "bot.toml")
    assert (endpoint.url, endpoint.model, endpoint.dialect) == (bot.url, "heron-2", "openai_stream")
    assert f"GET {bot.url}/models: 200" in done.err
    assert bot.requests == []


@pytest.mark.slow
def test_detect_writes_a_file_once_and_never_over_another(bot: Served, commands: Commands, tmp_path: Path) -> None:
    command = ("target", "detect", bot.url, "--out", "bots/bot.toml")
    assert commands.run(*command, cwd=tmp_path).code == 0
    before = (tmp_path / "bots/bot.toml").read_bytes()
    assert "is there already" in complaint(commands.run(*command, cwd=tmp_path), 2)
    assert (tmp_path / "bots/bot.toml").read_bytes() == before


WRITTEN = ("gradio", "dify", "open webui", "openai shut", "anthropic shut", "dify with a key")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in WRITTEN[2:] else n for n in WRITTEN])
def test_whatever_is_detected_is_written_as_a_target_that_loads(name: str, commands: Commands, tmp_path: Path) -> None:
    with serving(served(PRODUCTS[name])) as server:
        done = commands.run("target", "detect", base(server), "--out", "bot.toml", cwd=tmp_path)
    assert done.code == 0, done.err
    target_of(tmp_path / "bot.toml")


@pytest.mark.parametrize(
    ("name", "said"),
    [("page without", "nothing to type into"), ("broken", "answers 500"), ("all is json", "nothing else fits")],
)
def test_where_there_is_no_way_in_the_reason_is_the_last_line(
    name: str, said: str, commands: Commands, tmp_path: Path
) -> None:
    with serving(served(PRODUCTS[name])) as server:
        done = commands.run("target", "detect", base(server), cwd=tmp_path)
    assert said in complaint(done, 3)
    assert done.out == ""


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "no address": (("detect", " "), "no address"),
    "no scheme": (("detect", "bot.example"), "not a web address"),
    "a password": (("detect", f"https://u:{KEY}@bot.example"), "user name or password"),
    "a query": (("detect", f"https://bot.example/?key={KEY}"), "query or fragment"),
    "a key for its variable": (("detect", "http://127.0.0.1:9", "--key-env", KEY), "text not shown"),
    "a variable that is not set": (("detect", "http://127.0.0.1:9", "--key-env", "NOT_SET"), "NOT_SET is not set"),
    "no config": (("check", "none.toml"), "cannot read none.toml"),
    "no target in it": (("check", "empty.toml"), "no [target]"),
    "no curl file": (("import", "none.txt"), "cannot read none.txt"),
    "an empty curl file": (("import", "empty.toml"), "empty"),
    "a curl file that is no text": (("import", "bytes"), "not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_get_one_line(name: str, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    argv, message = BAD[name]
    done = commands.run("target", *argv, cwd=tmp_path)
    assert message in complaint(done, 2)
    assert KEY not in done.err
    assert done.out == ""


def test_a_host_that_is_not_there_is_told_in_one_line(commands: Commands, tmp_path: Path) -> None:
    with serving(fixed(b"")) as server:
        gone = base(server)
    assert "no connection" in complaint(commands.run("target", "detect", gone, cwd=tmp_path), 3)


# check


def test_check_shows_request_answer_and_times(bot: Served, commands: Commands, tmp_path: Path) -> None:
    commands.run("target", "detect", bot.url, "--out", "bot.toml", cwd=tmp_path)
    done = commands.run("target", "check", "bot.toml", "--prompt", "Why are there tides?", cwd=tmp_path)
    assert done.code == 0, done.err
    shown_lines = dict(line.partition(" ")[::2] for line in done.out.splitlines())
    assert f"POST {bot.url}/chat/completions" in shown_lines["asked"]
    assert "Why are there tides?" in shown_lines["sent"]
    assert "200" in shown_lines["status"]
    assert "first byte after" in shown_lines["times"]
    assert shown_lines["answer"].strip()
    assert "heron-2" in shown_lines["model"]


def test_check_masks_the_key_and_names_the_failure(commands: Commands, tmp_path: Path) -> None:
    def echo(peer: Peer) -> None:
        said = json.dumps({"error": {"message": f"no such key {peer.request.headers.get('authorization')}"}})
        peer.send(f"HTTP/1.1 401 X\r\ncontent-length: {len(said)}\r\n\r\n{said}".encode())

    with serving(echo) as server:
        text = f'[target]\nurl = "{server.url}"\nmodel = "m"\nkey_env = "BOT_KEY"\n'
        (tmp_path / "bot.toml").write_text(text)
        done = commands.run("target", "check", "bot.toml", cwd=tmp_path, BOT_KEY=KEY)
    assert done.code == 3
    assert "FAILED   refused: HTTP 401" in done.out
    assert KEY not in done.out + done.err
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


GRADIO_EVENTS = 'event: generating\ndata: ["Hello", null]\n\nevent: complete\ndata: ["Hello there.", null]\n\n'


def a_gradio_that_answers() -> Product:
    """Gradio's two requests: an event_id, then its events."""
    event = "0123456789abcdef0123456789abcdef"
    return {
        **PRODUCTS["gradio"],
        "/gradio_api/call/answer": ok({"event_id": event}),
        f"/gradio_api/call/answer/{event}": ok(None, ("content-type", "text/event-stream"))._replace(
            body=GRADIO_EVENTS
        ),
    }


def test_a_gradio_app_is_detected_and_asked_by_what_was_detected(commands: Commands, tmp_path: Path) -> None:
    with serving(served(a_gradio_that_answers())) as server:
        commands.run("target", "detect", base(server), "--out", "bot.toml", cwd=tmp_path)
        done = commands.run("target", "check", "bot.toml", "--prompt", "Hi", cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    assert "answer   Hello there." in done.out
    assert f"also     POST {base(server)}/gradio_api/call/answer: 200" in done.out
    assert json.loads(server.requests[-2].body)["data"] == ["Hi", "Be {kind}", 0.7]


def test_a_dify_app_is_asked_with_its_key_and_the_key_is_shown_nowhere(commands: Commands, tmp_path: Path) -> None:
    lines = [
        {"event": "message", "answer": "Hello", "conversation_id": "c-1"},
        {"event": "message", "answer": " there.", "conversation_id": "c-1"},
        {"event": "message_end", "conversation_id": "c-1", "metadata": {}},
    ]
    stream = "".join(f"data: {json.dumps(line)}\n\n" for line in lines)
    product = {**PRODUCTS["dify with a key"], "/v1/chat-messages": ok(None, ("content-type", "text/event-stream"))}
    product["/v1/chat-messages"] = product["/v1/chat-messages"]._replace(body=stream)
    with serving(served(product)) as server:
        detect = ("target", "detect", base(server), "--key-env", "BOT_KEY", "--out", "bot.toml")
        assert commands.run(*detect, cwd=tmp_path, BOT_KEY=KEY).code == 0
        done = commands.run("target", "check", "bot.toml", cwd=tmp_path, BOT_KEY=KEY)
    assert "answer   Hello there." in done.out
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(server.requests[-1].body)["conversation_id"] in (None, "")
    assert KEY not in done.out + done.err + (tmp_path / "bot.toml").read_text()


EVENTS = "".join(f'data: {{"delta": "{t}"}}\n\n' for t in ("There is no ", "ChatGPT ", "behind me."))


def write_template(folder: Path, url: str, **keys: str) -> None:
    more = "".join(f'{k} = "{v}"\n' for k, v in keys.items())
    table = f'[target.template]\npath = "/ask"\nbody = \'{{"q": "{{prompt}}"}}\'\n{more}'
    (folder / "bot.toml").write_text(f'[target]\nurl = "{url}"\ndialect = "template"\n{table}')


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (EVENTS, "text/event-stream", 'set framing = "sse" and answer = "$.delta"'),
        ('{"ok": true, "reply": {"text": "Hello."}}', "application/json", 'answer = "$.reply.text"'),
    ],
)
def test_an_answer_that_is_still_wrapped_is_told_by_check_and_never_judged(
    text: str, kind: str, told: str, commands: Commands, tmp_path: Path
) -> None:
    with serving(fixed(text.encode(), kind=kind)) as server:
        write_template(tmp_path, base(server))
        checked = commands.run("target", "check", "bot.toml", cwd=tmp_path)
        audited = commands.run("audit", "--config", "bot.toml", "--pack", "short", cwd=tmp_path)
    assert checked.code == 3
    assert told in next(line for line in checked.out.splitlines() if line.startswith("NOTE"))
    assert told in complaint(audited, 2)
    assert len(server.requests) == 2


def test_what_came_is_shown_where_it_is_no_answer_and_a_websocket_without_an_end_is_told() -> None:
    bot = an_endpoint("target", "target", dialect="template", template=Template(body="{prompt}", framing="websocket"))
    late = Failure(kind=FailureKind.TIMEOUT, detail="60 s passed")
    came = (Chunk(t_s=0.1, data=b"\x1b[2Jhel" + b"-" * 2000), Chunk(t_s=0.2, data=b"the end"))
    exchange = an_exchange("target", AskKey("hello", "hello", 0), None, chunks=came, failure=late)
    lines = list(shown_lines(bot, Call(body={}, stream=True, path=""), exchange))
    line = next(line for line in lines if line.startswith("came"))
    assert "hel---" in line
    assert line.endswith("---the end")
    assert len(line) < 700
    assert "\x1b" not in line
    assert any(line.startswith("NOTE") and "quiet_s = 2" in line for line in lines)


def test_a_model_that_a_pages_own_traffic_names_is_told_once() -> None:
    body = b'data: {"model": "nova", "x": 1}\n\ndata: {"model": "nova", "provider":"Nova Labs"}\n\n'
    chunks = (Chunk(t_s=0.1, data=body),)
    url = "https://bot.example/api"
    hop = Hop(t_s=0.0, method="POST", url=url, sent="", status=200, headers=(), chunks=chunks)
    page = an_endpoint("target", "target", dialect="page", page=Page())
    exchange = an_exchange("target", AskKey("hello", "hello", 0), hops=(hop, hop))
    lines = [s for s in shown_lines(page, Call(body={}, stream=True, path=""), exchange) if s.startswith("told")]
    assert lines == [f"told     {url}: model = nova", f"told     {url}: provider = Nova Labs"]


def test_check_waits_as_long_as_it_is_told(commands: Commands, tmp_path: Path) -> None:
    with serving(BEHAVIOURS["never_ending"]) as server:
        write_template(tmp_path, base(server))
        done = commands.run("target", "check", "bot.toml", "--timeout", "0.3", cwd=tmp_path)
    assert done.code == 3
    assert "FAILED   timeout" in done.out


# import


def test_a_pasted_curl_command_becomes_a_target_without_its_secrets(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "curl.txt").write_text(CURL)
    done = commands.run("target", "import", "curl.txt", "--prompt", "hello there", cwd=tmp_path)
    assert done.code == 0, done.err
    assert KEY not in done.out + done.err
    (tmp_path / "bot.toml").write_text(done.out)
    endpoint = target_of(tmp_path / "bot.toml")
    assert endpoint.url == "https://bot.example"
    assert endpoint.template is not None
    assert "{prompt}" in endpoint.template.body
    assert "BOT_AUTHORIZATION" in done.err


def test_the_id_of_a_conversation_in_the_command_gets_its_place(commands: Commands, tmp_path: Path) -> None:
    body = '{"q": "hello there", "thread": "c-17-of-mine"}'
    (tmp_path / "curl.txt").write_text(f"curl https://bot.example/ask --json '{body}'")
    asked = ("target", "import", "curl.txt", "--prompt", "hello there", "--conversation", "c-17-of-mine")
    done = commands.run(*asked, cwd=tmp_path)
    assert done.code == 0, done.err
    (tmp_path / "bot.toml").write_text(done.out)
    template = target_of(tmp_path / "bot.toml").template
    assert template is not None
    assert json.loads(template.body) == {"q": "{prompt}", "thread": "{conversation_id}"}


def test_a_question_that_is_not_in_the_command_is_said(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "curl.txt").write_text(CURL)
    done = commands.run("target", "import", "curl.txt", "--prompt", "something else", cwd=tmp_path)
    assert "--prompt" in complaint(done, 2)
    assert done.out == ""
    assert KEY not in done.err


# audit URL


def write_pack(folder: Path) -> str:
    text = """
id = "mine"
version = 1
title = "Mine"
purpose = "For a test."
temperature = 0.7
max_tokens = 50
[[item]]
id = "tides"
language = "en"
turns = ["Why are there tides?"]
purpose = "For a test."
readers = ["text"]
"""
    (folder / "mine.toml").write_text(text)
    return "mine.toml"


def test_a_url_alone_is_looked_at_written_down_and_audited(bot: Served, commands: Commands, tmp_path: Path) -> None:
    pack = write_pack(tmp_path)
    command = ("audit", bot.url, "--pack", pack, "--no-embed", "--json")
    done = commands.run(*command, cwd=tmp_path)
    assert done.code == 0, done.err
    report = json.loads(done.out)
    text = json.dumps(report)
    assert report["state"] == "insufficient"
    assert "No reference was asked" in text
    assert "More references (3)" in text
    folder = tmp_path / "wrapdetect-runs"
    written = f"127.0.0.1-{urlsplit(bot.url).port}.toml"
    assert target_of(folder / written).model == "heron-2"
    (run,) = folder.glob("*.jsonl")
    assert [e.role for e in run_file.load_file(run).run.endpoints] == ["target"]
    assert commands.run(*command, cwd=tmp_path).code == 0
    assert [p.name for p in folder.glob("*.toml")] == [written]  # the same target is not written twice


@pytest.mark.slow
def test_another_target_of_that_host_gets_a_number(bot: Served, commands: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "wrapdetect-runs"
    folder.mkdir()
    stem = f"127.0.0.1-{urlsplit(bot.url).port}"
    (folder / f"{stem}.toml").write_text("# mine\n")
    done = commands.run("audit", bot.url, "--pack", write_pack(tmp_path), "--no-embed", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (folder / f"{stem}.toml").read_text() == "# mine\n"
    assert target_of(folder / f"{stem}-2.toml").url == bot.url


@pytest.mark.slow
def test_the_written_target_and_references_are_audited_from_a_config(
    bot: Served, commands: Commands, tmp_path: Path
) -> None:
    commands.run("target", "detect", bot.url, "--out", "bot.toml", cwd=tmp_path)
    reference = ("--reference", f"heron={bot.url}#heron-2")
    done = commands.run(
        "audit", "--config", "bot.toml", *reference, "--pack", write_pack(tmp_path), "--no-embed", cwd=tmp_path
    )
    assert done.code == 0, done.err
    assert "against heron (heron-2)" in done.err


def test_an_audit_of_the_hello_alone_ends_and_is_replayed_with_the_same_report(
    bot: Served, commands: Commands, tmp_path: Path
) -> None:
    asked = ("audit", bot.url, "--model", "heron-2", "--pack", "hello", "--out", "run.jsonl", "--no-embed", "--json")
    done = commands.run(*asked, cwd=tmp_path)
    assert done.code == 0, done.err
    again = commands.run("replay", "run.jsonl", "--no-embed", "--json", cwd=tmp_path)
    assert (again.code, again.out) == (0, done.out)


ADVICE = {
    "an API that is down": ("openai", 500, (), 3, "try again later"),
    "a template's bot that is down": ("template", 503, (), 3, "try again later"),
    "a template's bot that refuses": ("template", 404, (), 2, "`wrapdetect target check`"),
    "no such call": ("openai", 404, (), 2, 'dialect = "responses"'),
    "no key": ("openai", 401, (), 2, "give the key: --key-env"),
    "a wrong key": ("openai", 401, ("--key-env", "BOT_KEY"), 2, "check the URL"),
}


@pytest.mark.parametrize("name", ADVICE)
def test_a_hello_that_failed_gets_the_advice_that_fits_and_writes_nothing(
    name: str, commands: Commands, tmp_path: Path
) -> None:
    way, status, more, code, said = ADVICE[name]
    with serving(fixed(b'{"error": {"message": "no"}}', status=f"{status} X")) as server:
        write_template(tmp_path, base(server))
        target = ("--config", "bot.toml") if way == "template" else (base(server), "--model", "m", *more)
        done = commands.run("audit", *target, "--pack", "short", "--out", "x.jsonl", cwd=tmp_path, BOT_KEY=KEY)
    line = complaint(done, code)
    assert said in line
    assert ("check the URL" in line) == (name in ("no such call", "a wrong key"))
    assert [p.name for p in tmp_path.iterdir()] == ["bot.toml"]


def test_what_could_not_be_recorded_is_told_before_the_address_is_looked_at(tmp_path: Path) -> None:
    there = tmp_path / "run.jsonl"
    there.touch()
    with serving(fixed(b"")) as server:
        for out, resume, said in ((None, True, "--resume needs --out"), (there, False, "is there already")):
            with pytest.raises(SpecError, match=said):
                gather_endpoints(base(server), None, None, Options(out=out, resume=resume), plain=False)
    assert server.requests == []


def test_a_url_beside_a_config_files_target_is_told(commands: Commands, bot: Served, tmp_path: Path) -> None:
    write_template(tmp_path, "https://bot.example")
    done = commands.run("audit", bot.url, "--model", "heron-2", "--config", "bot.toml", "--dry-run", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "goes before the [target] of the config file" in done.err


def test_the_reason_why_there_is_no_way_in_is_said_once(commands: Commands, tmp_path: Path) -> None:
    with serving(served(PRODUCTS["all is json"])) as server:
        done = commands.run("target", "detect", base(server), cwd=tmp_path)
    assert done.err.count("nothing else fits") == 1
    assert "give that address; else copy a chat's request" in complaint(done, 3)


def test_without_a_reference_only_what_needs_none_is_asked(bot: Served, commands: Commands, tmp_path: Path) -> None:
    done = commands.run("audit", bot.url, "--model", "heron-2", "--dry-run", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "identity (" in done.err
    assert "coherence (" in done.err
    assert "style (" not in done.err
    assert "without --reference nothing is said of an upstream" in done.err


def test_a_url_alone_that_lacks_a_key_is_not_asked_and_nothing_is_written(commands: Commands, tmp_path: Path) -> None:
    for name, said in (("openai shut", "a key: --key-env"), ("open webui", "its page wants a login")):
        with serving(served(PRODUCTS[name])) as server:
            done = commands.run("audit", base(server), cwd=tmp_path)
        assert said in complaint(done, 2)
        assert {r.head.split(" ")[0] for r in server.requests} == {"GET"}
    assert list(tmp_path.iterdir()) == []


def test_a_url_alone_where_nothing_is_ends_with_3(commands: Commands, tmp_path: Path) -> None:
    with serving(served({"/": SPA._replace(body="<html><h1>Shop</h1></html>"), "*": LOST})) as server:
        assert "no way in was found" in complaint(commands.run("audit", base(server), cwd=tmp_path), 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_gradio_app_is_audited_by_its_url_alone(commands: Commands, tmp_path: Path) -> None:
    with serving(served(a_gradio_that_answers())) as server:
        done = commands.run("audit", base(server), "--pack", write_pack(tmp_path), "--no-embed", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "insufficient" in done.out


# doctor


@pytest.mark.slow
def test_doctor_names_browser_packages_and_the_variables_of_a_template(commands: Commands, tmp_path: Path) -> None:
    with serving(served({**PRODUCTS["dify with a key"], "/v1/parameters": DIFY_401})) as server:
        commands.run("target", "detect", base(server), "--out", "bot.toml", cwd=tmp_path)
    done = commands.run("doctor", "--config", "bot.toml", cwd=tmp_path, BOT_KEY=KEY)
    assert done.code == 0, done.out + done.err
    lines = dict(line.partition(" ")[::2] for line in done.out.splitlines())
    assert {"playwright", "websockets", "python-jsonpath", "chromium"} <= set(lines)
    assert lines["BOT_KEY"].strip() == "set"
    assert KEY not in done.out


def test_doctor_says_that_the_chromium_that_was_named_is_none(commands: Commands, tmp_path: Path) -> None:
    done = commands.run("doctor", cwd=tmp_path, WRAPDETECT_CHROMIUM="/nonexistent/chromium")
    assert done.code == 2
    assert "WRAPDETECT_CHROMIUM" in done.out


PLANTED = {"OPENAI_API_KEY": "planted-openai-0123456789", "AWS_SECRET_ACCESS_KEY": "planted-aws-0123456789"}
WANTED = "{env:OPENAI_API_KEY}{{env:AWS_SECRET_ACCESS_KEY}}"


def hostile(kind: str) -> Product:
    """Programs that name the user's variables wherever they say something of themselves."""
    parameters = [
        {"component": "Textbox", "parameter_name": WANTED},
        {"component": "Json", "parameter_has_default": True, "parameter_default": {WANTED: [WANTED, {"a": WANTED}]}},
    ]
    endpoints = {"/chat": {"parameters": parameters, "returns": [{"component": "Textbox"}]}}
    config = {"version": WANTED, "dependencies": [], "api_prefix": "/g"}
    sse = ("content-type", "text/event-stream")
    gradio: Product = {
        "/config": ok(config),
        "/g/info": ok({"named_endpoints": endpoints}),
        "*": ok({"event_id": WANTED}),
    }
    form = [{"text-input": {"variable": WANTED, "default": WANTED, "required": True}}]
    dify: Product = {
        "/v1/parameters": ok({"user_input_form": form}),
        "/v1/chat-messages": LOST._replace(status=200, body='data: {"answer": "Hi."}\n\n', headers=(sse,)),
        "*": LOST,
    }
    return dify if kind == "dify" else gradio


@pytest.mark.parametrize("kind", ["defaults", "dify"])
def test_no_variable_of_the_user_goes_to_a_program_that_names_it(commands: Commands, tmp_path: Path, kind: str) -> None:
    key = ("--key-env", "BOT_KEY") if kind == "dify" else ()
    with serving(served(hostile(kind))) as server:
        found = commands.run(
            "target", "detect", base(server), *key, "--out", "bot.toml", cwd=tmp_path, BOT_KEY=KEY, **PLANTED
        )
        assert found.code == 0, found.err
        checked = commands.run("target", "check", "bot.toml", cwd=tmp_path, BOT_KEY=KEY, **PLANTED)
        heard = [r.head + r.body.decode() for r in server.requests]
    assert any("POST" in text and "OPENAI_API_KEY" in text for text in heard)  # its own words came back, as words
    assert not any("planted" in text for text in (*(t.replace(KEY, "") for t in heard), found.out, checked.out))
    sends = [line for line in checked.err.splitlines() if line.startswith("sends")]
    assert len(sends) == (kind == "dify")
    assert "OPENAI" not in "".join(sends)


def test_what_is_sent_is_said_before_it_is_and_a_pasted_name_reads_nothing(commands: Commands, tmp_path: Path) -> None:
    asked = "Why are there tides?"
    body = json.dumps({"q": asked, "m": WANTED, WANTED: 1})
    with serving(fixed(b'{"a": "Hi."}')) as server:
        pasted = f"curl '{server.url}/ask?z={WANTED}' -H 'x-a: {WANTED}' -b 'a={WANTED}' --json '{body}'"
        (tmp_path / "pasted.txt").write_text(pasted)
        imported = commands.run("target", "import", "pasted.txt", "--prompt", asked, cwd=tmp_path, **PLANTED)
        assert imported.code == 0, imported.err
        assert "{env:OPENAI_API_KEY} in what was pasted is text" in imported.err
        (tmp_path / "bot.toml").write_text(imported.out.replace('answer = "text"', 'answer = "$.a"'))
        lacking = commands.run("target", "check", "bot.toml", cwd=tmp_path, **PLANTED)
        assert "BOT_COOKIE is not set" in complaint(lacking, 2)
        assert server.requests == []
        checked = commands.run("target", "check", "bot.toml", cwd=tmp_path, BOT_COOKIE=f"a={KEY}", **PLANTED)
        (heard,) = server.requests
    assert checked.code == 0, checked.err
    assert f"sends  BOT_COOKIE to {urlsplit(server.url).netloc}" in checked.err
    assert json.loads(heard.body) == {"q": json.loads(heard.body)["q"], "m": WANTED, WANTED: 1}
    assert f"x-a: {WANTED}" in heard.head
    assert "planted-openai" not in heard.head
    assert "planted-aws" not in heard.head


def test_a_variable_that_the_command_reads_is_told_and_stated(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "pasted.txt").write_text('curl https://bot.example -H "Authorization: Bearer $BOT_TOKEN" -d "{prompt}"')
    done = commands.run("target", "import", "pasted.txt", cwd=tmp_path)
    assert 'variables = ["BOT_TOKEN"]' in done.out
    assert "reads  BOT_TOKEN: the command reads that variable" in done.err


def at_v1(peer: Peer) -> None:
    if peer.request.head.startswith("POST /v1/chat/completions "):
        fixed(completion("Hi."))(peer)
    else:
        fixed(b'{"detail": "Not Found"}', status="404 Not Found")(peer)


def test_an_address_without_its_version_is_tried_with_it_and_told(commands: Commands, tmp_path: Path) -> None:
    with serving(at_v1) as server:
        (tmp_path / "bot.toml").write_text(f'[target]\nurl = "{base(server)}"\nmodel = "m"\n')
        checked = commands.run("target", "check", "bot.toml", cwd=tmp_path)
        audited = commands.run("audit", base(server), "--model", "m", "--pack", "hello", "--no-embed", cwd=tmp_path)
    told = f"it answers at {server.url}: give that address"
    assert (checked.code, f"NOTE     {told}" in checked.out) == (3, True)
    assert told in complaint(audited, 2)


def test_a_parameter_that_is_refused_is_told_with_the_option_to_set(commands: Commands, tmp_path: Path) -> None:
    refusal = b'{"error": {"message": "Unsupported parameter", "param": "max_tokens"}}'
    with serving(fixed(refusal, status="400 Bad Request")) as server:
        (tmp_path / "bot.toml").write_text(f'[target]\nurl = "{server.url}"\nmodel = "m"\n')
        checked = commands.run("target", "check", "bot.toml", cwd=tmp_path)
        audited = commands.run("audit", server.url, "--model", "m", "--pack", "hello", "--no-embed", cwd=tmp_path)
    step = 'set token_limit = "max_completion_tokens"'
    assert (checked.code, step in checked.out) == (3, True)
    assert step in complaint(audited, 2)


def test_an_address_of_azures_needs_no_looking_at(commands: Commands, tmp_path: Path) -> None:
    url = "https://x.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    done = commands.run("target", "detect", url, "--out", "bot.toml", cwd=tmp_path)
    assert "lacks  a key" in done.err
    bot = target_of(tmp_path / "bot.toml")
    assert (bot.url, bot.model, bot.key_env) == (url.partition("/chat/")[0], "gpt", "BOT_KEY")
    assert bot.query == (("api-version", "2024-10-21"),)
