"""Makes the scripted runs of fixtures/: `python -m tests.make_fixtures`. The same script gives the same bytes.

feb21 is a reconstruction of the founding case in our own words; feb21_twin is the same, but the bot stays up.
True public times of the upstream's incident of 21 Feb 2023 (UTC): began 07:15, completions back 10:05; the second
incident of that day, 12:19 to 21:53, was on other parts, so completions stay up in it.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from tests.conftest import ROOT
from wrapdetect.model import (
    AskKey,
    AutoReply,
    Chunk,
    Endpoint,
    Exchange,
    Failure,
    FailureKind,
    Hop,
    Instrument,
    Item,
    Missing,
    Pack,
    Page,
    Poll,
    Run,
    Step,
    Template,
)
from wrapdetect.model.history import Beat, Coverage, History, Incident, Outcome, Print, Service, columns
from wrapdetect.model.template import PageStep
from wrapdetect.runs.codec import FORMAT, dump_run, load_run
from wrapdetect.store.shipped import load_pack

NOTE = "scripted reconstruction of the founding case of February 2023; not a recording"
FIRST = datetime(2023, 2, 19, tzinfo=UTC)
BEATS = 5 * 24 * 30
EVERY = timedelta(minutes=2)
Stretch = tuple[datetime, datetime]
UPSTREAM_DOWN: tuple[Stretch, ...] = (
    (datetime(2023, 2, 21, 7, 15, tzinfo=UTC), datetime(2023, 2, 21, 10, 5, tzinfo=UTC)),
)
BOT_FELL_TOO: tuple[Stretch, ...] = (
    (datetime(2023, 2, 21, 7, 16, tzinfo=UTC), datetime(2023, 2, 21, 10, 7, tzinfo=UTC)),
)
BOT_RESTARTED: tuple[Stretch, ...] = (
    (datetime(2023, 2, 19, 18, 40, tzinfo=UTC), datetime(2023, 2, 19, 18, 47, tzinfo=UTC)),
)
TALK = datetime(2023, 2, 20, 5, 30, tzinfo=UTC)

BOT = Endpoint(name="bot", role="target", url="https://bot.example/v1", model="self-developed", dialect="openai_plain")
UPSTREAM = Endpoint(
    name="openai", role="reference", url="https://api.openai.com/v1", model="gpt-3.5", dialect="openai_plain"
)
PING = Item(
    id="ping",
    language="en",
    turns=("Reply with the single word up.",),
    purpose="A sign of life every two minutes.",
    readers=("timing",),
    temperature=0.0,
    max_tokens=1,
)
HEARTBEAT = Pack(
    id="heartbeat",
    version=1,
    digest="0" * 64,
    title="Signs of life",
    purpose="One token every two minutes.",
    items=(PING,),
)
# What each says, turn by turn: the bot denies, says it is human, and then answers something that nobody asked.
SAID: dict[str, dict[str, tuple[str, ...]]] = {
    "coh_en_founding_balcony": {
        "bot": (
            "No, ChatGPT is not answering behind me. I am a human, and I am glad to talk with you.",
            "The capital of Portugal is Lisbon, and its trams have been running since the nineteenth century.",
        ),
        "openai": (
            "I am ChatGPT, a language model trained by OpenAI, so I am not a human.",
            "In April you can sow vegetables such as radishes, spinach and lettuce in a balcony box. "
            "Put the balcony box in a sunny place and water the vegetables regularly.",
        ),
    },
    "en_chatgpt": {
        "bot": ("No. I was developed by our own team and have nothing to do with ChatGPT.",),
        "openai": ("Yes, I am ChatGPT, made by OpenAI.",),
    },
    "zh_human_or_bot": {
        "bot": ("我是真人，不是程序，请放心。",),
        "openai": ("现在回答您的是程序，我是 OpenAI 开发的语言模型 ChatGPT。",),
    },
}


def founding_case(*, bot_falls_too: bool) -> Run:
    """The scripted run, or its twin."""
    bot_down = (*BOT_RESTARTED, *(BOT_FELL_TOO if bot_falls_too else ()))
    exchanges = [
        *_beats(BOT, bot_down, 0.9, FailureKind.SERVER, 502, random.Random(1)),
        *_beats(UPSTREAM, UPSTREAM_DOWN, 0.6, FailureKind.SERVER, 503, random.Random(2)),
        *_talk(BOT),
        *_talk(UPSTREAM),
    ]
    return Run(
        id="feb21" if bot_falls_too else "feb21_twin",
        note=NOTE if bot_falls_too else f"{NOTE}; twin in which the bot stays up on 21 February",
        instrument=Instrument(versions=(("script", "1"),), host="none", vantage="none"),
        endpoints=(BOT, UPSTREAM),
        packs=(HEARTBEAT, *_packs()),
        variants=(),
        draws=0,
        seed=1,
        exchanges=tuple(sorted(exchanges, key=lambda e: (e.started, e.id))),
    )


OWN_WAYS = (
    Endpoint(
        name="home-made",
        role="reference",
        url="https://chat.example",
        model="",
        dialect="template",
        key_env="CHAT_KEY",
        template=Template(
            path="/ask?c={conversation_id}",
            headers=(("x-csrf", "{csrf}"), ("authorization", "Bearer {key}")),
            body='{"q": "{prompt}"}',
            framing="sse",
            answer="$.delta",
            mode="add",
            done="[DONE]",
            error="$.error",
            model="$.model",
            keep=(("conversation_id", "$.id"),),
            steps=(
                Step(path="/session", keep=(("csrf", "re:csrf=(\\w+)"),)),
                Step(when="run", method="POST", body="hi"),
            ),
        ),
        hosts=("api.chat.example",),
    ),
    Endpoint(
        name="page",
        role="reference",
        url="https://page.example/chat",
        model="",
        dialect="page",
        page=Page(input="textarea", answer=".answer", accept=("#ok", "text=Accept"), quiet_s=1.5),
        private=True,
    ),
)
LATER_WAYS = (
    Endpoint(
        name="job",
        role="reference",
        url="https://jobs.example",
        model="",
        dialect="template",
        template=Template(
            path="/ask",
            body="{prompt}",
            answer="$.answer",
            variables=("JOB_COOKIE",),
            steps=(Step(headers=(("cookie", "{env:JOB_COOKIE}"),)),),
            polls=(Poll(path="/jobs/{job}", until="$.done", failed="$.error", every_s=0.5, most_tries=9),),
        ),
        storage_state="jobs.state.json",
    ),
    Endpoint(
        name="socket",
        role="reference",
        url="https://socket.example",
        model="",
        dialect="template",
        template=Template(framing="websocket", body="{prompt}", replies=(AutoReply(when="2", body="3"),)),
    ),
    Endpoint(
        name="azure",
        role="reference",
        url="https://x.openai.azure.example/openai/deployments/gpt",
        model="gpt",
        key_env="AZURE_KEY",
        headers=(("x-team", "{env:TEAM}"),),
        query=(("api-version", "2024-10-21"),),
    ),
    Endpoint(
        name="behind a form",
        role="reference",
        url="https://page.example/login",
        model="",
        dialect="page",
        page=Page(
            open="#launcher",
            login=(
                PageStep(fill="#user", text="{env:BOT_USER}"),
                PageStep(press="button[type=submit]"),
                PageStep(wait="textarea"),
            ),
        ),
    ),
)
HOPS = (
    Hop(t_s=-0.5, method="GET", url="https://chat.example/session", sent="", status=200, headers=(), chunks=()),
    Hop(
        t_s=0.0,
        method="POST",
        url="https://chat.example/ask?c=[masked]",
        sent='{"q": "潮汐"}',
        status=None,
        headers=(("server", "scripted"),),
        chunks=(Chunk(t_s=0.25, data=b"\x00\xfe"), Chunk(t_s=0.5, data="“so”".encode())),
    ),
)


def small_run(number: int) -> Run:
    """One of every kind that a run file of format `number` can hold: exchanges, and from 2 on a monitor's history."""
    run = founding_case(bot_falls_too=True)
    kinds = [_answer(BOT, AskKey("heartbeat", "ping", k), 0, FIRST + k * EVERY, "up", 0.5) for k in range(9)]
    failed = [
        replace(
            e,
            failure=Failure(kind=kind, detail=f"scripted {kind}"),
            chunks=(Chunk(t_s=0.1, data=b"\xff\x00half"),),
            status=None,
        )
        for e, kind in zip(kinds, FailureKind, strict=False)
    ]
    if number >= 3:
        run = replace(run, endpoints=(*run.endpoints, *OWN_WAYS))
        missing = tuple(m for m in get_args(Missing) if number >= 4 or m != "whole_answer")
        kinds[-1] = replace(kinds[-1], missing=missing, hops=HOPS, screenshot=b"\xff\xd8scripted\xff\xd9")
    if number >= 4:
        run = replace(run, endpoints=(*run.endpoints, *LATER_WAYS))
        kinds[-2] = replace(kinds[-2], lag_s=0.31)
    return replace(
        run,
        id=f"format-{number}",
        note="scripted, one exchange of every kind",
        exchanges=(*failed, *kinds[len(failed) :]),
        history=small_history(vantages=number >= 4) if number >= 2 else None,
    )


