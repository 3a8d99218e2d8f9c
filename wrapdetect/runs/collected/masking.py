"""What in a HAR may be a secret, and its masking, byte for byte, wherever it comes back. Pure.

Every value of a request's headers, cookies and query counts, and every cookie that is set, and each field of a body
whose name says so; the names of headers and the words of the protocols are none.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

from wrapdetect.dialects.body.json_text import part, parts
from wrapdetect.dialects.body.unpacked import cut_alike
from wrapdetect.model import Chunk, Endpoint, Failure
from wrapdetect.runs.collected.har import HarObject, har_text, multipart_fields, raw_requests
from wrapdetect.runs.collected.said import Conversation, Said
from wrapdetect.secrets.mask import Masker
from wrapdetect.secrets.names import SHORTEST_LEARNT as SHORTEST
from wrapdetect.secrets.names import keys_in, secret_name

PLAIN_HEADERS = re.compile(
    r":.*|accept(-.*)?|access-control-.*|alt-used|cache-control|connection|content-(type|length|encoding)|date|dnt|host"
    r"|if-modified-since|origin|pragma|priority|range|referer|sec-.*|te|transfer-encoding|upgrade(-.*)?|user-agent",
    re.I,
)
"""Request headers that hold no secret but what stands in the query of an address."""
PROTOCOL = frozenset(
    {
        "assistant", "messages", "response", "responses", "completion", "completions", "choices", "streaming",
        "generatecontent", "application/json", "text/event-stream", "xmlhttprequest", "no-cache", "keep-alive",
        "undefined", "content", "conversation", "response.completed", "message_start", "message_stop",
    }
)  # fmt: skip
"""Words in lower case without which no answer could be read."""


class Mask:
    """Secrets in all spellings in which they come back; what it masks keeps its length in bytes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = Masker(frozenset(), frozenset(s for s in secrets if len(s) >= SHORTEST))

    def data(self, data: bytes) -> bytes:
        """
        >>> Mask(["geheimnis"]).data(b"id=geheimnis;")
        b'id=*********;'
        """
        return self._secrets.data(data)

    def text(self, text: str) -> str:
        return self._secrets.text(text)

    def speaker(self, speaker: Endpoint) -> Endpoint:
        """Its address may hold a secret, and so what it is called after it."""
        return replace(
            speaker, name=self.text(speaker.name), url=self.text(speaker.url), model=self.text(speaker.model)
        )

    def conversation(self, conversation: Conversation) -> Conversation:
        """With every text of it masked."""
        return replace(
            conversation,
            speaker=self.text(conversation.speaker),
            turns=tuple(self.text(t) for t in conversation.turns),
            said=tuple(self._said(s) for s in conversation.said),
        )

    def _said(self, said: Said) -> Said:
        failure = said.failure
        return replace(
            said,
            sent=self.text(said.sent),
            headers=tuple((self.text(k), self.text(v)) for k, v in said.headers),
            chunks=self._chunks(said.chunks),
            failure=failure and Failure(kind=failure.kind, detail=self.text(failure.detail)),
        )

    def _chunks(self, chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
        """A secret may lie across two chunks: mask the joined body, then cut it where it was cut."""
        return cut_alike(chunks, self.data(b"".join(c.data for c in chunks)))


def secrets_in(archive: object, name: str) -> frozenset[str]:
    """Every value in a HAR that may be a secret and is long enough. Raises SpecError where it is no HAR."""
    found: set[str] = set()
    for request, response in raw_requests(archive, name):
        for header in parts(request, "headers"):
            found.update(_of_header(har_text(header, "name"), har_text(header, "value")))
        for side in (request, response):
            found.update(har_text(c, "value") for c in parts(side, "cookies"))
        found.update(v for q in parts(request, "queryString") for v in _of_query(har_text(q, "value")))
        found.update(_of_address(har_text(request, "url")), _of_address(har_text(response, "redirectURL")))
        found.update(_of_body(part(request, "postData")))
        found.update(_of_body(part(response, "content")))
        for header in parts(response, "headers"):
            if har_text(header, "name").lower() in ("set-cookie", "location"):
                found.update(_of_header(har_text(header, "name"), har_text(header, "value")))
    found.update(_well_known(archive))
    return frozenset(s for s in found if len(s) >= SHORTEST and s.lower() not in PROTOCOL)


def _well_known(archive: object) -> Iterator[str]:
    """Keys that are told by their looks, however deep in an archive."""
    stack = [archive]
    while stack:
        match stack.pop():
            case str() as text:
                yield from keys_in(text)
            case dict() as fields:
                stack.extend(fields.values())
            case list() as values:
                stack.extend(values)


def _of_header(name: str, value: str) -> Iterator[str]:
    match name.lower():
        case "cookie":
            yield from (c.partition("=")[2].strip() for c in value.split(";"))
        case "set-cookie":  # several may stand in one header, a line each
            yield from (line.partition(";")[0].partition("=")[2].strip() for line in value.split("\n"))
        case "referer" | "location" | ":path":
            yield from _of_address(value)
        case low if not PLAIN_HEADERS.fullmatch(low):
            yield value
            yield value.rpartition(" ")[2]  # what follows "Bearer"


def _of_address(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    for text in (parts.query, parts.fragment):
        yield from (v for _, value in parse_qsl(text) for v in _of_query(value))
    yield from filter(None, (parts.password, parts.username))


def _of_query(value: str) -> Iterator[str]:
    """A value with white space is a text, such as the question itself."""
    if not re.search(r"\s", unquote(value)):
        yield value


def _of_body(data: HarObject) -> Iterator[str]:
    """Values of fields whose names say that they are secret, however deep they stand."""
    for field in parts(data, "params"):
        if secret_name(har_text(field, "name"), "header"):
            yield har_text(field, "value")
    text = _plain(data)
    for name, held in multipart_fields(text):
        if secret_name(name, "header"):
            yield held
        yield from _of_json(held)
    if "=" in text[:200] and not text.lstrip().startswith(("{", "[")):
        yield from (v for k, v in parse_qsl(text) if secret_name(k, "header"))
    yield from _of_json(text)


def _plain(data: HarObject) -> str:
    text = har_text(data, "text")
    if har_text(data, "encoding").lower() == "base64":
        with suppress(ValueError):
            return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
    return text


def _of_json(text: str) -> Iterator[str]:
    for held in _objects_in(text):
        with suppress(ValueError, RecursionError):
            yield from _of_fields(json.loads(held))


def _objects_in(text: str) -> Iterator[str]:
    """What of a body may be JSON: all of it, and its lines, for events of a stream and JSON lines.

    >>> list(_objects_in('event: a\\ndata: {"b": 1}\\n\\n'))
    ['{"b": 1}']
    """
    if text.lstrip().startswith(("{", "[")):
        yield text
    lines = (line.strip().removeprefix("data:").lstrip() for line in text.split("\n"))
    yield from (line for line in lines if line.startswith(("{", "[")))


def _of_fields(value: object) -> Iterator[str]:
    stack = [value]
    while stack:
        match stack.pop():
            case dict() as fields:
                for name, held in fields.items():
                    if isinstance(held, str) and secret_name(name, "header"):
                        yield from _of_query(held)
                stack.extend(fields.values())
            case list() as values:
                stack.extend(values)
