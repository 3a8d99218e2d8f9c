"""Entries of a HAR -> the calls that a target's template describes: the template read backwards. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote, urlsplit

from wrapdetect.dialects.template.filling import (
    FORM,
    JSON,
    MULTIPART,
    is_json,
    kind_of_body,
    names_in,
    request_of,
    unwrapped,
)
from wrapdetect.dialects.template.filters import Masked
from wrapdetect.dialects.template.multipart import field_name, parts_in
from wrapdetect.errors import SpecError
from wrapdetect.model import Chunk, Endpoint, Missing, Template
from wrapdetect.runs.collected.calls import NOT_CHOSEN, entry_refusal, not_whole, reply_to, said_of
from wrapdetect.runs.collected.content import text_of_content
from wrapdetect.runs.collected.gather import Collection
from wrapdetect.runs.collected.har import HarEntry, HarFrame
from wrapdetect.runs.collected.said import Conversation, Said

_Values = Mapping[str, object]


def collect_templated(entries: Iterable[HarEntry], endpoint: Endpoint) -> Collection:
    """Every question in the archive that the template would have sent, with its answer; none where nothing fits.

    Who wrote earlier turns is told by a template that sends {messages}; else each question is a conversation of its
    own, and `missing` tells that nobody knows whether it was. Raises SpecError where questions are there and all are
    saved without what was answered.
    """
    assert endpoint.template is not None
    if endpoint.template.polls:
        raise SpecError("a template that polls for its answers cannot be read back from an archive; ask the bot itself")
    own = replace(endpoint, role="reference", template=_as_read(endpoint.template))
    every = list(entries)
    found = [c for e in every for c in _conversations(e, endpoint, endpoint.template)]
    cut = _cut(found, every, own)
    whole = [c for c in found if c.place not in cut]
    unanswered = [e for e in every if e.place in cut or _without_body(e, endpoint, endpoint.template)]
    if unanswered and not whole:
        raise SpecError(
            f"{unanswered[0].place}: calls that the template describes: {len(unanswered)}, and the file was saved "
            'without what was answered; save it again "with content", after the answers are complete'
        )
    return Collection(speakers=(own,), conversations=tuple(whole), notes=tuple(_notes(whole, len(unanswered))))


def _notes(whole: Iterable[Conversation], unanswered: int) -> Iterator[str]:
    if unanswered:
        yield f"left out, for the archive does not hold their answer, or not all of it: {unanswered} calls"
    if untimed := sum("times" in s.missing and s.started is None for c in whole for s in c.said):
        yield f"of {untimed} answers the archive tells no time that can be read: their times are not used"


def _cut(found: Iterable[Conversation], entries: Iterable[HarEntry], endpoint: Endpoint) -> set[str]:
    """Places of answers without their end, of which the file does not tell that the connection broke."""
    by_place = {e.place: e for e in entries if not e.frames}
    return {
        c.place
        for c in found
        for said in c.said
        if c.place in by_place and not_whole(by_place[c.place], reply_to(said, endpoint))
    }


def _as_read(template: Template) -> Template:
    """Only what reading an answer takes: nobody asks again, and what was sent may name secrets."""
    return replace(
        template,
        path="",
        headers=(),
        body="{messages}" if template.holds_history else "{prompt}",
        keep=(),
        steps=(),
        replies=tuple(replace(r, body="") for r in template.replies if r.when),
    )


def read_back(template: Template, *, target: str, body: str) -> _Values | None:
    """The values with which a template would have made this request: `target` is its path with the query, `body` what
    was sent. None where it would have made no such request, or where no question is in it.

    >>> read_back(Template(body='{"q": "{prompt}"}'), target="", body='{"q": "Why?", "n": 1}')
    {'prompt': 'Why?'}
    """
    marks: dict[str, str] = {name: Masked(f"qzW{n}Wzq") for n, name in enumerate(sorted(names_in(template)))}
    names = {mark: name for name, mark in marks.items()}
    outgoing = request_of(template, marks)
    values: dict[str, object] = {}
    if not _read_target(outgoing.path, target, names, values):
        return None
    if outgoing.body and not _read_body(outgoing.body, body, kind_of_body(template), names, values):
        return None
    return values if _question(values) else None


def _conversations(entry: HarEntry, endpoint: Endpoint, template: Template) -> Iterator[Conversation]:
    target = _target_of(entry, endpoint)
    if target is None:
        return
    if template.framing == "websocket":
        yield from _of_frames(entry, endpoint, template)
    elif entry.method == template.method.upper() and entry.status and (entry.body is not None or entry.status >= 300):
        values = read_back(template, target=target, body=entry.sent)
        if values is not None:
            said = said_of(entry, stream=template.framing != "body")
            yield _conversation(entry, endpoint, template, values, said)


def _target_of(entry: HarEntry, endpoint: Endpoint) -> str | None:
    """Path and query beyond the endpoint's address; None where the request went elsewhere."""
    theirs, ours = entry.address, urlsplit(endpoint.url)
    if theirs.netloc != ours.netloc or not unquote(theirs.path).startswith(unquote(ours.path)):
        return None
    return theirs.path[len(ours.path) :] + (f"?{theirs.query}" if theirs.query else "")


