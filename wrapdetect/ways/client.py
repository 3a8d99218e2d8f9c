"""What Python's users give as an endpoint: a URL, an Endpoint, or a configured openai client, of which the address,
key, headers and query that it would send are taken over.

A client makes one request of its own, to a transport that sends nothing: so whatever it is made of (an Azure
deployment, a token that a function gives, headers from the environment) is in what it would have sent. Its own
transport is not taken over (proxies, certificates): what is asked goes out by ours, which stamps every chunk.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, cast
from urllib.parse import unquote

import httpx

from wrapdetect.dialects.address import is_secret
from wrapdetect.dialects.azure import Pairs, key_place
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Endpoint, Role
from wrapdetect.runs.codec.door import UNREADABLE, what_is_wrong
from wrapdetect.runs.codec.endpoints import dump_endpoint, load_endpoint
from wrapdetect.secrets.names import like_a_secret
from wrapdetect.targets.config import check_endpoint, make_endpoint, parse_reference, title
from wrapdetect.ways.keyring import NO_KEYS, Keyring

_OURS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "transfer-encoding"}
)
"""Headers that wrapdetect sends itself."""
_OWN_AGENT = re.compile(r"\w*OpenAI\w*/Python [\w.]+")
"""How a client that was not told otherwise calls itself."""


class OpenaiClient(Protocol):
    """openai's OpenAI, AsyncOpenAI, AzureOpenAI or AsyncAzureOpenAI, as far as a type checker needs to know them."""

    @property
    def base_url(self) -> object: ...
    @property
    def api_key(self) -> str: ...


Askable = str | Endpoint | OpenaiClient | tuple[str | OpenaiClient, str]
"""A URL, an Endpoint, a client of openai, or one of these with the model's name."""


class _Place(NamedTuple):
    """Where an endpoint stands in a call."""

    name: str
    role: Role
    number: int

    def __str__(self) -> str:
        return self.role if self.role == "target" else f"reference {self.name or self.number}"


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
    kinds = [getattr(openai, name, None) for name in ("OpenAI", "AsyncOpenAI")]  # none in versions before 1
    return isinstance(thing, tuple(kind for kind in kinds if isinstance(kind, type)))


async def gather_asked(
    target: Askable, references: Sequence[Askable] | Mapping[str, Askable], model: str, key_env: str | None
) -> tuple[tuple[Endpoint, ...], Keyring]:
    """Whom to ask, and the secrets of the clients among them."""
    if isinstance(references, str) or not isinstance(references, Iterable):
        raise SpecError(
            f"references: {type(references).__name__}; expected a list of them, or a mapping by their names"
        )
    named = references.items() if isinstance(references, Mapping) else (("", r) for r in references)
    taken = [await _endpoint(target, _Place(TARGET, "target", 0), model, key_env)]
    taken += [await _endpoint(r, _Place(name, "reference", n), "") for n, (name, r) in enumerate(named, start=1)]
    keys = {name: key for t in taken for name, key in t.keyring.keys.items()}
    variables = {name: value for t in taken for name, value in t.keyring.variables.items()}
    return tuple(t.endpoint for t in taken), Keyring(keys, variables)


async def _endpoint(asked: Askable, place: _Place, model: str, key_env: str | None = None) -> TakenOver:
    """Raises SpecError for what is no endpoint, or lacks its model."""
    if isinstance(asked, tuple) and len(asked) == 2:
        return await _endpoint(asked[0], place, asked[1], key_env)
    if is_client(asked):
        if not model or key_env:
            raise SpecError(f"{place}: with an openai client goes the model's name, and no key: model=..., or a pair")
        own = place._replace(name=place.name or model)
        return await take_over(
            cast("OpenaiClient", asked), name=own.name, role=own.role, model=model, number=own.number
        )
    if isinstance(asked, Endpoint):
        if model or key_env:
            raise SpecError(f"{place}: an Endpoint has its model and its key_env; leave those of the call out")
        return TakenOver(_checked(replace(asked, name=place.name or asked.name, role=place.role), place), NO_KEYS)
    if not isinstance(asked, str):
        raise SpecError(
            f"{place}: {type(asked).__name__} is no endpoint; expected a URL, an Endpoint, a client of openai, "
            f"or a pair of one of these and the model's name"
        )
    if place.role == "reference" and not model:
        endpoint = parse_reference(asked)
        return TakenOver(replace(endpoint, name=place.name or endpoint.name), NO_KEYS)
    name = place.name or model
    endpoint = make_endpoint(name=name, role=place.role, url=asked, model=model, key_env=key_env)
    if not endpoint.model:
        raise SpecError(f"{place}: the model's name is missing; give model=..., or `wrapdetect target detect` finds it")
    return TakenOver(endpoint, NO_KEYS)


def _checked(endpoint: Endpoint, place: _Place) -> Endpoint:
    """An Endpoint of Python may hold anything. Raises SpecError for what no config may hold."""
    try:
        return check_endpoint(load_endpoint(dump_endpoint(endpoint)))
    except UNREADABLE as error:
        raise SpecError(f"{place}: {what_is_wrong(error)}") from error


async def take_over(client: OpenaiClient, *, name: str, role: Role, model: str, number: int) -> TakenOver:
    """The endpoint behind a client; `number` sets the variables of its secret headers apart from another client's.

    Raises SpecError where the client cannot make a request, or asks what cannot be asked.
    """
    request = await _request_of(client, model, title(role, name))
    url, query = request.url.copy_with(query=None, fragment=None), tuple(request.url.params.multi_items())
    key, rest = _key_of(request, key_place(str(url), query))
    told = key if like_a_secret(key) else ""  # many servers of one's own take any word for a key
    if told and told in unquote(url.path):
        raise SpecError(f"{title(role, name)}: the client's address holds its key (not shown), and would be recorded")
    secrets = dict[str, str]()
    endpoint = make_endpoint(
        name=name,
        role=role,
        url=str(url),
        model=model,
        key_env=None,
        headers=_named(rest, f"CLIENT_{number}_HEADER", told, secrets),
        query=_named(query, f"CLIENT_{number}_QUERY", told, secrets),
    )
    return TakenOver(endpoint, Keyring({name: key} if key else {}, secrets))


async def _request_of(client: OpenaiClient, model: str, where: str) -> httpx.Request:
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
    except Exception as error:  # whatever its functions for tokens raise; its text, and its trace, may hold one
        raise SpecError(
            f"{where}: its openai client makes no request ({type(error).__name__}); expected one whose "
            f"chat.completions.create works: check its key or token"
        ) from None
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


def _named(pairs: Iterable[tuple[str, str]], prefix: str, key: str, secrets: dict[str, str]) -> Pairs:
    """The same, with a variable's name in place of each value that no recording may hold, or that would be filled in.
    The values go to `secrets` by that name."""
    named = []
    for name, value in pairs:
        if "{" in value or (key and key in value) or is_secret(name, value, header=True):
            variable = f"{prefix}_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
            while variable in secrets:  # X-Key and X_Key, or a name that stands there twice
                variable += "_"
            secrets[variable], value = value, f"{{env:{variable}}}"
        named.append((name, value))
    return tuple(named)
