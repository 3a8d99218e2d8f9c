"""Where an API stands, and which one, by an address as users write it: its base, or one of its calls, whole.

Azure: learn.microsoft.com/azure/ai-foundry/openai/reference (deployments, with api-version in the query) and
.../api-version-lifecycle (the newer /openai/v1). Its key goes out as `api-key`.
"""

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from wrapdetect.secrets.names import secret_name

Family = Literal["openai", "responses", "anthropic", "ollama", "gemini"]

_CALLS: tuple[tuple[re.Pattern[str], Family | None], ...] = (
    (re.compile(r"/chat/completions\Z", re.IGNORECASE), "openai"),
    (re.compile(r"/responses\Z", re.IGNORECASE), "responses"),
    (re.compile(r"/messages\Z", re.IGNORECASE), "anthropic"),
    (re.compile(r"/api/(?:chat|generate|tags)\Z", re.IGNORECASE), "ollama"),
    (re.compile(r"/models/(?P<model>[^/:]+):(?:streamG|g)enerateContent\Z"), "gemini"),
    (re.compile(r"/models\Z", re.IGNORECASE), None),
)
"""What stands at the end of an address that is a call's, and whose."""
_VERSION = re.compile(r"/V(?=\d)")
DEPLOYMENT = re.compile(r"/openai/deployments/(?P<model>[^/]+)\Z")
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.us")
_OURS = ("alt",)
"""What a dialect itself puts into the query."""
_LONG_VALUE = 20
"""A value as long as this that mixes digits and letters is taken for a token."""

Pairs = tuple[tuple[str, str], ...]


class ApiPlace(NamedTuple):
    """An API's base without a slash at its end, what goes into the query of each call, and as far as the address tells:
    which API, and which model."""

    url: str
    query: Pairs = ()
    family: Family | None = None
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
    family, model = None, ""
    for call, whose in _CALLS:
        if match := call.search(path):
            path, family, model = path[: match.start()], whose, unquote(match.groupdict().get("model") or "")
            break
    if deployment := DEPLOYMENT.search(path):
        model = unquote(deployment["model"])
    query = tuple((n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if n not in _OURS)
    return ApiPlace(f"{parts.scheme}://{parts.netloc.lower()}{path}", query, family, model)


def is_azure(url: str, query: Pairs = ()) -> bool:
    """Whether an address is of Azure's kind, so that the key goes out as `api-key`.

    >>> is_azure("https://x.openai.azure.com/openai/v1"), is_azure("https://api.groq.com/openai/v1")
    (True, False)
    """
    parts = urlsplit(url)
    named = any(name == "api-version" for name, _ in query)
    return named or "/openai/deployments/" in parts.path or (parts.hostname or "").endswith(AZURE_HOSTS)


def key_place(url: str, query: Pairs = ()) -> tuple[str, str]:
    """The header in which the key of an API like OpenAI's goes out, and what stands before it."""
    return ("api-key", "") if is_azure(url, query) else ("authorization", "Bearer ")


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
