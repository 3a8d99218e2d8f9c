"""Verbs for Python, on loopback: the same verdicts as the command line's, of URLs, Endpoints and openai's clients."""

import asyncio
import io
import json
import random
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import openai
import pytest
import threadpoolctl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import wrapdetect
from tests.cli.test_cli_match import a_table
from tests.conftest import ROOT
from tests.library.test_matching import PROMPTS, Fleet, a_fleet
from wrapdetect import Endpoint, Verdict, WrapdetectError, audit, audit_async, dump_run, judge, load_run, match, replay
from wrapdetect.cli.demo.bots import Schedule, VoiceBot
from wrapdetect.cli.demo.command import load_voices
from wrapdetect.cli.demo.server import Served, running, serve
from wrapdetect.errors import LibraryError, PreflightError, RunFormatError, SpecError
from wrapdetect.ways.client import is_client

KEY = "sk-planted-0123456789"
HUSH = "planted-header-9876"
LAB = ROOT / "fixtures" / "runs" / "lab_relay" / "run.jsonl"


def a_voice(name: str) -> VoiceBot:
    return VoiceBot(voice=load_voices()[name], rng=random.Random(name), schedule=Schedule(first_s=0, gap_s=0))


@pytest.fixture(scope="module")
def heron() -> Iterator[Served]:
    with serve(a_voice("heron"), key=KEY) as served:
        yield served


@pytest.fixture(scope="module")
def wren() -> Iterator[Served]:
    with serve(a_voice("wren")) as served:
        yield served


@pytest.fixture
def pack(tmp_path: Path) -> list[str]:
    """Two questions, so that an audit takes a blink."""
    head, *items = (ROOT / "probes" / "short.toml").read_text(encoding="utf-8").split("[[item]]")
    file = tmp_path / "two.toml"
    file.write_text("[[item]]".join((head.replace('"short"', '"two"'), *items[:2])), encoding="utf-8")
    return [str(file)]


