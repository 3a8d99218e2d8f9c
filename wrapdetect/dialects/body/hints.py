"""What to set where an API refuses a request for how it is made: a parameter that a newer model does not take."""

import re
from collections.abc import Iterator

from wrapdetect.dialects.azure import is_azure
from wrapdetect.model import Endpoint, Failure

BAD_REQUEST = (400, 403, 404, 405, 422)
REFUSES = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|unexpected|extra (?:input|field|param)"
    r"|deprecated|does not (?:take|accept|support)|doesn't|cannot be|must be|only|invalid|not available|verified"
    r"|required",
    re.IGNORECASE,
)
PARAM = re.compile(r'"(?:param|loc)"\s{0,9}:\s{0,9}(?:"([\w.]{1,60})"|\[([^\]]{1,80})\])')
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "num_predict")
_NAMES = re.compile(rf"\b({'|'.join(LIMITS)}|temperature|stream(?:ing|ed)?)\b")


def next_step(endpoint: Endpoint, status: int | None, failure: Failure) -> str:
    """What to write into the endpoint's table where a refusal is of a parameter or of the address; "" of any other.

    >>> from wrapdetect.model import FailureKind
    >>> said = "HTTP 400 Bad Request: Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    >>> bot = Endpoint(name="bot", role="target", url="https://bot.example/v1", model="m")
    >>> next_step(bot, 400, Failure(kind=FailureKind.REFUSED, detail=said))
    'it refuses max_tokens: set token_limit = "max_completion_tokens" (or "omit") in its TOML'
    """
    if status == 404 and is_azure(endpoint.url) and "/openai/deployments/" in endpoint.url and not endpoint.query:
        return 'Azure wants its api-version: set query.api-version = "2024-10-21" in its TOML, or add it to the URL'
    if status not in (None, 200, *BAD_REQUEST) or endpoint.dialect in ("template", "page", "pasted"):
        return ""
    if not REFUSES.search(failure.detail):
        return ""
    return next((step for name in _named(failure.detail) if (step := _step(endpoint, name, failure.detail))), "")


def _named(detail: str) -> Iterator[str]:
    """The parameters that are meant, the surest first."""
    for match in PARAM.finditer(detail):
        yield from (m[1] for m in _NAMES.finditer(match[1] or match[2]))
    yield from (m[1] for m in _NAMES.finditer(detail))


def _step(endpoint: Endpoint, name: str, detail: str) -> str:
    if name in LIMITS:
        return _token_step(endpoint, name)
    if name == "temperature":
        return f"it refuses {name}: set send_temperature = false in its TOML" if endpoint.send_temperature else ""
    if endpoint.dialect.endswith("_stream"):
        return "it does not stream: set stream = false in its TOML, or give --plain"
    wants = re.search(r"stream\w*\W.{0,40}(?:required|true|must|only)|(?:only|must|require).{0,40}stream", detail, re.I)
    return "it only streams: set stream = true in its TOML, and leave --plain out" if wants else ""


def _token_step(endpoint: Endpoint, name: str) -> str:
    """Only of the parameter that was sent."""
    chat = endpoint.dialect.startswith("openai")
    if endpoint.token_limit == "omit" or endpoint.dialect.startswith("anthropic"):
        return ""
    if not chat:
        return f'it refuses {name}: set token_limit = "omit" in its TOML'
    if name != endpoint.token_limit:
        return ""
    other = "max_completion_tokens" if name == "max_tokens" else "max_tokens"
    return f'it refuses {name}: set token_limit = "{other}" (or "omit") in its TOML'
