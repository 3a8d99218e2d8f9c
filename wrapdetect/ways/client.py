"""How a configured openai client would ask: the address, key, headers and query that it would send are taken over.

The client makes one request of its own, to a transport that sends nothing: so whatever it is made of (an Azure
deployment, a token that a function gives, headers from the environment) is in what it would have sent. Its own
transport is not taken over (proxies, certificates): what is asked goes out by ours, which stamps every chunk.
"""

import inspect
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple, Protocol, cast

import httpx

from wrapdetect.dialects.address import Pairs, is_secret, key_place
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Role
from wrapdetect.targets.config import make_endpoint, title
from wrapdetect.ways.keyring import Keyring

_OURS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "transfer-encoding"}
)
"""Headers that wrapdetect sends itself."""
_OWN_AGENT = re.compile(r"\w*OpenAI\w*/Python [\w.]+")
"""How a client that was not told otherwise calls itself."""


class Client(Protocol):
    """openai's OpenAI, AsyncOpenAI, AzureOpenAI or AsyncAzureOpenAI, as far as a type checker needs to know them."""

    @property
    def base_url(self) -> object: ...
    @property
    def api_key(self) -> str: ...


class TakenOver(NamedTuple):
    """An endpoint as a client asks it, and the secrets of that client, which the endpoint only names."""

    endpoint: Endpoint
    keyring: Keyring


class _Completions(Protocol):
    def create(self, *, model: str, messages: list[dict[str, str]]) -> object: ...


class _Chat(Protocol):
    @property
    def completions(self) -> _Completions: ...


class _Configured(Protocol):
    @property
    def chat(self) -> _Chat: ...
    def with_options(self, *, http_client: object, max_retries: int) -> "_Configured": ...


def is_client(thing: object) -> bool:
    """Whether it is a client of openai, which is not imported for that: who has a client has imported it."""
    openai = sys.modules.get("openai")
    return openai is not None and isinstance(thing, (openai.OpenAI, openai.AsyncOpenAI))


async def take_over(client: Client, *, name: str, role: Role, model: str, number: int) -> TakenOver:
    """The endpoint behind a client; `number` sets the variables of its secret headers apart from another client's.

    Raises SpecError where the client cannot make a request, or asks what cannot be asked.
    """
    request = await _request_of(client, model, title(role, name))
    url, query = request.url.copy_with(query=None, fragment=None), tuple(request.url.params.multi_items())
    key, rest = _key_of(request, key_place(str(url), query))
    secrets = dict[str, str]()
    endpoint = make_endpoint(
        name=name,
        role=role,
        url=str(url),
        model=model,
        key_env=None,
        headers=_named(rest, f"CLIENT_{number}_HEADER", secrets),
        query=_named(query, f"CLIENT_{number}_QUERY", secrets),
    )
    return TakenOver(endpoint, Keyring({name: key} if key else {}, secrets))


async def _request_of(client: Client, model: str, where: str) -> httpx.Request:
    seen = list[httpx.Request]()

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    kind = httpx.AsyncClient if isinstance(client, sys.modules["openai"].AsyncOpenAI) else httpx.Client
    try:
        twin = cast("_Configured", client).with_options(
            http_client=kind(transport=httpx.MockTransport(keep)), max_retries=0
        )
        made = twin.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])
        if inspect.isawaitable(made):
            await made
    except Exception as error:  # whatever its functions for tokens raise; the text may hold one
        raise SpecError(
            f"{where}: its openai client makes no request ({type(error).__name__}); expected one whose "
            f"chat.completions.create works: check its key or token"
        ) from error
    return seen[-1]


def _key_of(request: httpx.Request, place: tuple[str, str]) -> tuple[str, Pairs]:
    """The key, where it stands as our own requests carry it, and the headers to set beside it."""
    header, prefix = place
    given = request.headers.get(header, "")
    key = given.removeprefix(prefix) if given.startswith(prefix) else ""
    return key, tuple(
        (name, value)
        for name, value in request.headers.multi_items()
        if name not in _OURS
        and not name.startswith("x-stainless-")
        and not (name == "user-agent" and _OWN_AGENT.fullmatch(value))
        and not (name == header and key)
    )


def _named(pairs: Iterable[tuple[str, str]], prefix: str, secrets: dict[str, str]) -> Pairs:
    """The same, with a variable's name in place of each value that no recording may hold, or that would be filled in.
    The values go to `secrets` by that name."""
    named = []
    for name, value in pairs:
        if "{" in value or is_secret(name, value, header=True):
            variable = f"{prefix}_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
            secrets[variable], value = value, f"{{env:{variable}}}"
        named.append((name, value))
    return tuple(named)