def _without_body(entry: HarEntry, endpoint: Endpoint, template: Template) -> bool:
    """Whether the template would have asked this, and the archive was saved without what came back."""
    target = _target_of(entry, endpoint)
    return (
        target is not None
        and template.framing != "websocket"
        and entry.method == template.method.upper()
        and entry.body is None
        and read_back(template, target=target, body=entry.sent) is not None
    )


def _conversation(entry: HarEntry, endpoint: Endpoint, template: Template, values: _Values, said: Said) -> Conversation:
    turns = _question(values)
    missing: tuple[Missing, ...] = (*said.missing, "token_counts")
    answer = replace(said, turn=len(turns) - 1, missing=missing if template.holds_history else (*missing, "fresh_chat"))
    return Conversation(speaker=endpoint.name, turns=turns, said=(answer,), place=entry.place)


def _of_frames(entry: HarEntry, endpoint: Endpoint, template: Template) -> Iterator[Conversation]:
    """Each frame that puts a question, and what came until the next one, by the browser's own clock."""
    asking: list[tuple[int, _Values]] = []
    for n, frame in enumerate(entry.frames):
        if frame.sent:
            values = read_back(template, target=template.path, body=frame.data.decode(errors="replace"))
            asking += [] if values is None else [(n, values)]
    ends = [n for n, _ in asking[1:]] + [len(entry.frames)]
    for (n, values), end in zip(asking, ends, strict=False):  # where nothing is asked, nothing ends
        asked = entry.frames[n]
        received = [f for f in entry.frames[n:end] if not f.sent]
        stamps = _stamps(asked, received)
        zeros = [0.0] * len(received)
        chunks = [Chunk(t_s=t_s, data=f.data) for f, t_s in zip(received, stamps or zeros, strict=True)]
        said = Said(
            turn=0,
            chunks=tuple(chunks),
            started=datetime.fromtimestamp(asked.at_s, UTC) if asked.at_s is not None else None,
            ended_s=chunks[-1].t_s if chunks else 0.0,
            sent=asked.data.decode(errors="replace"),
            status=entry.status or None,
            headers=entry.headers,
            failure=entry_refusal(entry) if entry.status >= 300 else None,
            missing=NOT_CHOSEN if stamps is not None else (*NOT_CHOSEN, "times"),
        )
        yield _conversation(entry, endpoint, template, values, said)


def _stamps(asked: HarFrame, received: Iterable[HarFrame]) -> list[float] | None:
    """Seconds from the question to each frame; None where one has no time, or one before those that came earlier."""
    moments = [asked.at_s, *(f.at_s for f in received)]
    told = [m for m in moments if m is not None]
    if len(told) < len(moments) or told != sorted(told):
        return None
    return [round(m - told[0], 6) for m in told[1:]]


