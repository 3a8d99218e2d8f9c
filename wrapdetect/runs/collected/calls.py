"""Entries of a HAR -> the chat calls among them, by trying our own dialects on request and answer. Pure.

A path that is known says which API is tried first; elsewhere the shape of the request does, and the answer decides. A
call whose answer no dialect can read is no failure of the bot: it is named, and left out.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, cast
from urllib.parse import parse_qsl

from wrapdetect.dialects import DIALECTS, Reply, decode, wire_format
from wrapdetect.dialects.base import EMPTY
from wrapdetect.dialects.body.unpacked import refused_by
from wrapdetect.model import AskKey, Chunk, Dialect, Endpoint, Failure, FailureKind, Missing
from wrapdetect.runs.collected.content import text_of_content
from wrapdetect.runs.collected.envelopes import ROLES
from wrapdetect.runs.collected.gather import Collection
from wrapdetect.runs.collected.har import HarEntry, HarObject
from wrapdetect.runs.collected.said import Conversation, Said, speaker

_Messages = Sequence[tuple[str, str]]
"""Role (user or assistant) and text of each."""

STREAMS = ("text/event-stream", "application/x-ndjson", "application/stream+json")
NOT_CHOSEN: tuple[Missing, ...] = ("temperature", "token_limit")
"""The bot's own page chose them."""


class Found(NamedTuple):
    """A chat call: its entry, the dialect that reads its answer, what it was asked, and the answer as read.

    `after` is the id of the answer that the other side is to go on from, "" where the messages say it all.
    """

    entry: HarEntry
    dialect: Dialect
    model: str
    users: tuple[str, ...]
    after: str
    said: Said
    reply: Reply


class SeenCalls(NamedTuple):
    """What was found in an archive, and what was not, with how often: places (host and path) of chat calls that no
    dialect reads, of calls whose answer the archive lacks, and of everything else that was sent."""

    calls: tuple[Found, ...]
    unread: Counter[str]
    bodiless: Counter[str]
    others: Counter[str]


def find_calls(entries: Iterable[HarEntry]) -> SeenCalls:
    """Look at each entry."""
    calls: list[Found] = []
    unread, bodiless, others = Counter[str](), Counter[str](), Counter[str]()
    for entry in entries:
        place = f"{entry.host}{entry.path}"
        request = _request(entry)
        asked = [] if request is None else list(_askings(entry, request))
        if not asked:
            others[place] += 1
        elif entry.status == 0 or (entry.status < 300 and entry.body is None):
            bodiless[place] += 1
        elif (call := _call(entry, cast("HarObject", request), asked)) is None:
            unread[place] += 1
        elif not_whole(entry, call.reply):
            bodiless[place] += 1
        else:
            calls.append(call)
    return SeenCalls(tuple(calls), unread, bodiless, others)


def collect_calls(calls: Sequence[Found]) -> Collection:
    """Calls in the order in which they were sent, as conversations of those who answer."""
    ordered = _agree(in_order(calls))
    hosts = {(c.entry.host, c.dialect, c.model) for c in ordered}
    speakers: dict[str, Endpoint] = {}
    spoken: dict[str, list[Found]] = defaultdict(list)
    for call in ordered:
        name = _name(call, hosts)
        spoken[name].append(call)
        address = call.entry.url.partition("?")[0].partition("#")[0]
        speakers.setdefault(name, speaker(name, address, call.model, dialect=call.dialect))
    conversations = [c for name, own in spoken.items() for c in _conversations(name, own)]
    return Collection(speakers=tuple(speakers.values()), conversations=tuple(conversations))


def in_order(calls: Sequence[Found]) -> list[Found]:
    """As they were sent; where the time of one is not told, as they stand there."""
    told = [(c.entry.started, n) for n, c in enumerate(calls) if c.entry.started is not None]
    return [calls[n] for _, n in sorted(told)] if len(told) == len(calls) else list(calls)


def not_whole(entry: HarEntry, reply: Reply) -> bool:
    """Whether an answer lacks its end though nothing in the file tells that the connection broke: it was saved so."""
    return reply.failure is not None and reply.failure.kind is FailureKind.CUT_OFF and not entry.broken


def said_of(entry: HarEntry, *, stream: bool, turn: int = 0) -> Said:
    """The answer of an entry as an exchange holds it. When the pieces of a stream came is not in an archive."""
    took_s = entry.took_s or 0.0
    timed = entry.took_s is not None and entry.started is not None and not stream
    return Said(
        turn=turn,
        chunks=(Chunk(t_s=took_s, data=entry.body),) if entry.body else (),
        started=entry.started,
        ended_s=took_s,
        sent=entry.sent,
        status=entry.status,
        headers=entry.headers,
        failure=entry_refusal(entry) if entry.status >= 300 else None,
        missing=NOT_CHOSEN if timed else (*NOT_CHOSEN, "times"),
    )


def entry_refusal(entry: HarEntry) -> Failure:
    """What a status of 300 or more says."""
    return refused_by(entry.status, entry.reason, entry.body or b"")


def reply_to(said: Said, endpoint: Endpoint) -> Reply:
    """The answer as its dialect reads it."""
    started = said.started or datetime.fromtimestamp(0, UTC)  # no dialect reads it
    return decode(said.exchange(endpoint.name, AskKey("collected", "one", 0), started), endpoint)