class Echo:
    """Answers at Azure's address, and repeats in its answers and headers whatever it was sent."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.routes = [Route("/{path:path}", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        self.asked.append(request)
        said = " ".join(f"{k}={v}" for k, v in (*request.headers.items(), *request.query_params.items()))
        choice = {"index": 0, "message": {"role": "assistant", "content": f"I heard {said}."}, "finish_reason": "stop"}
        return JSONResponse({"id": "x", "object": "chat.completion", "choices": [choice]}, headers={"x-echo": said})


@pytest.fixture
def echo() -> Iterator[tuple[Echo, str]]:
    bot = Echo()
    with running(Starlette(routes=bot.routes)) as address:
        yield bot, f"http://{address}"


def test_a_recording_is_loaded_from_a_path_its_bytes_an_open_file_or_by_its_name() -> None:
    data = LAB.read_bytes()
    with LAB.open("rb") as file:
        runs = [load_run(source) for source in (LAB, str(LAB.parent), data, file, io.BytesIO(data), "lab_relay")]
    assert all(run == runs[0] for run in runs)
    assert load_run(dump_run(runs[0]).encode()) == runs[0]


def test_what_is_no_recording_is_refused_in_words() -> None:
    with pytest.raises(RunFormatError, match=r"no-such\.jsonl"):
        load_run("no-such.jsonl")
    with pytest.raises(RunFormatError, match="the bytes given, line 1"):
        load_run(b"{}\n")
    with LAB.open() as text, pytest.raises(RunFormatError, match="open the file with mode 'rb'"):
        load_run(text)  # type: ignore[arg-type]  # the mistake meant
    run = load_run(LAB)
    with pytest.raises(RunFormatError, match="Run is no recording"):
        replay(run)  # type: ignore[arg-type]  # the mistake meant
    with pytest.raises(
        RunFormatError, match=r"is no path \(File name too long\); expected one, or a run.s text as bytes"
    ):
        load_run(dump_run(run))
    assert issubclass(RunFormatError, WrapdetectError)


def test_replay_and_judge_give_the_json_report_of_the_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    verdict = replay(LAB, embed=False)
    assert capfd.readouterr() == ("", "")
    command = [sys.executable, "-m", "wrapdetect", "replay", str(LAB), "--json", "--no-embed"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    assert verdict.to_dict() == json.loads(done.stdout)
    assert isinstance(verdict, Verdict)
    assert judge(load_run(LAB), embed=False) == verdict


def test_a_run_that_no_file_could_hold_is_not_judged() -> None:
    run = load_run(LAB)
    target, *references = run.endpoints
    left_out = f"no such endpoint or variant: {references[0].name}/"
    for torn, words in (
        (replace(run, endpoints=(target, *references[1:])), left_out),
        (replace(run, endpoints=tuple(references)), "not exactly one endpoint has the role target"),
        (replace(run, packs=()), "no pack in the first line holds"),
        ("feb21", "the run given"),
    ):
        with pytest.raises(RunFormatError, match=words):
            judge(torn)  # type: ignore[arg-type]  # the last is a mistake
    kept = tuple(e for e in run.exchanges if e.endpoint != references[0].name)
    fewer = judge(replace(run, endpoints=(target, *references[1:]), exchanges=kept), embed=False)
    assert [t.endpoint for t in fewer.tallies] == [e.name for e in (target, *references[1:])]


def test_what_was_torn_off_a_recording_is_said_where_it_is_wanted_and_kept_with_the_verdict() -> None:
    said = list[str]()
    verdict = replay(LAB.read_bytes() + b'{"torn', embed=False, say=said.append)
    assert said == ["the bytes given: the last line is torn (6 bytes) and was left out"] == list(verdict.remarks)
    assert said[0] in verdict._repr_html_()


def test_tables_are_plain_rows() -> None:
    verdict = replay(LAB, embed=False)
    for table in ("findings", "controls", "tallies", "answers"):
        rows = verdict.rows(table)
        assert rows
        assert {tuple(row) for row in rows} == {tuple(rows[0])}
    assert len(verdict.rows("answers")) == len(verdict.recording.exchanges)
    assert {f["rule"] for f in verdict.rows()} == {f.rule for f in verdict.findings}
    with pytest.raises(SpecError, match="no table 'answer'; expected one of findings"):
        verdict.rows("answer")  # type: ignore[arg-type]  # the mistake meant


def test_plain_verbs_work_where_an_event_loop_runs_and_awaited_ones_give_the_same() -> None:
    async def notebook() -> tuple[Verdict, Verdict]:
        return replay(LAB, embed=False), await wrapdetect.replay_async(LAB, embed=False)

    plain, awaited = asyncio.run(notebook())
    assert plain == awaited


def test_an_audit_of_urls_is_recorded_and_judged(
    heron: Served, wren: Served, pack: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERON_KEY", KEY)
    out, said = tmp_path / "run.jsonl", list[str]()
    verdict = audit(
        heron.url,
        [f"wren={wren.url}#wren-mini", (wren.url, "wren-mini")],
        model="heron-2",
        key_env="HERON_KEY",
        pack=pack,
        enrol=0,
        out=out,
        embed=False,
        say=said.append,
    )
    assert [t.endpoint for t in verdict.tallies] == ["target", "wren", "wren-mini"]
    assert all(t.answered for t in verdict.tallies)
    assert said[-1] == f"recorded in {out}"
    assert replay(out, embed=False) == verdict


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
def test_openais_clients_stand_for_endpoints_and_their_secrets_stay_out_of_the_recording(
    kind: Callable[..., openai.OpenAI], heron: Served, wren: Served, pack: list[str], tmp_path: Path
) -> None:
    client = kind(
        api_key=KEY, base_url=heron.url, default_headers={"X-Team": "blue", "X-Api-Token": HUSH}, max_retries=7
    )
    out = tmp_path / "run.jsonl"
    verdict = audit(
        client, {"small": Endpoint(name="x", role="target", url=wren.url, model="wren-mini")},
        model="heron-2", pack=pack, enrol=0, out=out, embed=False,
    )  # fmt: skip
    assert [e.name for e in verdict.recording.endpoints] == ["target", "small"]
    asked = [r["headers"] for r in heron.requests[-2:]]
    for headers in asked:
        assert isinstance(headers, dict)
        assert (headers["x-team"], headers["x-api-token"]) == ("blue", HUSH)
        assert headers["authorization"] == f"Bearer {KEY}"
        assert headers["user-agent"].startswith("python-httpx")
    text = out.read_text(encoding="utf-8")
    assert not [secret for secret in (KEY, HUSH) if secret in text + repr(verdict) + str(verdict.to_dict())]


def test_azures_deployment_version_and_key_are_taken_over_and_masked_when_they_come_back(
    echo: tuple[Echo, str], wren: Served, pack: list[str], tmp_path: Path
) -> None:
    bot, address = echo
    clients: list[openai.AzureOpenAI | openai.AsyncAzureOpenAI] = [
        openai.AzureOpenAI(api_key=KEY, azure_endpoint=address, api_version="2024-10-21", azure_deployment="ours"),
        openai.AsyncAzureOpenAI(azure_ad_token_provider=lambda: HUSH, azure_endpoint=address, api_version="2024-10-21"),
    ]
    said = list[str]()
    for number, (client, path, header) in enumerate(
        zip(clients, ("ours", "gpt-x"), (("api-key", KEY), ("authorization", f"Bearer {HUSH}")), strict=True)
    ):
        bot.asked.clear()
        out = tmp_path / f"{number}.jsonl"
        audit((client, "gpt-x"), pack=pack, out=out, embed=False, say=said.append)
        assert {r.url.path for r in bot.asked} == {f"/openai/deployments/{path}/chat/completions"}
        assert {r.url.query for r in bot.asked} == {"api-version=2024-10-21"}
        assert {r.headers[header[0]] for r in bot.asked} == {header[1]}
        text = out.read_text(encoding="utf-8") + "".join(said)
        assert KEY not in text
        assert HUSH not in text


def test_another_module_called_openai_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", ModuleType("openai"))
    assert not is_client("https://bot.example/v1")
    monkeypatch.delitem(sys.modules, "openai")
    assert not is_client(openai.OpenAI(api_key=KEY))


def test_a_client_that_cannot_ask_is_named_without_what_it_holds(echo: tuple[Echo, str]) -> None:
    def no_token() -> str:
        raise RuntimeError(f"{HUSH} ran out")

    client = openai.AzureOpenAI(azure_ad_token_provider=no_token, azure_endpoint=echo[1], api_version="2024-10-21")
    with pytest.raises(SpecError, match=r"target: its openai client makes no request \(RuntimeError\)") as refused:
        audit(client, model="gpt-x")
    assert HUSH not in "".join(traceback.format_exception(refused.value))


def test_secrets_of_one_name_and_a_clients_own_key_go_out_as_they_are_and_are_not_recorded(
    echo: tuple[Echo, str], pack: list[str], tmp_path: Path
) -> None:
    bot, address = echo
    key = "planted-key-of-letters"
    client = openai.OpenAI(
        api_key=key, base_url=f"{address}/v1",
        default_headers={"X-A.Key": "{one}", "X-A-Key": "{two}", "X-Who": f"me {key}"},
        default_query={"sig": ["first", "second"]},
    )  # fmt: skip
    out = tmp_path / "run.jsonl"
    audit((client, "m"), pack=pack, out=out, embed=False)
    asked = bot.asked[-1]
    assert [asked.headers[name] for name in ("x-a.key", "x-a-key", "x-who")] == ["{one}", "{two}", f"me {key}"]
    assert asked.query_params.getlist("sig[]") == ["first", "second"]
    assert key not in out.read_text(encoding="utf-8")
    with pytest.raises(SpecError, match=r"address holds its key \(not shown\)") as refused:
        audit(openai.OpenAI(api_key=key, base_url=f"{address}/{key}/v1"), model="m")
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"headers": (("x-api-key", HUSH),)}, "target: headers.x-api-key: looks like a secret"),
        ({"query": (("token", HUSH),)}, "target: query.token: looks like a secret"),
        ({"url": f"https://bot.example/v1?token={HUSH}"}, "target: the URL holds a value for 'token'"),
        ({"url": f"https://me:{HUSH}@bot.example/v1"}, "target: the URL holds a user name or password"),
        ({"url": None}, "target: endpoint.url is None; expected a text"),
        ({"dialect": "opnai"}, "'opnai' is none of openai_stream"),
        ({"dialect": "template"}, "'template' needs a template"),
        ({"weights": "secret"}, "is none of open, closed, unknown"),
        ({"headers": {"x-team": "blue"}}, "endpoint.headers is no list"),
    ],
)
def test_an_endpoint_is_looked_at_as_a_configs_table_is(fields: dict[str, str], words: str, tmp_path: Path) -> None:
    given = {"url": "https://bot.example/v1", **fields}
    endpoint = Endpoint(name="bot", role="target", model="m", **given)  # type: ignore[arg-type]  # the mistakes meant
    out = tmp_path / "run.jsonl"
    with pytest.raises(SpecError, match=re.escape(words)) as refused:
        audit(endpoint, out=out)
    assert HUSH not in str(refused.value)
    assert not out.exists()


@pytest.mark.parametrize(
    ("target", "more", "words"),
    [
        ("http://127.0.0.1:9/v1", {}, "target: the model's name is missing"),
        ("not a url", {"model": "m"}, "is not a web address"),
        (7, {}, "int is no endpoint; expected a URL"),
        ("http://127.0.0.1:9/v1", {"model": "m", "draw": 3}, "draw"),
        ("http://127.0.0.1:9/v1", {"model": "m", "draws": 0}, "draws"),
        ("http://127.0.0.1:9/v1", {"model": "m", "resume": True}, "resume=True needs out"),
        ("http://127.0.0.1:9/v1", {"model": "m", "references": ["b"]}, "expected NAME=URL#MODEL"),
        ("http://127.0.0.1:9/v1", {"model": "m", "references": [7]}, "reference 1: int is no endpoint"),
        (
            "http://127.0.0.1:9/v1",
            {"model": "m", "references": "a=http://127.0.0.1:9/v1#b"},
            "references: str; expected",
        ),
        ("http://127.0.0.1:9/v1", {"model": "m", "references": None}, "references: NoneType; expected a list"),
        (("http://127.0.0.1:9/v1", "m", "key"), {}, "tuple is no endpoint; expected a URL"),
        (openai.OpenAI(api_key=KEY), {}, "with an openai client goes the model's name"),
    ],
)
def test_what_cannot_be_audited_is_refused_before_anything_is_sent(
    target: str, more: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=words):
        audit(target, **more)  # type: ignore[arg-type]  # the mistakes meant
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_answer_the_hello_is_not_audited(
    heron: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PreflightError, match="401"):
        audit(openai.OpenAI(api_key="sk-another-0123456789", base_url=heron.url), model="heron-2")
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_audits_run_side_by_side(wren: Served, pack: list[str], tmp_path: Path) -> None:
    async def both() -> list[Verdict]:
        return await asyncio.gather(
            *(audit_async(wren.url, model="wren-mini", pack=pack, out=tmp_path / f"{n}.jsonl") for n in "ab")
        )

    first, second = asyncio.run(both())
    assert first.run != second.run


def test_a_plain_audit_works_within_a_running_loop(wren: Served, pack: list[str], tmp_path: Path) -> None:
    async def notebook() -> Verdict:
        return audit(wren.url, model="wren-mini", pack=pack, out=tmp_path / "run.jsonl", embed=False)

    assert asyncio.run(notebook()).state == "insufficient"


def test_at_most_twenty_names_are_public_and_each_is_there() -> None:
    assert len(wrapdetect.__all__) <= 20
    assert all(getattr(wrapdetect, name) is not None for name in wrapdetect.__all__)
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        wrapdetect.audits  # noqa: B018  # the mistake meant


class Seen(HTMLParser):
    """The tags and attributes of a piece of HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text = set[str](), set[str](), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


