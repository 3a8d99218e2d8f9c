"""Keys: read from the environment, bound to their endpoint, and masked wherever they come back."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from wrapdetect.errors import SpecError
from wrapdetect.model import Chunk, Endpoint, Exchange, Failure

SHORTEST_MASKED = 6
"""A shorter key cannot be told from ordinary text, so it is not looked for in answers."""

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LIKE_A_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
TOKEN_HEADERS = frozenset({"set-cookie", "set-cookie2", "authorization", "proxy-authorization", "x-api-key", "cookie"})


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Keys by endpoint name. Its repr shows names only."""

    keys: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Keyring({', '.join(sorted(self.keys)) or 'empty'})"

    def key_of(self, endpoint: Endpoint) -> str | None:
        return self.keys.get(endpoint.name)

    def clean(self, exchange: Exchange) -> Exchange:
        """Mask every key in what came back, byte for byte, so that lengths and times stay as they were."""
        # The longest first: a key may be the beginning of another.
        secrets = sorted(
            {s for k in self.keys.values() if len(k) >= SHORTEST_MASKED for s in _spellings(k)}, key=len, reverse=True
        )
        failure = exchange.failure
        return replace(
            exchange,
            sent=_mask(exchange.sent.encode(), secrets).decode(),
            headers=tuple((k, _mask_header(k, v, secrets)) for k, v in exchange.headers),
            chunks=_mask_chunks(exchange.chunks, secrets),
            failure=failure
            and Failure(kind=failure.kind, detail=_mask(failure.detail.encode(), secrets).decode(errors="replace")),
        )


def read_keys(endpoints: Iterable[Endpoint]) -> Keyring:
    """Keys from the variables that the endpoints name.

    Raises SpecError for a variable that is not set, or is empty, or holds a line break.
    """
    keys: dict[str, str] = {}
    for endpoint in endpoints:
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
    return Keyring(keys)


def check_variable(name: str, where: str) -> str:
    """The name itself. Raises SpecError, without repeating the text: it may be a key given by mistake."""
    if not VARIABLE.fullmatch(name) or name.startswith(("sk_", "sk-")):
        raise SpecError(
            f"{where}: not the name of an environment variable (text not shown, in case it is a key); "
            f"expected letters, digits and underscores, such as OPENAI_API_KEY"
        )
    return name


def _spellings(key: str) -> set[str]:
    quoted = quote(key, safe="")
    return {key, quoted, re.sub("%..", lambda m: m[0].lower(), quoted), key.replace("/", "\\/")}


def _mask(data: bytes, secrets: Iterable[str]) -> bytes:
    for secret in secrets:
        data = data.replace(secret.encode(), b"*" * len(secret.encode()))
        data = _mask_cut(data, secret.encode())
    return data


def _mask_cut(data: bytes, secret: bytes) -> bytes:
    """Without the beginning of a key at the very end, where a limit has cut the rest off."""
    for kept in range(min(len(secret), len(data)), SHORTEST_MASKED - 1, -1):
        if data.endswith(secret[:kept]):
            return data[:-kept] + b"*" * kept
    return data


def _mask_header(name: str, value: str, secrets: Iterable[str]) -> str:
    value = _mask(value.encode(), secrets).decode()
    if name.lower() not in TOKEN_HEADERS:
        return value
    if name.lower() in ("set-cookie", "set-cookie2") and "=" in value:  # what follows the first ; are attributes
        return re.sub(r"=[^;]*", "=[masked]", value, count=1)
    return "[masked]"


def _mask_chunks(chunks: tuple[Chunk, ...], secrets: Iterable[str]) -> tuple[Chunk, ...]:
    """A key may lie across two chunks: mask the joined body, then cut it where it was cut."""
    joined = b"".join(c.data for c in chunks)
    masked = _mask(joined, secrets)
    if masked == joined:
        return chunks
    out, at = [], 0
    for chunk in chunks:
        out.append(Chunk(t_s=chunk.t_s, data=masked[at : at + len(chunk.data)]))
        at += len(chunk.data)
    return tuple(out)