def _request(entry: HarEntry) -> HarObject | None:
    if entry.method not in ("POST", "PUT"):
        return None
    fields = [text for _, text in parse_qsl(entry.sent)] if not entry.sent.lstrip().startswith("{") else []
    return next((found for text in (entry.sent, *fields) if (found := _object(text)) is not None), None)


def _object(text: str) -> HarObject | None:
    """The JSON object that a body is, or a field of a form."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _askings(entry: HarEntry, request: HarObject) -> Iterator[tuple[str, _Messages]]:
    """Family and messages, as far as path and request allow; that of the path first."""
    apis = {name: wire for name, wire in DIALECTS.items() if wire.path is not None}
    by_path = [name for name, wire in apis.items() if wire.path and wire.path.search(entry.path.rstrip("/"))]
    for family in dict.fromkeys((*by_path, *apis)):
        messages = _listed(apis[family].messages(request))
        if messages and messages[-1][0] == "user" and messages[-1][1].strip():
            yield family, messages


def _listed(messages: object) -> _Messages:
    """Those of user and assistant; none where the list holds anything else than messages."""
    found: list[tuple[str, str]] = []
    for message in messages if isinstance(messages, list) else []:
        said = message.get("role", "user") if isinstance(message, dict) else None
        role = ROLES.get(said.lower()) if isinstance(said, str) else None
        text = text_of_content(message.get("content")) if role is not None else None
        if role is None or text is None:
            return []
        if role:
            found.append((role, text))
    return found


def _call(entry: HarEntry, request: HarObject, asked: Sequence[tuple[str, _Messages]]) -> Found | None:
    """Read by the first dialect that can; a refusal by status is read by the first that is tried."""
    for family, messages in asked:
        for dialect in _variants(family, entry, request):
            said = said_of(entry, stream=dialect.endswith("_stream"))
            reply = reply_to(said, _endpoint(dialect))
            if reply.failure is None or reply.failure.kind is not FailureKind.GARBLED or reply.failure.detail == EMPTY:
                after = request.get("previous_response_id")
                model = request.get("model") or _model_in(entry.path)
                return Found(
                    entry,
                    dialect,
                    model if isinstance(model, str) else "unknown",
                    tuple(text for role, text in messages if role == "user"),
                    after if isinstance(after, str) else "",
                    said,
                    reply,
                )
    return None


def _variants(family: str, entry: HarEntry, request: HarObject) -> list[Dialect]:
    kind = entry.header("content-type").partition(";")[0].strip().lower()
    streams = kind in STREAMS or (entry.body or b"").lstrip()[:6] in (b"data: ", b"event:") or request.get("stream")
    first = bool(streams)
    return [DIALECTS[family].manner(stream=stream) for stream in (first, not first)]


def _model_in(path: str) -> str | None:
    named = re.search(r"/models/([^/:]+):", path)
    return named[1] if named else None


def _endpoint(dialect: Dialect) -> Endpoint:
    return Endpoint(name="collected", role="target", url="", model="", dialect=dialect)


def _agree(calls: Sequence[Found]) -> list[Found]:
    """With one dialect for all calls of a bot where the streaming one reads them all: it reads plain answers too."""
    by_bot: dict[tuple[str, str, str], list[Found]] = defaultdict(list)
    for call in calls:
        by_bot[call.entry.host, wire_format(call.dialect).name, call.model].append(call)
    renamed: dict[int, Found] = {}
    for (_, family, _), own in by_bot.items():
        stream = DIALECTS[family].manner(stream=True)
        if len({c.dialect for c in own}) < 2:
            continue
        again = [reply_to(c.said, _endpoint(stream)) for c in own]
        if all(a.text == c.reply.text and a.failure == c.reply.failure for a, c in zip(again, own, strict=True)):
            renamed |= {id(c): c._replace(dialect=stream, reply=a) for c, a in zip(own, again, strict=True)}
    return [renamed.get(id(c), c) for c in calls]


def _name(call: Found, all_: set[tuple[str, Dialect, str]]) -> str:
    """The host, with the model and the dialect where it takes them to tell one bot from another."""
    same_host = {(d, m) for host, d, m in all_ if host == call.entry.host}
    parts = [call.entry.host]
    if len({m for _, m in same_host}) > 1:
        parts.append(call.model)
    if len({d for d, m in same_host if m == call.model}) > 1:
        parts.append(call.dialect)
    return " ".join(parts)


def _conversations(name: str, calls: Sequence[Found]) -> list[Conversation]:
    """A call whose messages go on from those of an earlier one belongs to its conversation; of one that was begun
    before the archive, only the last turn has an answer."""
    begun: list[Conversation] = []
    by_turns: dict[tuple[str, ...], list[int]] = defaultdict(list)
    answered_by: dict[str, int] = {}
    for call in calls:
        held = answered_by.get(call.after)
        users = call.users if held is None else (*begun[held].turns, *call.users)
        at = by_turns[users[:-1]].pop() if len(users) > 1 and by_turns[users[:-1]] else None
        said = replace(call.said, turn=len(users) - 1)
        if at is None:
            begun.append(Conversation(speaker=name, turns=users, said=(said,), place=call.entry.place))
            at = len(begun) - 1
        else:
            begun[at] = replace(begun[at], turns=users, said=(*begun[at].said, said))
        by_turns[users].append(at)
        if known := dict(call.reply.fields).get("id"):
            answered_by[known] = at
    return begun
