"""Which addresses an endpoint may be asked at, and how a template's path is joined to its own."""

from urllib.parse import SplitResult, urljoin, urlsplit

from wrapdetect.model import Endpoint

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that lead elsewhere (RFC 9110, 15.4)."""
SEE_OTHER = frozenset({301, 302, 303})
"""Those after which whatever was sent, a GET follows."""
MOST_REDIRECTS = 5


def may_ask(endpoint: Endpoint, url: str) -> bool:
    """Whether an address is of the endpoint's own origin, or of a host that the user named beside it.

    A host may be named with its port; without one it is asked at its scheme's own, as safely as the endpoint or by TLS.

    >>> bot = Endpoint(name="b", role="target", url="https://bot.example/v1", model="", hosts=("api.example",))
    >>> [may_ask(bot, u) for u in ("https://bot.example/x", "http://bot.example/x", "https://api.example")]
    [True, False, True]
    """
    try:
        own, asked = urlsplit(as_http(endpoint.url)), urlsplit(as_http(url))
        if _origin(asked) == _origin(own):
            return True
        scheme, host, port = _origin(asked)
    except ValueError:
        return False
    named = {f"{host}:{port}"} | ({host} if port == (443 if scheme == "https" else 80) else set())
    return scheme in ("https", own.scheme) and bool(named & {h.lower() for h in endpoint.hosts})


def join(base: str, path: str) -> str:
    """The endpoint's address with a path behind it; a path that is an address itself stands alone.

    >>> join("https://bot.example/v1", "chat"), join("wss://bot.example", "/ws"), join("https://a", "https://b/c")
    ('https://bot.example/v1/chat', 'https://bot.example/ws', 'https://b/c')
    """
    if path.startswith(("http://", "https://", "ws://", "wss://")):
        return as_http(path)
    slash = "" if not path or path.startswith(("/", "?")) else "/"
    return f"{as_http(base).rstrip('/') if path else as_http(base)}{slash}{path}"


def moved_within(url: str, location: str) -> str | None:
    """Where a redirect leads, if it stays within its origin.

    >>> moved_within("https://a.example/x", "/y"), moved_within("https://a.example/x", "//b.example/y")
    ('https://a.example/y', None)
    """
    try:
        moved = urljoin(url, location).partition("#")[0]
        return moved if _origin(urlsplit(moved)) == _origin(urlsplit(url)) else None
    except ValueError:
        return None


def as_http(url: str) -> str:
    """ws: as http:, wss: as https:."""
    return "http" + url[2:] if url.startswith(("ws:", "wss:")) else url


def as_socket(url: str) -> str:
    """http: as ws:, https: as wss:."""
    return "ws" + url[4:] if url.startswith("http") else url


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Raises ValueError for a port that is none."""
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
