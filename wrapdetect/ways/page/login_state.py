"""A login kept in a file: Playwright's storage state, a browser's cookies as JSON, or a Netscape cookies.txt.

The file is read where asking begins. Of it only what belongs to the endpoint's hosts is used, and nothing of it is
written anywhere; its values are masked as keys are.
"""

import json
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import Cookie as JarCookie
from http.cookiejar import CookieJar
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint
from wrapdetect.model.prose import quote
from wrapdetect.ways.page.browser import hosts_of

FILE_LIMIT = 5_000_000
"""Most bytes of such a file."""
COOKIES_LIMIT, STORED_LIMIT = 2000, 2000
"""Most cookies, and most stored values, of a file."""
HTTP_ONLY = "#HttpOnly_"
SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None", "no_restriction": "None"}
_EXPECTED = "expected what `wrapdetect target login` writes, a browser's cookies as JSON, or a cookies.txt"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cookie:
    """One cookie; `expires_s` is since the epoch, or -1 for a session's. Its repr shows no value."""

    name: str
    value: str
    domain: str
    path: str = "/"
    expires_s: float = -1.0
    secure: bool = False
    http_only: bool = False
    same_site: str = "Lax"

    def fits(self, host: str) -> bool:
        """Whether a host is sent it."""
        bare = self.domain.lstrip(".").lower()
        return host == bare or (self.domain.startswith(".") and host.endswith("." + bare))

    def expired(self, now_s: float) -> bool:
        return 0 <= self.expires_s <= now_s


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """Cookies, and what pages stored, by origin."""

    cookies: tuple[Cookie, ...] = ()
    stored: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    def of_hosts(self, hosts: Sequence[str]) -> "Login":
        """What belongs to these hosts."""
        return Login(
            cookies=tuple(c for c in self.cookies if any(map(c.fits, hosts))),
            stored=tuple((o, values) for o, values in self.stored if _host(o) in hosts),
        )

    def values(self) -> Iterator[str]:
        """All that is secret in it, or may be."""
        yield from (c.value for c in self.cookies)
        yield from (value for _, pairs in self.stored for _, value in pairs)

    def state(self) -> dict[str, object]:
        """As Playwright reads and writes it."""
        cookies = [
            {
                "name": c.name,
                "value": c.value,
                "domain": c.domain,
                "path": c.path,
                "expires": c.expires_s,
                "httpOnly": c.http_only,
                "secure": c.secure,
                "sameSite": c.same_site,
            }
            for c in self.cookies
        ]
        origins = [{"origin": o, "localStorage": [{"name": n, "value": v} for n, v in kept]} for o, kept in self.stored]
        return {"cookies": cookies, "origins": origins}

    def jar(self) -> CookieJar:
        """The cookies, for requests without a browser."""
        jar = CookieJar()
        for c in self.cookies:
            jar.set_cookie(_for_jar(c))
        return jar


def read_login(endpoint: Endpoint, now_s: float | None = None) -> Login:
    """What the file of an endpoint's `storage_state` holds for its hosts and has not expired; nothing without a file.

    Raises SpecError for a file that cannot be read, is none, or holds nothing that the endpoint could use.
    """
    if not endpoint.storage_state:
        return Login()
    now_s = time.time() if now_s is None else now_s
    where, hosts = _where(endpoint), hosts_of(endpoint).all
    whole = parse_login(_text_of(Path(endpoint.storage_state), where), where)
    ours = whole.of_hosts(hosts)
    again = f"log in again: wrapdetect target login {endpoint.url} --state {endpoint.storage_state}"
    if not (ours.cookies or ours.stored):
        others = ", ".join(sorted({quote(n, 60) for n in _hosts_in(whole)})[:5]) or "no host at all"
        raise SpecError(f"{where} holds nothing for {' or '.join(hosts)}, but for {others}; {again}")
    fresh = tuple(c for c in ours.cookies if not c.expired(now_s))
    if ours.cookies and not fresh and not ours.stored:
        raise SpecError(f"{where}: every cookie for {hosts[0]} has expired ({_names(ours.cookies)}); {again}")
    return Login(cookies=fresh, stored=ours.stored)


def login_notes(endpoint: Endpoint, now_s: float | None = None) -> tuple[str, ...]:
    """What is wrong with the file and yet no reason not to ask: others may read it, some cookies have expired.

    Raises SpecError as read_login does.
    """
    if not endpoint.storage_state:
        return ()
    now_s = time.time() if now_s is None else now_s
    where, path = _where(endpoint), Path(endpoint.storage_state)
    whole = parse_login(_text_of(path, where), where)
    late = [c for c in whole.of_hosts(hosts_of(endpoint).all).cookies if c.expired(now_s)]
    notes = [f"{where}: expired and left out: {_names(late)}"] if late else []
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        notes.append(f"{where}: others may read it (mode {mode:04o}); chmod 600 {endpoint.storage_state}")
    return tuple(notes)


def parse_login(text: str, where: str) -> Login:
    """Any of the three forms. Raises SpecError that names `where`, and no value."""
    bare = text.lstrip("\ufeff \t\r\n")
    if bare[:1] in ("{", "["):
        try:
            found = json.loads(bare)
        except (ValueError, RecursionError):
            raise SpecError(f"{where} is no whole JSON; {_EXPECTED}") from None
        return _of_json(found, where)
    cookies = tuple(c for line in text.splitlines() if (c := _of_line(line)) is not None)
    if not cookies:
        raise SpecError(f"{where} holds no cookie that can be read; {_EXPECTED}")
    return Login(cookies=cookies[:COOKIES_LIMIT])