TAGS = {"div", "p", "b", "table", "tr", "th", "td", "details", "summary", "ul", "li"}
HOSTILE = '</td><script>alert(1)</script><img src=x onerror="a()"> $\\href{javascript:a()}{b}$ \x1b[2J\u202e &lt;'


def test_what_others_said_is_text_in_a_notebook_and_never_markup() -> None:
    verdict = replay(LAB, embed=False)
    findings = tuple(replace(f, witness=HOSTILE, upstream=HOSTILE) for f in verdict.findings)
    bad = replace(verdict, findings=findings, upstream=HOSTILE, limits=(HOSTILE,))
    html = bad._repr_html_()
    seen = Seen(html)
    assert seen.tags <= TAGS
    assert seen.attributes <= {"class", "style"}
    assert "<script>alert(1)</script>" in seen.text
    assert not {"\x1b", "\u202e"} & set(html)
    assert html.startswith('<div class="tex2jax_ignore mathjax_ignore"')  # or formulas in it would be read
    assert len(verdict._repr_html_()) < 30_000


def test_a_notebooks_stop_ends_an_audit_and_keeps_what_was_answered(tmp_path: Path) -> None:
    asked = list[Request]()

    async def answer(request: Request) -> Response:
        asked.append(request)
        if len(asked) == 2:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            while not await request.is_disconnected():
                await asyncio.sleep(0.01)
        message = {"role": "assistant", "content": "Hello."}
        return JSONResponse({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    async def notebook() -> None:
        audit(f"http://{address}/v1", model="m", out=tmp_path / "run.jsonl", concurrency=1)

    app = Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])
    # asyncio.run would hear the signal itself, and wait
    with running(app) as address, closing(asyncio.new_event_loop()) as loop, pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(notebook())
    assert [e.failure for e in load_run(tmp_path / "run.jsonl").exchanges] == [None]


