"""A dialect that nobody ships: one value and one entry of DIALECTS, and every room can speak, read and recognise it."""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.test_cli_target import Commands
from tests.conftest import ROOT
from tests.runs.hars import entry, har
from tests.ways.misbehaving import Peer, Server, chunk, fixed, serving
from wrapdetect.dialects import DIALECTS, Call, Reply, WireFormat, decode, dialect_names
from wrapdetect.dialects.address import place_of
from wrapdetect.dialects.base import so_far
from wrapdetect.dialects.body.ending import SURE_S, ending_of
from wrapdetect.dialects.body.json_text import Answer, Json, text_in
from wrapdetect.dialects.body.models import MODELS
from wrapdetect.dialects.body.replies import decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.sight import Known, Sight
from wrapdetect.errors import ConfigError, RunFormatError
from wrapdetect.model import Ask, Endpoint
from wrapdetect.runs.codec import load_run
from wrapdetect.runs.collected.calls import find_calls
from wrapdetect.runs.collected.har import read_entries
from wrapdetect.store import run_file
from wrapdetect.targets.config import parse_config
from wrapdetect.targets.detect import Look, Seen, detect
from wrapdetect.targets.written import dump_target

SAID = "The tides follow the moon, and a little the sun."


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    body: Json = {"to": endpoint.model, "wires": so_far(ask, answers), "tape": stream}
    return Call(body=body, stream=stream, path="/telegrams", key_header="x-telex-key", key_prefix="")


def _read_stream(stream: Stream) -> Reply:
    answer, done = Answer(), False
    for t_s, event in stream.objects:
        answer.add(t_s, event.get("tick"))
        done = done or event.get("stop") is True
    return answer.reply(done=done, sign="stop: true")


def _read_plain(t_s: float, body: Json) -> Reply:
    answer = Answer()
    answer.add(t_s, body.get("said"))
    return answer.reply()


def _recognise(sight: Sight) -> Known | None:
    for seen in sight.of(*MODELS):
        if text_in(seen.found, "exchange") == "telex":
            return Known(found="a telex exchange", seen=seen, models=("morse-1",))
    return None


DIALECT = WireFormat(
    name="telex",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, lambda body: "whole" if "said" in body else "unknown"),
    headers=frozenset({"x-telex-key"}),
    path=re.compile(r"/telegrams\Z"),
    messages=lambda body: body.get("wires"),
    recognise=_recognise,
    ends=re.compile(rb'"stop"\s?:\s?true'),
)


@pytest.fixture(autouse=True)
def telex(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an entry point would add it."""
    monkeypatch.setitem(DIALECTS, "telex", DIALECT)


def behave(peer: Peer) -> None:
    """The exchange's server."""
    line = peer.request.head.split("\r\n", 1)[0]
    if line.startswith("GET /v1/models "):
        fixed(b'{"exchange": "telex"}')(peer)
    elif not line.startswith("POST /v1/telegrams "):
        fixed(b'{"error": "no such line"}', status="404 Not Found")(peer)
    elif json.loads(peer.request.body)["tape"]:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        ticks = [json.dumps({"tick": f"{word} "}) for word in SAID.split()]
        events = [f"data: {text}\n\n".encode() for text in (*ticks, '{"stop": true}')]
        peer.send(head + b"".join(map(chunk, events)) + b"0\r\n\r\n")
    else:
        fixed(json.dumps({"said": SAID}).encode())(peer)


def table(server: Server, *more: str) -> str:
    return "\n".join(["[target]", f'url = "{server.url}"', 'model = "morse-1"', 'dialect = "telex"', *more]) + "\n"


@pytest.mark.parametrize(("more", "name"), [((), "telex_stream"), (("stream = false",), "telex_plain")])
def test_a_toml_names_it_and_is_written_back(more: tuple[str, ...], name: str) -> None:
    server = Server("https://telex.example/v1")
    (endpoint,) = parse_config(table(server, *more), "bot.toml").endpoints()
    assert (endpoint.dialect, endpoint.url) == (name, "https://telex.example/v1")
    assert tomllib.loads(dump_target(endpoint)) == tomllib.loads(table(server, *more))
    assert name in dialect_names()


def test_a_name_that_no_dialect_has_is_refused_with_all_that_there_are() -> None:
    text = table(Server("https://telex.example/v1")).replace('"telex"', '"semaphore"')
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "bot.toml")
    assert str(caught.value) == (
        "bot.toml, line 4: target.dialect: Input should be 'openai', 'responses', 'anthropic', 'ollama', 'gemini', "
        "'template', 'page' or 'telex'; see docs/ways.md for the keys of a config file"
    )


