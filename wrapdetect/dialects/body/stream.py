"""Which JSON objects a body holds, and when each came: server-sent events, JSON lines, or one object; its bytes decide.

Labels are often wrong: gateways send events as application/json, one object as text/event-stream, and end either by
[DONE]. Signs of life cost nothing, in whatever dress: comments, pings by name or type, empty data, lone words.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from wrapdetect.dialects.body.json_text import Json, as_object, json_object, refuse_error, short
from wrapdetect.dialects.body.remote_json import parse_json
from wrapdetect.dialects.body.told import is_limit, kind_of_text, says_trouble
from wrapdetect.dialects.body.unpacked import BOM, BodyError, ServerSentEvent, lines, named_events, text_of
from wrapdetect.model import Chunk, FailureKind

END = ("[DONE]", '"[DONE]"', "[done]", "data: [DONE]", "data:[DONE]")
"""Ends a stream where it stands alone: many APIs took it over from one."""
BARE_END = re.compile(r"""(?:data:\s*)?["'<]?\[?(?:done|end|eos|eof)\]?[">';]*""", re.IGNORECASE)
"""The same in other dress, where nothing but JSON is due."""
LIFE = re.compile(r"(?:ping|pong|heart_?beat|keep_?alive|comment)s?", re.IGNORECASE)
"""Names and types of events that say that the connection lives."""
_FEW = 4
"""Most fields of an object that is no more than that."""

_BLANK = b" \t\r\n"
_COMMENTS = re.compile(rb"(?::[^\r\n]*(?:[\r\n]+|\Z)|[ \t\r\n]+)*")
_FIELD = re.compile(rb"(?:data|event|id|retry)(?:[:\r\n]|\Z)")
_DATA = re.compile(rb"(?:^|[\r\n])data:")
_OF_JSON = re.compile(r'[{}"]')


class Stamped(NamedTuple):
    """An object of a stream, and when its last byte came."""

    t_s: float
    body: Json


class Stream(NamedTuple):
    """The objects of a stream, up to its [DONE] where one came; `odd` is the first that was no part of it."""

    objects: tuple[Stamped, ...]
    done: bool = False
    odd: str = ""


def stamped_objects(chunks: Sequence[Chunk], *, stream: bool) -> Stream | Stamped:
    """What a body holds, a stream of objects or one alone; `stream` is what was asked for, where bytes do not tell.

    Raises BodyError for what is neither, and for an error in it, by its own code.
    """
    data = b"".join(c.data for c in chunks)
    start = data[_begin(data) :]
    if not start and not data.strip(_BLANK):
        raise BodyError(FailureKind.GARBLED, "an empty body")
    if start[:1] in (b"{", b"["):
        only = _only(text_of(start))
        return _lines(chunks) if only is None else Stamped(chunks[-1].t_s, only)
    if _FIELD.match(start) or _DATA.search(start):
        return _events(chunks)
    if not start and stream:
        raise BodyError(FailureKind.GARBLED, "no server-sent event in the body")
    said = text_of(data)
    if is_limit(said):
        raise BodyError(FailureKind.LIMITED, f"no answer, but: {short(said)}")
    if stream:
        raise BodyError(FailureKind.GARBLED, f"no server-sent event in the body: {short(said)}")
    return Stamped(chunks[-1].t_s, json_object(said))


def is_life(event: str) -> bool:
    """Whether an event of that name, or type, is a mere sign of life.

    >>> is_life("ping"), is_life("keep-alive"), is_life("message")
    (True, True, False)
    """
    return LIFE.fullmatch(event.strip().replace("-", "_")) is not None


def is_notice(data: str) -> bool:
    """Whether an event's data is no part of an answer in JSON: nothing, a comment, or words that tell no trouble.

    >>> [is_notice(d) for d in (": PROCESSING", "ping", "", '{"a', "Rate limit exceeded", "<html>")]
    [True, True, True, False, False, True]
    """
    data = data.strip()
    return data.startswith(":") or not (_OF_JSON.search(data) or says_trouble(data))


def split_lines(event: ServerSentEvent) -> Iterable[tuple[float, str, bool]]:
    """An event's data with its time, and whether it may be torn: whole; or line by line, where each line is JSON by
    itself: some servers leave the blank lines between their events out."""
    data, torn = event.data or "", event.end == "torn"
    if len(event.lines) > 1 and _value(data) is _NONE:
        each = [line.text.strip() for line in event.lines]
        whole = each[:-1] if torn else each
        if all(not t or t in END or t[:1] == ":" or isinstance(_value(t), dict) for t in whole):
            last = len(each) - 1
            return [(line.t_s, line.text, torn and n == last) for n, line in enumerate(event.lines)]
    return ((event.t_s, data, torn),)


def _begin(data: bytes) -> int:
    """Where a body begins: after a byte order mark, blanks and comments."""
    at = len(BOM) if data.startswith(BOM) else 0
    match = _COMMENTS.match(data, at)
    return match.end() if match else at


def _only(text: str) -> Json | None:
    """The object that a text is, whatever sign of an end stands behind it; None where more follows."""
    if text.startswith("["):
        return json_object(text)
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise BodyError(FailureKind.GARBLED, f"not JSON: {short(text)}") from error
    after = text[end:]
    if all(not t or t in END or t.startswith((":", "event:")) for t in map(str.strip, after.splitlines())):
        return cast("Json", value)
    if after.lstrip(" \t\r")[:1] == "\n":
        return None
    raise BodyError(FailureKind.GARBLED, f"not JSON: {short(text)}; behind its object stands {short(after, 40)}")


def _lines(chunks: Sequence[Chunk]) -> Stream:
    """JSON lines. A last one that is torn ends them."""
    found = list(lines(chunks))
    whole = chunks[-1].data.endswith(b"\n")
    objects: list[Stamped] = []
    for number, (t_s, line) in enumerate(found, start=1):
        if BARE_END.fullmatch(line):
            return Stream(tuple(objects), done=True)
        if number == len(found) and not whole and _value(line) is _NONE:
            break
        if not line.startswith(":"):
            objects += _alive(Stamped(t_s, json_object(line.removeprefix("data:"))))
    return Stream(tuple(objects))


def _events(chunks: Sequence[Chunk]) -> Stream:
    """Server-sent events. Raises BodyError for one that is an error, by its name or in its data."""
    objects, odd, failed = list[Stamped](), "", False
    for event in named_events(chunks):
        if event.name and is_life(event.name):
            continue
        failed = failed or event.name.lower() == "error"
        alone = len(event.lines) < 2  # as most are
        for t_s, data, torn in [(event.t_s, event.data or "", event.end == "torn")] if alone else split_lines(event):
            data = data.removeprefix("data:")  # some gateways dress an event twice
            value = _value(data)
            if value is _NONE or isinstance(value, str):
                data = value if isinstance(value, str) else data
                if BARE_END.fullmatch(data.strip()) and not failed:
                    return _found(objects, odd, done=True)
                if torn:
                    break
                odd = odd or _notice(data, failed=failed)
            elif failed:
                raise _failure(data)
            elif value is None:
                odd = odd or "NoneType where a JSON object is due: null"
            else:
                objects += _alive(Stamped(t_s, as_object(value, data)))
    if failed:
        raise BodyError(FailureKind.SERVER, "error event in the stream, without a word")
    return _found(objects, odd, done=False)


def _notice(data: str, *, failed: bool) -> str:
    """Words that are no part of the answer. Raises BodyError where they tell trouble, or are JSON that is broken."""
    if failed and data.strip():
        raise _failure(data)
    if is_notice(data):
        return data.strip().lstrip(":")
    if _OF_JSON.search(data):
        raise BodyError(FailureKind.GARBLED, f"not JSON: {short(data)}")
    raise _failure(data)


def _failure(data: str) -> BodyError:
    return BodyError(kind_of_text(data), f"error event in the stream: {short(data)}")


def _found(objects: Sequence[Stamped], odd: str, *, done: bool) -> Stream:
    if not objects and not done:
        raise BodyError(FailureKind.GARBLED, f"not JSON: {short(odd)}" if odd else "no server-sent event in the body")
    return Stream(tuple(objects), done, odd)


def _alive(stamped: Stamped) -> list[Stamped]:
    """The object, but for a mere sign of life. Raises BodyError where it is an error."""
    body = stamped.body
    if len(body) <= _FEW and is_life(str(body.get("type") or body.get("event") or body.get("object") or "")[:40]):
        return []
    refuse_error(body, "stream")
    return [stamped]


_NONE = object()


def _value(text: str) -> object:
    try:
        return parse_json(text)
    except ValueError:
        return _NONE