def test_importing_the_verbs_loads_nothing_that_compares_or_asks() -> None:
    heavy = "{m.partition('.')[0] for m in sys.modules} & {'numpy', 'scipy', 'sklearn', 'httpx', 'openai', 'typer'}"
    code = f"""import sys, wrapdetect
bare = sorted(m for m in sys.modules if m.startswith("wrapdetect."))
from wrapdetect import audit, judge, load_run, match, replay
run = load_run({str(LAB)!r})
print(bare, {heavy})"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[] set()\n"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, list[dict[str, str]]]]:
    """The library `lab` of invented models, and the rows of a wrapper of b0."""
    fleet, place = a_fleet(), tmp_path_factory.mktemp("libraries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WRAPDETECT_LIBRARIES", str(place))
        table = place / "lab.jsonl"
        table.write_text(a_table(fleet.said), encoding="utf-8")
        told = ["library", "import", "lab", str(table), "--source", "invented", "--collected", "2026-01-05"]
        subprocess.run([sys.executable, "-m", "wrapdetect", *told], capture_output=True, check=True, cwd=ROOT)
        answers = fleet.wrapped("b0", 1)
        yield fleet, [{"prompt": p, "answer": a} for p, a in zip(PROMPTS, answers, strict=True)]


def test_answers_are_matched_from_rows_a_table_or_a_run(
    shelf: tuple[Fleet, list[dict[str, str]]], tmp_path: Path
) -> None:
    rows = shelf[1]
    table = tmp_path / "copy.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = match(rows, "lab", embed=False)
    assert replace(match(table, "lab", embed=False), answers=found.answers) == found
    assert found.nearest in found.family
    assert found.to_dict()["nearest"] == found.nearest == found.rows()[0]["model"]
    assert Seen(found._repr_html_()).tags <= {
        "div",
        "p",
        "b",
        "table",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "ul",
        "li",
    }
    assert (
        match(({"q": r["prompt"], "a": r["answer"]} for r in rows), "lab", prompt_field="q", answer_field="a") == found
    )


def test_rows_that_do_not_fit_a_library_are_named(shelf: tuple[Fleet, list[dict[str, str]]]) -> None:
    rows: list[dict[str, object]] = [{**r} for r in shelf[1]]
    both: list[dict[str, object]] = [{**r, "model": m} for r in rows[:2] for m in ("one", "two")]
    cases: list[tuple[list[dict[str, object]], str]] = [
        ([], "no rows"),
        ([{"question": "a"}], "row 1: no column for the answer"),
        ([*rows, {"prompt": "a", "answer": None}], f"row {len(rows) + 1}: 'answer' holds NoneType; expected text"),
        (both, "answers of 2 speakers"),
        ([{"prompt": "never asked", "answer": "b"}], "none of its 1 prompts is in library lab"),
    ]
    for answers, words in cases:
        with pytest.raises(LibraryError, match=words):
            match(answers, "lab", embed=False)
    with pytest.raises(LibraryError, match="no library 'other'"):
        match(rows, "other")
    assert match(both, "lab", only="two", embed=False).answers == "two"


def test_judging_side_by_side_leaves_the_number_of_threads_as_it_was() -> None:
    judge(load_run(LAB), embed=False)  # what is to be limited is loaded
    before = threads()

    async def four() -> list[Verdict]:
        return await asyncio.gather(*(wrapdetect.replay_async(LAB, embed=False) for _ in range(4)))

    verdicts = asyncio.run(four())
    assert all(v == verdicts[0] for v in verdicts)
    assert threads() == before


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