def test_the_address_of_its_call_tells_it() -> None:
    assert place_of("https://telex.example/v1/telegrams/")[0::2] == ("https://telex.example/v1", "telex")


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["streamed", "plain"])
def test_it_is_audited_over_http_recorded_and_read_again(
    options: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with serving(behave) as server:
        (tmp_path / "bot.toml").write_text(table(server, 'key_env = "TELEX_KEY"'))
        asked = ("audit", "--config", "bot.toml", "--pack", "hello", "--out", "run.jsonl", "--no-embed", *options)
        done = Commands(capsys, monkeypatch).run(*asked, cwd=tmp_path, TELEX_KEY="planted-0123456789")
    assert done.code == 0, done.err
    assert {r.headers["x-telex-key"] for r in server.requests} == {"planted-0123456789"}
    run = run_file.load_file(tmp_path / "run.jsonl").run
    assert run.target.dialect == ("telex_plain" if options else "telex_stream")
    assert {decode(e, run.target).text.strip() for e in run.exchanges} == {SAID}


def test_where_it_is_not_there_its_recordings_are_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    data = (ROOT / "fixtures" / "formats" / "4.jsonl").read_bytes()
    data = data.replace(b'"dialect":"openai_plain"', b'"dialect":"telex_plain"', 1)
    assert "telex_plain" in {e.dialect for e in load_run(data).run.endpoints}
    monkeypatch.delitem(DIALECTS, "telex")
    with pytest.raises(RunFormatError, match=r"'telex_plain' is none of openai_stream, .*, pasted;"):
        load_run(data)


@pytest.mark.parametrize(("answer", "kind", "name"), [
    (json.dumps({"said": SAID}), "application/json", "telex_plain"),
    (f'data: {json.dumps({"tick": SAID})}\n\ndata: {{"stop": true}}\n\n', "text/event-stream", "telex_stream"),
])  # fmt: skip
def test_its_recorded_calls_are_found_in_an_archive(answer: str, kind: str, name: str) -> None:
    sent = {"to": "m", "model": "morse-1", "wires": [{"role": "user", "content": "Why are there tides?"}]}
    made = har(entry("https://telex.example/v1/telegrams", sent=sent, answer=answer, kind=kind))
    (call,) = find_calls(read_entries(made, "a.har")).calls
    assert (call.dialect, call.model, call.reply.text) == (name, "morse-1", SAID)
    assert call.users == ("Why are there tides?",)


def test_it_is_recognised_before_what_is_like_openais() -> None:
    look = Look(name="models_v1", url="https://telex.example/v1/models")
    both = json.dumps({"exchange": "telex", "object": "list", "data": [{"id": "gpt", "object": "model"}]})
    found = detect("https://telex.example", [Seen(look=look, status=200, text=both)])
    assert found.found == "a telex exchange"
    assert found.how == "questions by telex at https://telex.example/v1, streamed, model morse-1"
    assert found.endpoint is not None
    assert found.endpoint.dialect == "telex_stream"


def test_its_own_sign_ends_a_stream() -> None:
    assert ending_of("telex_stream")(b'data: {"stop": true}\n\n') == SURE_S
