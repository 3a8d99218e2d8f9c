"""`wrapdetect target` and `audit URL`: what is printed where, exit codes, files, and no key anywhere.

They run in this process, so that a socket left open is seen.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.misbehaving import Peer, fixed, serving
from tests.edge.test_look import base, served
from tests.test_detect import DIFY_401, LOST, PRODUCTS, SPA, Product, ok
from tests.warm_cli import Done
from wrapdetect.cli import main
from wrapdetect.commands.demo import load_voices
from wrapdetect.edge import store
from wrapdetect.edge.config import load_config
from wrapdetect.lab.bots import Schedule, VoiceBot
from wrapdetect.lab.server import Served, serve
from wrapdetect.model import Endpoint

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
    shown = dict(line.partition(" ")[::2] for line in done.out.splitlines())
    assert f"POST {bot.url}/chat/completions" in shown["asked"]
    assert "Why are there tides?" in shown["sent"]
    assert "200" in shown["status"]
    assert "first byte after" in shown["times"]
    assert shown["answer"].strip()
    assert "heron-2" in shown["model"]


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
    assert target_of(folder / "127.0.0.1.toml").model == "heron-2"
    (run,) = folder.glob("*.jsonl")
    assert [e.role for e in store.load(run).run.endpoints] == ["target"]
    assert commands.run(*command, cwd=tmp_path).code == 0
    assert [p.name for p in folder.glob("*.toml")] == ["127.0.0.1.toml"]  # the same target is not written twice


@pytest.mark.slow
def test_another_target_of_that_host_gets_a_number(bot: Served, commands: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "wrapdetect-runs"
    folder.mkdir()
    (folder / "127.0.0.1.toml").write_text("# mine\n")
    done = commands.run("audit", bot.url, "--pack", write_pack(tmp_path), "--no-embed", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (folder / "127.0.0.1.toml").read_text() == "# mine\n"
    assert target_of(folder / "127.0.0.1-2.toml").url == bot.url


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
