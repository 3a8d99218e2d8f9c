"""Shared by all tests: small runs and packs made in memory, the shipped seeds, and no key of the machine's own."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cli.monitor_lab import MonitorCommands, World, a_world
from wrapdetect.dialects import Reply, decode
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import (
    AskKey,
    Chunk,
    Dialect,
    Endpoint,
    Exchange,
    Failure,
    FailureKind,
    Instrument,
    Item,
    Pack,
    Run,
)
from wrapdetect.store.shipped import load_seeds

ROOT = Path(__file__).resolve().parent.parent
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

settings.register_profile("any machine", deadline=None)  # 200 ms an example would speak of the machine
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _no_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith("OPENAI_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def commands() -> Iterator[MonitorCommands]:
    with MonitorCommands() as running:
        yield running


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as it:
        yield it


@pytest.fixture(scope="session")
def seeds() -> Seeds:
    return load_seeds()


def an_item(item_id: str = "tides", *, turns: tuple[str, ...] = ("Why are there tides?",), **more: object) -> Item:
    fields: dict[str, object] = {
        "id": item_id,
        "language": "en",
        "turns": turns,
        "purpose": "For a test.",
        "readers": ("text",),
        "temperature": 0.7,
        "max_tokens": 100,
    }
    return Item(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def a_pack(*items: Item, pack_id: str = "style") -> Pack:
    return Pack(id=pack_id, version=1, digest="0" * 64, title="A test", purpose="For a test.", items=items)


def an_endpoint(name: str, role: str = "reference", **more: object) -> Endpoint:
    fields: dict[str, object] = {
        "name": name,
        "role": role,
        "url": f"http://{name}.example/v1",
        "model": f"{name}-1",
        "dialect": "openai_plain",
    }
    return Endpoint(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def read_as(exchange: Exchange, dialect: Dialect) -> Reply:
    """What an exchange says to a dialect that needs no template."""
    return decode(exchange, an_endpoint("bot", dialect=dialect))


def an_exchange(endpoint: str, key: AskKey, text: str | None = "Hello.", **more: object) -> Exchange:
    """A plain answer; `text` None makes it bodiless, to be given with `failure`."""
    body = (
        b""
        if text is None
        else _json({"model": "m", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
    )
    fields: dict[str, object] = {
        "endpoint": endpoint,
        "ask": key,
        "turn": 0,
        "attempt": 0,
        "started": START,
        "sent": "{}",
        "status": 200,
        "headers": (("content-type", "application/json"),),
        "chunks": (Chunk(t_s=0.2, data=body),) if body else (),
        "ended_s": 0.2,
        "failure": None,
    }
    return Exchange(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def a_run(*packs: Pack, exchanges: tuple[Exchange, ...] = (), references: int = 2, **more: object) -> Run:
    """A run with the endpoints `target`, `ref0`, `ref1`, ..."""
    fields: dict[str, object] = {
        "id": "test-run",
        "note": "",
        "instrument": Instrument(versions=(("wrapdetect", "test"),), host="test", vantage=""),
        "endpoints": (an_endpoint("target", "target"), *(an_endpoint(f"ref{k}") for k in range(references))),
        "packs": packs or (a_pack(an_item()),),
        "variants": (),
        "draws": 1,
        "seed": 1,
        "exchanges": exchanges,
    }
    return Run(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def failed(kind: str, detail: str = "for a test") -> Failure:
    return Failure(kind=FailureKind(kind), detail=detail)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
