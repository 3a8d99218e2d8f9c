"""Where an API stands, and which one, by an address as users write it: its base, or one of its calls, whole."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from wrapdetect.dialects import DIALECTS
from wrapdetect.dialects.azure import AZURE_HOSTS, DEPLOYMENT, Pairs
from wrapdetect.secrets.names import secret_name

_MODELS = re.compile(r"/models\Z", re.IGNORECASE)
"""The list of an API's models, whose ever it is."""

_VERSION = re.compile(r"/V(?=\d)")
_OURS = ("alt",)
"""What a dialect itself puts into the query."""
_LONG_VALUE = 20
"""A value as long as this that mixes digits and letters is taken for a token."""


class ApiPlace(NamedTuple):
    """An API's base without a slash at its end, what goes into the query of each call, and as far as the address tells:
    which API, and which model."""

    url: str
    query: Pairs = ()
    family: str | None = None
    model: str = ""


def place_of(url: str) -> ApiPlace:
    """Raises ValueError for what is no address.

    >>> place_of("HTTPS://Bot.Example//v1/chat/completions/#")
    ApiPlace(url='https://bot.example/v1', query=(), family='openai', model='')
    >>> place_of("https://x.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21")[1:]
    ((('api-version', '2024-10-21'),), 'openai', 'gpt')
    """
    parts = urlsplit(url.strip())
    path = _VERSION.sub("/v", re.sub(r"/{2,}", "/", parts.path)).rstrip("/")
    if parts.netloc.lower().endswith(AZURE_HOSTS[0]) and path in ("", "/openai"):
        path = "/openai/v1"
    path, family, model = without_call(path)
    if deployment := DEPLOYMENT.search(path):
        model = unquote(deployment["model"])
    query = tuple((n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if n not in _OURS)
    return ApiPlace(f"{parts.scheme}://{parts.netloc.lower()}{path}", query, family, model)


def without_call(path: str) -> tuple[str, str | None, str]:
    """A path, or an address, without what stands at its end where it is that of a call; the name of the dialect of such
    a call, and the model that it names.

    >>> without_call("/v1beta/models/flash:generateContent"), without_call("/v1/models")
    (('/v1beta', 'gemini', 'flash'), ('/v1', None, ''))
    """
    for family, wire in DIALECTS.items():
        if wire.path is not None and (match := wire.path.search(path)):
            return path[: match.start()], family, unquote(match.groupdict().get("model") or "")
    return _MODELS.sub("", path), None, ""


def with_version(url: str) -> str | None:
    """The address with /v1 at its end, where it has no version: many users leave it out.

    >>> with_version("https://bot.example"), with_version("https://bot.example/v1beta/openai")
    ('https://bot.example/v1', None)
    """
    path = urlsplit(url).path
    return None if re.search(r"/v\d", path) or "/openai/deployments/" in path else f"{url}/v1"


def is_secret(name: str, value: str, *, header: bool = False) -> bool:
    """Whether a header or a value of a query is one that no file may hold: by its name, or as it looks. What names a
    variable, `{env:NAME}`, is none.

    >>> is_secret("x-api-key", "{env:KEY}"), is_secret("x-api-key", "abc"), is_secret("api-version", "2024-10-21")
    (False, True, False)
    """
    if re.search(r"\{env:[A-Za-z_][A-Za-z0-9_]*\}", value) or not value.strip():
        return False
    words = re.split(r"[\s,;=]+", value)
    words = [w for w in words if not w.startswith(("http:", "https:"))]
    mixed = (len(w) >= _LONG_VALUE and any(map(str.isdigit, w)) and any(map(str.isalpha, w)) for w in words)
    return secret_name(name, "header" if header else "body") or any(mixed)
