"""[[target]], [[candidate]], [[panel]] and [[site]] of monitor.toml -> what is watched: the endpoints of an audit."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Page, Template
from wrapdetect.model.history import Service, ServiceKind
from wrapdetect.monitor.config.place import Place, spelt
from wrapdetect.monitor.config.tables import ServiceTable, SiteTable, UpstreamTable
from wrapdetect.secrets.names import secret_name
from wrapdetect.secrets.variables import check_variable
from wrapdetect.targets.config import check_api, check_url, check_way, endpoint_of
from wrapdetect.targets.toml_lines import Loc

SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})


def watched(kind: ServiceKind, table: ServiceTable, index: int, place: Place) -> Service:
    """A service that is asked as an audit asks it. Raises ConfigError for what cannot be asked."""
    loc: Loc = (kind, index)
    way = table.way
    if way == "template" or way == "page":
        place.check((*loc, "url"), lambda where: check_way(table.url, where, way))
    else:
        place.check((*loc, "url"), lambda where: check_api(table.url, where).url)
    if table.key_env is not None:
        place.check((*loc, "key_env"), partial(check_variable, table.key_env))
    endpoint = endpoint_of(table, "target" if kind == "target" else "reference")
    vendor = vendor_of(endpoint.url) if table.vendor is None else table.vendor
    return Service(name=table.name, kind=kind, url=endpoint.url, vendor=vendor, endpoint=endpoint)


def upstream(kind: ServiceKind, table: UpstreamTable, index: int, place: Place) -> Service:
    """The same, or one of which only a feed tells."""
    if table.is_asked:
        return watched(kind, table, index, place)
    return Service(name=table.name, kind=kind, url="", vendor=table.vendor or table.name)


def site(table: SiteTable, index: int, place: Place) -> Service:
    """A plain page."""
    url = public_page(table.url, ("site", index, "url"), place)
    return Service(name=table.name, kind="site", url=url, vendor=vendor_of(url))


def vendor_of(url: str) -> str:
    """Who stands behind an address, as far as its host tells: what is registered, roughly (no list of suffixes).

    >>> vendor_of("https://api.openai.com/v1"), vendor_of("https://bot.shop.co.uk"), vendor_of("http://127.0.0.1:80")
    ('openai.com', 'shop.co.uk', '127.0.0.1')
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    labels = host.split(".")
    if ":" in host or labels[-1].isdigit():
        return host
    kept = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL else 2
    return ".".join(labels[-kept:])


def public_page(url: str, loc: Loc, place: Place) -> str:
    """An address of a page, as it was given: unlike an API's base it may end in a slash, and have a query."""

    def check(where: str) -> str:
        base, _, query = url.strip().partition("?")
        check_url(base, where)
        if has_a_secret(query) or "#" in query:
            raise SpecError(
                f"{where}: the URL has a fragment, or a query that looks like a key (not shown); "
                "expected a page that anybody may read"
            )
        return url.strip()

    return place.check(loc, check)


def has_a_secret(query: str) -> bool:
    return any(secret_name(name, "query") for name, _ in parse_qsl(query, keep_blank_values=True))


def check_services(services: Sequence[Service], place: Place) -> None:
    """Raises ConfigError unless there are both targets and candidates, all of them different, each name once."""
    named: dict[str, Loc] = {}
    asked: dict[_Asked, str] = {}
    count: Counter[ServiceKind] = Counter()
    for service in services:
        loc: Loc = (service.kind, count[service.kind])
        count[service.kind] += 1
        if service.name in named:
            place.refuse((*loc, "name"), f"{spelt(named[service.name])} has this name already; expected each once")
        named[service.name] = loc
        at = _asked(service)
        if service.kind == "target":
            asked[at] = service.name
        elif service.kind == "candidate" and service.url and at in asked:
            place.refuse(loc, f"has the URL and model of target {asked[at]!r}; expected another service")
    for kind in ("target", "candidate"):
        if not count[kind]:
            place.refuse((), f"no [[{kind}]] in it; expected at least one")


_Asked = tuple[str, str, Template | None, Page | None]


def _asked(service: Service) -> _Asked:
    """What is asked of whom: two names for the same would be one service that depends on itself."""
    endpoint = service.endpoint or Endpoint(name="", role="target", url="", model="")
    return service.url, endpoint.model, endpoint.template, endpoint.page