def _question(values: _Values) -> tuple[str, ...]:
    """The user's turns up to the one that is due; () where there is none."""
    messages, prompt = values.get("messages"), values.get("prompt")
    if isinstance(messages, list):
        turns = [text_of_content(m.get("content")) for m in messages if isinstance(m, dict) and m.get("role") == "user"]
        return tuple(t or "" for t in turns) if all(t and t.strip() for t in turns) else ()
    return (prompt,) if isinstance(prompt, str) and prompt.strip() else ()


def _read_target(pattern: str, actual: str, names: Mapping[str, str], values: dict[str, object]) -> bool:
    """The query counts only where the template has one of its own."""
    (path, _, query), (theirs, _, said) = pattern.partition("?"), actual.partition("?")
    if not _read_text(unquote(path), unquote(theirs), names, values):
        return False
    held = dict(parse_qsl(said))
    return all(_read_text(text, held.get(key), names, values) for key, text in parse_qsl(query))


def _read_body(pattern: str, actual: str, kind: str, names: Mapping[str, str], values: dict[str, object]) -> bool:
    if kind == JSON:
        in_form = [text for _, text in parse_qsl(actual) if text.lstrip()[:1] in ("{", "[")]
        return any(_read_as_json(pattern, text, names, values) for text in (actual, *in_form))
    if kind == MULTIPART:
        parts = {field_name(head): content for head, content in parts_in(actual) or []}
        due = parts_in(pattern) or []
        return all(_read_part(content, parts.get(field_name(head)), names, values) for head, content in due)
    if kind == FORM:
        held = dict(parse_qsl(actual, keep_blank_values=True))
        return all(_read_text(text, held.get(key), names, values) for key, text in parse_qsl(pattern))
    return _read_text(pattern, actual, names, values)


def _read_part(pattern: str, actual: str | None, names: Mapping[str, str], values: dict[str, object]) -> bool:
    """A part of a form may be JSON itself."""
    if actual is not None and pattern.lstrip()[:1] in ("{", "[") and is_json(pattern):
        return _read_body(pattern, actual, JSON, names, values)
    return _read_text(pattern, actual, names, values)


def _read_as_json(pattern: str, actual: str, names: Mapping[str, str], values: dict[str, object]) -> bool:
    try:
        return _read_json(json.loads(unwrapped(pattern)), json.loads(unwrapped(actual)), names, values)
    except (ValueError, RecursionError):
        return False


def _read_json(pattern: object, actual: object, names: Mapping[str, str], values: dict[str, object]) -> bool:
    """Only where a placeholder stands must the two agree in shape: the rest may differ."""
    match pattern:
        case str() if pattern in names:
            values[names[pattern]] = actual
            return True
        case str() if any(mark in pattern for mark in names):
            return isinstance(actual, str) and _read_text(pattern, actual, names, values)
        case dict():
            return all(
                isinstance(actual, dict) and key in actual and _read_json(part, actual[key], names, values)
                for key, part in pattern.items()
                if _marked(part, names)
            )
        case list():
            return all(
                isinstance(actual, list) and n < len(actual) and _read_json(part, actual[n], names, values)
                for n, part in enumerate(pattern)
                if _marked(part, names)
            )
        case _:
            return True


def _marked(part: object, names: Mapping[str, str]) -> bool:
    text = json.dumps(part)
    return any(mark in text for mark in names)


def _read_text(pattern: str, actual: str | None, names: Mapping[str, str], values: dict[str, object]) -> bool:
    if actual is None:
        return not any(mark in pattern for mark in names)
    parts = re.split(f"({'|'.join(map(re.escape, names))})", pattern) if names else [pattern]
    marked = [p for p in parts if p in names]
    found = re.fullmatch("".join("(.*)" if p in names else re.escape(p) for p in parts), actual, re.S)
    if found is None:
        return not marked and pattern == actual
    values.update((names[mark], text) for mark, text in zip(marked, found.groups(), strict=True))
    return True