def _where(endpoint: Endpoint) -> str:
    return f"storage_state {quote(endpoint.storage_state, 300)}"


def _text_of(path: Path, where: str) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SpecError(f"{where} is no file; {_EXPECTED}")
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise SpecError(f"cannot read {where}: {said}; make it by `wrapdetect target login`") from error
    if len(data) > FILE_LIMIT:
        raise SpecError(f"{where} is larger than {FILE_LIMIT:,} bytes; {_EXPECTED}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise SpecError(f"{where} is no UTF-8 text; {_EXPECTED}") from None


def _of_json(found: object, where: str) -> Login:
    rows = found if isinstance(found, list) else cast("Mapping[str, object]", found).get("cookies")
    origins = [] if isinstance(found, list) else cast("Mapping[str, object]", found).get("origins", [])
    if not isinstance(rows, list) or not isinstance(origins, list):
        raise SpecError(f"{where} has no list of cookies; {_EXPECTED}")
    cookies = tuple(_of_row(row, f"{where}, cookie {k}") for k, row in enumerate(rows[:COOKIES_LIMIT], start=1))
    stored: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for k, row in enumerate(origins[:200], start=1):
        origin, kept = (row.get("origin"), row.get("localStorage", [])) if isinstance(row, dict) else (None, None)
        if not isinstance(origin, str) or not isinstance(kept, list):
            raise SpecError(f"{where}, origin {k}: expected origin and localStorage")
        pairs = [(p.get("name"), p.get("value")) for p in kept[:STORED_LIMIT] if isinstance(p, dict)]
        stored.append((origin, tuple((n, v) for n, v in pairs if isinstance(n, str) and isinstance(v, str))))
    return Login(cookies=cookies, stored=tuple(stored))


def _of_row(row: object, where: str) -> Cookie:
    """A cookie as Playwright or a browser's extension writes it."""
    given = row if isinstance(row, dict) else {}
    name, value = given.get("name"), given.get("value")
    domain = given.get("domain") or given.get("host") or _host(str(given.get("url") or ""))
    if not (isinstance(name, str) and name and isinstance(value, str) and isinstance(domain, str) and domain):
        raise SpecError(f"{where}: expected name, value and domain")
    if not (name + value + domain).isprintable() or ";" in name + value:
        raise SpecError(f"{where}: holds a line break or another character that no cookie has")
    expires = given.get("expires", given.get("expirationDate", given.get("expiry", -1)))
    real = isinstance(expires, int | float) and not isinstance(expires, bool) and 0 < expires < 1e11
    if given.get("hostOnly") is True:
        domain = domain.lstrip(".")
    elif given.get("hostOnly") is False and not domain.startswith("."):
        domain = "." + domain
    return Cookie(
        name=name,
        value=value,
        domain=domain,
        path=str(given.get("path") or "/"),
        expires_s=float(cast("float", expires)) if real else -1.0,
        secure=given.get("secure") is True,
        http_only=given.get("httpOnly") is True,
        same_site=SAME_SITE.get(str(given.get("sameSite", "")).lower(), "Lax"),
    )


def _of_line(line: str) -> Cookie | None:
    """A line of a cookies.txt: domain, with subdomains, path, secure, expires, name, value."""
    http_only = line.startswith(HTTP_ONLY)
    parts = line.removeprefix(HTTP_ONLY).rstrip("\r\n").split("\t")
    if len(parts) != 7 or (line.startswith("#") and not http_only) or not parts[5]:
        return None
    domain, wide, path, secure, expires, name, value = parts
    seconds = float(expires) if expires.isdecimal() and 0 < int(expires) < 10**11 else -1.0
    bare = domain.lstrip(".")
    return Cookie(
        name=name,
        value=value,
        domain=f".{bare}" if wide.upper() == "TRUE" else bare,
        path=path or "/",
        expires_s=seconds,
        secure=secure.upper() == "TRUE",
        http_only=http_only,
    )


def _for_jar(cookie: Cookie) -> JarCookie:
    bare = cookie.domain.lstrip(".")
    dotless = "." not in bare and ":" not in bare
    return JarCookie(
        version=0,
        name=cookie.name,
        value=cookie.value,
        port=None,
        port_specified=False,
        domain=f"{bare}.local" if dotless else cookie.domain,  # http.cookiejar's own name for such a host
        domain_specified=cookie.domain.startswith("."),
        domain_initial_dot=cookie.domain.startswith("."),
        path=cookie.path,
        path_specified=True,
        secure=cookie.secure,
        expires=int(cookie.expires_s) if cookie.expires_s >= 0 else None,
        discard=cookie.expires_s < 0,
        comment=None,
        comment_url=None,
        rest={},
    )


def _host(address: str) -> str:
    """The host of an address, "" where it is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _hosts_in(login: Login) -> set[str]:
    return {c.domain.lstrip(".") for c in login.cookies} | {_host(o) or "?" for o, _ in login.stored}


def _names(cookies: Sequence[Cookie]) -> str:
    return ", ".join(quote(c.name, 40) for c in cookies[:8])
