"""Keys and other secrets: read from the environment, bound to their endpoint, masked wherever they come back."""

import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar
from urllib.parse import unquote_plus

from wrapdetect.dialects.body import BodyError, cut_alike, encoding_of, inflate
from wrapdetect.dialects.filling import variables_of
from wrapdetect.edge.login_state import read_login
from wrapdetect.edge.page_login import login_variables
from wrapdetect.errors import SpecError
from wrapdetect.model import Chunk, Endpoint, Exchange, Failure, FailureKind, Hop, Missing
from wrapdetect.spellings import spellings

RAW_CHUNKS: Missing = "raw_chunks"

SHORTEST_MASKED = 6
"""A shorter key cannot be told from ordinary text, so it is not looked for in answers."""
SHORTEST_LEARNT = 8
"""The same of what a server hands out (cookies, tokens): not all of it is secret, and some of it is short."""
LONGEST_WORD = 15
"""Letters alone up to here are a word ("anonymous"), which may stand in an answer by right."""
LONG_VALUE = 20
"""A value in a URL's query that is as long as this, with digits and letters and no space, is taken for a token."""

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LIKE_A_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
TOKEN_HEADERS = frozenset(
    {"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key"}
)
SECRET_WORDS = frozenset(
    {"token", "jwt", "csrf", "xsrf", "secret", "session", "sessionid", "sid", "password", "passwd", "pwd", "apikey"}
)
"""A header whose name has one of these words is masked."""
QUERY_WORDS = SECRET_WORDS | {"auth", "authorization", "key", "sig", "signature", "code", "credentials", "ticket"}
"""The same of a value in a URL's query."""
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


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
        shorter than SHORTEST_LEARNT, or a word, stays: masking it would garble answers.
        """
        secrets = _spelt(frozenset(self._all()).union(s for s in learnt if like_a_secret(s)))
        failure, plain = exchange.failure, _unpacked(exchange, secrets)
        return replace(
            exchange,
            sent=_mask_text(exchange.sent, secrets),
            headers=tuple((k, _mask_header(k, v, secrets)) for k, v in plain.headers),
            chunks=_mask_chunks(plain.chunks, secrets),
            failure=failure and Failure(kind=failure.kind, detail=_mask_text(failure.detail, secrets)),
            missing=exchange.missing if plain is exchange else tuple(dict.fromkeys((*exchange.missing, RAW_CHUNKS))),
            hops=tuple(_mask_hop(h, secrets) for h in exchange.hops),
        )

    def withheld(self, exchange: Exchange, text: str) -> Exchange:
        """The same; or, where the answer as read (`text`) spells a secret out, piece by piece, a failure without its
        bytes: what stands in several envelopes cannot be masked where it stands."""
        if not any(s.decode() in text for s in _spelt(frozenset(self._all()))):
            return exchange
        return replace(
            exchange,
            chunks=tuple(Chunk(t_s=c.t_s, data=b"*" * len(c.data)) for c in exchange.chunks),
            failure=Failure(kind=FailureKind.GARBLED, detail="the answer spells a secret out; its bytes are not kept"),
        )

    def _all(self) -> Iterable[str]:
        yield from (k for k in self.keys.values() if len(k) >= SHORTEST_MASKED)
        for value in self.variables.values():
            if len(value) >= SHORTEST_MASKED:
                yield value
            yield from (p for p in _parts(value) if like_a_secret(p))


def like_a_secret(value: str) -> bool:
    """Whether a value that a server handed out is masked wherever it appears.

    >>> [like_a_secret(v) for v in ("a1b2c3", "anonymous", "3f9a77c01b", "a long title")]
    [False, False, True, False]
    """
    word = len(value) <= LONGEST_WORD and value.isalpha()
    return len(value) >= SHORTEST_LEARNT and not word and not any(c.isspace() for c in value)


def clean_url(url: str, shortest: int = LONG_VALUE) -> str:
    """The address with the names in its query, and without values that are like secrets: by their names, or mixed of
    digits and letters and no shorter than `shortest`.

    >>> clean_url("https://bot.example/a?lang=en&token=s3cr3t#x")
    'https://bot.example/a?lang=en&token=******#x'
    """
    head, mark, query = url.partition("?")
    query, hash_sign, fragment = query.partition("#")
    pairs = [pair.partition("=") for pair in query.split("&")]
    shown = "&".join(
        f"{n}{e}{'*' * len(v) if _is_secret(unquote_plus(n), unquote_plus(v), shortest) else v}" for n, e, v in pairs
    )
    return f"{head}{mark}{shown}{hash_sign}{fragment if '=' not in fragment else '*' * len(fragment)}"


def _is_secret(name: str, value: str, shortest: int) -> bool:
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    long = len(value) >= shortest and mixed and not any(c.isspace() for c in value)
    return long or secret_name(name, QUERY_WORDS)


def secret_name(name: str, words: Container[str] = SECRET_WORDS) -> bool:
    """Whether a header or a field is called as secrets are.

    >>> [secret_name(n) for n in ("X-CSRF-Token", "accessToken", "x-ratelimit-remaining-tokens", "lang")]
    [True, True, False, False]
    """
    return any(w.lower() in words for w in WORDS.findall(name))


def read_keys(endpoints: Iterable[Endpoint]) -> Keyring:
    """Keys and `{env:NAME}` values from the variables that the endpoints name, and what their login files hold.

    Raises SpecError for a variable that is not set, or is empty, or holds a line break.
    """
    keys: dict[str, str] = {}
    variables: dict[str, str] = {}
    for endpoint in endpoints:
        for name in (*variables_of(endpoint), *login_variables(endpoint.page.login if endpoint.page else ())):
            variables[name] = _variable(endpoint, name)
        kept = [value for value in read_login(endpoint).values() if like_a_secret(value)]
        variables |= {f"{endpoint.storage_state} {k}": value for k, value in enumerate(kept)}  # no placeholder's name
        if endpoint.key_env is None:
            continue
        value = os.environ.get(endpoint.key_env, "")
        if not value:
            shown = endpoint.key_env if LIKE_A_NAME.fullmatch(endpoint.key_env) else "(not shown, in case it is a key)"
            raise SpecError(
                f"endpoint {endpoint.name}: the environment variable {shown} is not set; "
                f"set it to the key, or leave the key out if the endpoint needs none"
            )
        if not value.isprintable() or not value.isascii() or value != value.strip():
            raise SpecError(
                f"endpoint {endpoint.name}: the value of {endpoint.key_env} has a space, line break or other "
                f"character that no key has (value not shown); set it again"
            )
        keys[endpoint.name] = value
    return Keyring(keys, variables)


def check_variable(name: str, where: str) -> str:
    """The name itself. Raises SpecError, without repeating the text: it may be a key given by mistake."""
    if not VARIABLE.fullmatch(name) or name.startswith(("sk_", "sk-")):
        raise SpecError(
            f"{where}: not the name of an environment variable (text not shown, in case it is a key); "
            f"expected letters, digits and underscores, such as OPENAI_API_KEY"
        )
    return name


def _variable(endpoint: Endpoint, name: str) -> str:
    value = os.environ.get(name, "")
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


@lru_cache(maxsize=512)
def _spelt(secrets: frozenset[str]) -> tuple[bytes, ...]:
    """All spellings, the longest first: a key may be the beginning of another."""
    return tuple(sorted({s.encode() for secret in secrets for s in spellings(secret)}, key=len, reverse=True))


def _mask(data: bytes, secrets: Sequence[bytes]) -> bytes:
    for secret in secrets:
        if secret in data:
            data = data.replace(secret, b"*" * len(secret))
        data = _mask_cut(data, secret)
    return data


def _mask_text(text: str, secrets: Sequence[bytes]) -> str:
    return _mask(text.encode(), secrets).decode(errors="replace")


def _mask_cut(data: bytes, secret: bytes) -> bytes:
    """Without the beginning of a key at the very end, where a limit has cut the rest off."""
    for kept in range(min(len(secret), len(data)), SHORTEST_MASKED - 1, -1):
        if data.endswith(secret[:kept]):
            return data[:-kept] + b"*" * kept
    return data


def _mask_header(name: str, value: str, secrets: Sequence[bytes]) -> str:
    value = _mask_text(value, secrets)
    match name.lower():
        case "set-cookie" | "set-cookie2" if "=" in value:  # what follows the first ; are attributes
            return re.sub(r"=[^;]*", "=[masked]", value, count=1)
        case low if low in TOKEN_HEADERS or secret_name(low):
            return "[masked]"
        case "location" | "content-location":
            return clean_url(value, SHORTEST_LEARNT)  # a redirect may hand out what it likes
        case _:
            return value


Packed = TypeVar("Packed", Exchange, Hop)


def _unpacked(said: Packed, secrets: Sequence[bytes]) -> Packed:
    """The same; or, where a compressed body holds a secret, with the body unpacked and without that header."""
    encoding = encoding_of(said.headers)
    if encoding in ("", "identity") or not secrets:
        return said
    try:
        chunks = inflate(said.chunks, encoding)
    except BodyError:
        return said
    if _mask_chunks(chunks, secrets) == chunks:
        return said
    return replace(
        said, chunks=chunks, headers=tuple((k, v) for k, v in said.headers if k.lower() != "content-encoding")
    )


def _mask_hop(packed: Hop, secrets: Sequence[bytes]) -> Hop:
    hop = _unpacked(packed, secrets)
    return replace(
        hop,
        url=clean_url(_mask_text(hop.url, secrets)),
        sent=_mask_text(hop.sent, secrets),
        headers=tuple((k, _mask_header(k, v, secrets)) for k, v in hop.headers),
        chunks=_mask_chunks(hop.chunks, secrets),
    )


def _mask_chunks(chunks: tuple[Chunk, ...], secrets: Sequence[bytes]) -> tuple[Chunk, ...]:
    """A key may lie across two chunks: mask the joined body, then cut it where it was cut."""
    joined = b"".join(c.data for c in chunks)
    masked = _mask(joined, secrets)
    return chunks if masked == joined else cut_alike(chunks, masked)