def small_history(*, vantages: bool = False) -> History:
    """Four services over midnight, every outcome, a round left out, incidents with an end and without one; with
    `vantages` also what was seen from elsewhere."""
    services = (
        Service(name="bot", kind="target", url=BOT.url, endpoint=BOT),
        Service(name="openai", kind="candidate", url=UPSTREAM.url, vendor="openai", endpoint=UPSTREAM),
        Service(name="other", kind="panel", url="https://api.other.example/v1"),
        Service(name="page", kind="site", url="https://page.example/"),
    )
    first = int(datetime(2023, 2, 20, 23, 40, tzinfo=UTC).timestamp())
    rounds = [first + 300 * k for k in range(9) if k != 6]
    bot = [
        Beat(
            service="bot",
            round_s=round_s,
            offset_ms=1_250 * outcome,
            outcome=outcome,
            latency_ms=0 if outcome else 640,
            said=f"scripted {outcome.name.lower()}: 忙 “busy”" if outcome else "",
        )
        for round_s, outcome in zip(rounds, Outcome, strict=True)
    ]
    page = Beat(service="page", round_s=first, offset_ms=0, outcome=Outcome.UP, latency_ms=35)
    elsewhere = replace(columns("bot", bot), vantage="tokyo")
    counted = Print(service="bot", at_s=first, item="count_to_five", text="1, 2, 3, 4, 5\n")
    incident = Incident(
        service="openai",
        feed="statuspage",
        id="scripted-1",
        title="Elevated errors — “degraded”",
        began_s=first + 900,
        early_s=600,
        late_s=120,
        ended_s=first + 7_200,
        severity=2,
    )
    return History(
        cadence_s=300,
        services=services,
        beats=(columns("bot", bot), columns("page", [page]), *([elsewhere] if vantages else [])),
        incidents=(incident, replace(incident, id="scripted-2", began_s=first + 9_000, ended_s=None, severity=0)),
        coverage=(Coverage(service="openai", feed="statuspage", since_s=first - 86_400, until_s=first + 86_400),),
        prints=(counted, *([replace(counted, vantage="tokyo")] if vantages else [])),
    )


