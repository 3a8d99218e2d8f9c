"""Keys and other secrets: read from the environment, bound to their endpoint, masked wherever they come back."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import TypeVar

from wrapdetect.dialects.base import Reply
from wrapdetect.dialects.body.unpacked import BodyError, Headers, cut_alike, encoding_of, inflate
from wrapdetect.dialects.template.filling import variables_of
from wrapdetect.errors import SpecError
from wrapdetect.model import Chunk, Endpoint, Exchange, Failure, FailureKind, Hop, Missing
from wrapdetect.model.text import one_line, whole
from wrapdetect.secrets.mask import Masker, masker
from wrapdetect.secrets.named import clean_url
from wrapdetect.secrets.names import SHORTEST_LEARNT, SHORTEST_MASKED, TOKEN_HEADERS, like_a_secret, secret_name
from wrapdetect.secrets.variables import login_variables
from wrapdetect.ways.output import forbid
from wrapdetect.ways.page.login_state import read_login

RAW_CHUNKS: Missing = "raw_chunks"

LIKE_A_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
LEARNT_LIMIT = 256
"""Most values of one conversation that are taken for secrets of the other side's; whoever hands out more floods us."""
FLOODED = f"more than {LEARNT_LIMIT} cookies or tokens were handed out; nobody could mask them all, so no byte is kept"
PLAIN_ANSWER = frozenset({"date", "server", "content-type", "content-length"})
"""Headers that are kept where nothing else is."""
_FIELD = re.compile(rb'"([\w-]{1,60})"\s*:\s*"((?:[^"\\]++|\\.)*+)"', re.S)
EDGE = 200
"""Characters of an answer's beginning and end that may go on in another field."""
_BESIDE = 12
SPELT_OUT = "the answer spells a secret out; its bytes are not kept"


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Keys by endpoint name, and the values of `{env:NAME}` by NAME. Its repr shows names only."""

    keys: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(sorted({*self.keys, *self.variables})) or 'empty'})"

    @property
    def holds_any(self) -> bool:
        return bool(self.keys or self.variables)

    def key_of(self, endpoint: Endpoint) -> str | None:
        return self.keys.get(endpoint.name)

    def clean(self, exchange: Exchange, learnt: Iterable[str] = ()) -> Exchange:
        """Mask every secret in what came back, byte for byte, so that lengths and times stay as they were.

        `learnt` are values that the other side handed out meanwhile: cookies, tokens of a handshake. Of these, what is
        shorter than SHORTEST_LEARNT, or a word, stays: masking it would garble answers. Beyond LEARNT_LIMIT of them the
        exchange is a failure without its bytes.
        """
        handed = frozenset(s for s in learnt if like_a_secret(s))
        if len(handed) > LEARNT_LIMIT:
            return self.clean(_without_bytes(exchange, FLOODED))
        secrets = masker(self._all(), handed)
        plain = _unpacked(exchange, secrets)
        failure = plain.failure
        return replace(
            exchange,
            sent=secrets.text(whole(exchange.sent)),
            headers=_mask_headers(plain.headers, secrets),
            chunks=_mask_chunks(plain.chunks, secrets),
            failure=failure and Failure(kind=failure.kind, detail=one_line(secrets.text(failure.detail))),
            missing=exchange.missing if plain is exchange else tuple(dict.fromkeys((*exchange.missing, RAW_CHUNKS))),
            hops=tuple(_mask_hop(h, secrets) for h in exchange.hops),
        )

    def withheld(self, exchange: Exchange, said: str | Reply) -> Exchange:
        """The same; or, where the answer as read (`said`) spells a secret out, piece by piece or field by field, a
        failure without its bytes: what stands in several envelopes cannot be masked where it stands."""
        secrets = masker(self._all())
        if not secrets or not any(map(secrets.finds, _joined(said, exchange))):
            return exchange
        return _without_bytes(exchange, SPELT_OUT)

    def text(self, text: str) -> str:
        """A text without any of these secrets: for whatever is printed."""
        return masker(self._all()).text(text)

    def _all(self) -> frozenset[str]:
        return frozenset(self._each())

    def _each(self) -> Iterable[str]:
        yield from (k for k in self.keys.values() if len(k) >= SHORTEST_MASKED)
        for value in self.variables.values():
            if len(value) >= SHORTEST_MASKED:
                yield value
            yield from (p for p in _parts(value) if like_a_secret(p))


NO_KEYS = Keyring({})


def read_keys(endpoints: Iterable[Endpoint], handed: Keyring = NO_KEYS) -> Keyring:
    """Keys and `{env:NAME}` values from the variables that the endpoints name, and what their login files hold. What
    was `handed` over as a value, for one of these endpoints, goes before the environment's.

    Raises SpecError for a variable that is not set, or is empty, or holds a line break.
    """
    keys: dict[str, str] = {}
    variables: dict[str, str] = {}
    for endpoint in endpoints:
        for name in (*variables_of(endpoint), *login_variables(endpoint.page.login if endpoint.page else ())):
            variables[name] = _variable(endpoint, name, handed.variables)
        kept = [value for value in read_login(endpoint).values() if like_a_secret(value)]
        variables |= {f"{endpoint.storage_state} {k}": value for k, value in enumerate(kept)}  # no placeholder's name
        if (key := handed.key_of(endpoint)) is not None:
            keys[endpoint.name] = _fit(key, endpoint, "the key that was handed over")
        elif endpoint.key_env is not None:
            keys[endpoint.name] = _key(endpoint, endpoint.key_env)
    forbid((*keys.values(), *variables.values()))
    return Keyring(keys, variables)


def _key(endpoint: Endpoint, variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        shown = variable if LIKE_A_NAME.fullmatch(variable) else "(not shown, in case it is a key)"
        raise SpecError(
            f"endpoint {endpoint.name}: the environment variable {shown} is not set; "
            f"set it to the key, or leave the key out if the endpoint needs none"
        )
    return _fit(value, endpoint, f"the value of {variable}")


def _fit(key: str, endpoint: Endpoint, what: str) -> str:
    if not key.isprintable() or not key.isascii() or key != key.strip():
        raise SpecError(
            f"endpoint {endpoint.name}: {what} has a space, line break or other "
            f"character that no key has (value not shown); set it again"
        )
    return key


def _variable(endpoint: Endpoint, name: str, handed: Mapping[str, str]) -> str:
    value = handed.get(name) or os.environ.get(name, "")
    if not value:
        raise SpecError(
            f"endpoint {endpoint.name}: the environment variable {name} is not set; "
            f"its template says {{env:{name}}}: set it to the value that is meant"
        )
    if not value.isprintable() or value != value.strip():
        raise SpecError(
            f"endpoint {endpoint.name}: the value of {name} begins or ends with a space, or has a line break or "
            f"another character that cannot be printed (value not shown); set it again"
        )
    return value


def _parts(value: str) -> Iterable[str]:
    """What may come back alone: the token after "Bearer", the value of each cookie.

    >>> list(_parts("Bearer abc"))
    ['Bearer', 'abc']
    >>> list(_parts("a=1; sid=x"))
    ['a=1', '1', 'sid=x', 'x']
    """
    for part in re.split(r"[\s;,]+", value):
        yield part
        if (rest := part.partition("=")[2].strip('"')).strip("="):
            yield rest


def _mask_header(name: str, value: str) -> str:
    match name.lower():
        case "set-cookie" | "set-cookie2" if "=" in value:  # what follows the first ; are attributes
            return re.sub(r"=[^;]*", "=[masked]", value, count=1)
        case low if low in TOKEN_HEADERS or secret_name(low, "answer"):
            return "[masked]"
        case "location" | "content-location":
            return clean_url(value, SHORTEST_LEARNT)  # a redirect may hand out what it likes
        case _:
            return value


_Packed = TypeVar("_Packed", Exchange, Hop)
PACKED = (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda")
"""How what is packed by gzip or zlib begins, whatever its label."""


def _unpacked(said: _Packed, secrets: Masker) -> _Packed:
    """The same; or, where a compressed body holds a secret, with the body unpacked and without that header. What is
    packed and cannot be looked into as it is labelled keeps its lengths and times only: nothing is read in it."""
    encoding = encoding_of(said.headers)
    bare = encoding in ("", "identity")
    if not secrets or (bare and not _is_packed(said.chunks)):
        return said
    try:
        chunks = inflate(said.chunks, "gzip" if bare else encoding)
    except BodyError as error:
        if bare or _is_text(said.chunks):
            return said
        starred = replace(said, chunks=_starred(said.chunks))
        if isinstance(starred, Exchange) and starred.failure is None:
            return replace(starred, failure=error.failure)
        return starred
    held = _is_packed(chunks) or _mask_chunks(chunks, secrets) != chunks
    if not held:
        return said
    if bare or _is_packed(chunks):
        return replace(said, chunks=_starred(said.chunks))
    return replace(
        said, chunks=chunks, headers=tuple((k, v) for k, v in said.headers if k.lower() != "content-encoding")
    )


def _is_packed(chunks: Iterable[Chunk]) -> bool:
    """Whether a body begins as gzip and zlib do."""
    first = next((c.data for c in chunks if c.data), b"")
    return first[:1] in (b"\x1f", b"x") and b"".join(c.data for c in chunks)[:2] in PACKED


def _is_text(chunks: Iterable[Chunk]) -> bool:
    try:
        b"".join(c.data for c in chunks).decode()
    except UnicodeDecodeError:
        return False
    return True


def _mask_headers(headers: Headers, secrets: Masker) -> tuple[tuple[str, str], ...]:
    """All at once: many short ones would cost more than one long one, and a key may lie across two."""
    parts = [whole(part) for header in headers for part in header]
    masked = secrets.text("\n".join(parts)).split("\n")
    if len(masked) != len(parts):  # a line break within one
        masked = [secrets.text(part) for part in parts]
    return tuple((name, _mask_header(name, value)) for name, value in zip(masked[::2], masked[1::2], strict=True))


def _without_bytes(exchange: Exchange, detail: str) -> Exchange:
    """A failure of that exchange of which lengths and times are left."""
    kind = exchange.failure.kind if exchange.failure else FailureKind.GARBLED
    return replace(
        exchange,
        headers=tuple((k, v) for k, v in exchange.headers if k.lower() in PLAIN_ANSWER),
        chunks=_starred(exchange.chunks),
        hops=tuple(replace(h, headers=(), chunks=_starred(h.chunks)) for h in exchange.hops),
        screenshot=b"",
        failure=Failure(kind=kind, detail=detail),
    )


def _starred(chunks: Iterable[Chunk]) -> tuple[Chunk, ...]:
    return tuple(Chunk(t_s=c.t_s, data=b"*" * len(c.data)) for c in chunks)


def _joined(said: str | Reply, exchange: Exchange) -> Iterable[str]:
    """What may spell a secret out: the answer, what stands beside it in any order, and each field of all envelopes."""
    if isinstance(said, str):
        yield said
    else:
        yield said.text
        beside = [said.model or "", said.finish or "", *(v for _, v in said.fields)]
        beside += [said.failure.detail] if said.failure else []
        yield "".join((said.text[-EDGE:], *beside, said.text[:EDGE]))
        edges = [edge for b in (said.text, *beside) for edge in dict.fromkeys((b[:EDGE], b[-EDGE:])) if edge]
        yield from (one + other for one, other in permutations(edges[:_BESIDE], 2))
    yield from _fields(b"".join(c.data for c in exchange.chunks))


def _fields(body: bytes) -> Iterable[str]:
    """All texts of one name in a body's JSON, put together: of a stream, the pieces of each field."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(body):
        found.setdefault(name, []).append(value)
    return [b"".join(values).decode(errors="replace") for values in found.values() if len(values) > 1]


def _mask_hop(packed: Hop, secrets: Masker) -> Hop:
    hop = _unpacked(packed, secrets)
    return replace(
        hop,
        url=clean_url(secrets.text(whole(hop.url))),
        sent=secrets.text(whole(hop.sent)),
        headers=_mask_headers(hop.headers, secrets),
        chunks=_mask_chunks(hop.chunks, secrets),
    )


def _mask_chunks(chunks: tuple[Chunk, ...], secrets: Masker) -> tuple[Chunk, ...]:
    """A key may lie across two chunks: mask the joined body, then cut it where it was cut."""
    joined = b"".join(c.data for c in chunks)
    masked = secrets.data(joined)
    return chunks if masked == joined else cut_alike(chunks, masked)