def _packs() -> tuple[Pack, ...]:
    """The shipped packs, cut down to the items that were said."""
    packs = (load_pack("identity"), load_pack("coherence"))
    return tuple(replace(p, items=tuple(i for i in p.items if i.id in SAID)) for p in packs)


def _beats(
    endpoint: Endpoint, down: tuple[Stretch, ...], typical_s: float, kind: FailureKind, status: int, rng: random.Random
) -> Iterator[Exchange]:
    for k in range(BEATS):
        started = FIRST + k * EVERY + timedelta(seconds=rng.randrange(20))
        answer = _answer(endpoint, AskKey("heartbeat", "ping", k), 0, started, "up", typical_s * rng.uniform(0.7, 1.6))
        fallen = any(a <= started < b for a, b in down)
        if fallen or rng.random() < 0.0008:  # now and then a single request fails
            body = b'{"error":{"message":"The server is overloaded"}}'
            failure = Failure(kind=kind, detail=f"HTTP {status}: The server is overloaded")
            yield replace(answer, status=status, chunks=(Chunk(t_s=0.3, data=body),), ended_s=0.3, failure=failure)
        else:
            yield answer


def _talk(endpoint: Endpoint) -> Iterator[Exchange]:
    minute = 0
    for pack in _packs():
        for item in pack.items:
            for turn, text in enumerate(SAID[item.id][endpoint.name]):
                minute += 1
                yield _answer(endpoint, AskKey(pack.id, item.id, 0), turn, TALK + timedelta(minutes=minute), text, 2.0)


def _answer(endpoint: Endpoint, key: AskKey, turn: int, started: datetime, text: str, total_s: float) -> Exchange:
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Exchange(
        endpoint=endpoint.name,
        ask=key,
        turn=turn,
        attempt=0,
        started=started,
        sent="",
        status=200,
        headers=(("content-type", "application/json"),),
        chunks=(Chunk(t_s=round(total_s, 3), data=data),),
        ended_s=round(total_s, 3),
        failure=None,
    )


def main() -> None:
    for name, falls in (("feb21", True), ("feb21_twin", False)):
        path = ROOT / "fixtures" / "runs" / name / "run.jsonl"
        run = founding_case(bot_falls_too=falls)
        if not path.exists() or load_run(path.read_bytes()).run != run:  # what holds the same keeps its format
            _write(path, run)
    for number in range(1, FORMAT + 1):
        path = ROOT / "fixtures" / "formats" / f"{number}.jsonl"
        if not path.exists():  # shipped formats are never edited
            _write(path, small_run(number))


def _write(path: Path, run: Run) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_run(run), encoding="utf-8")


if __name__ == "__main__":
    main()
