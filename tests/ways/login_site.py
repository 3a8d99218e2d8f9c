"""A chat behind a login: a form that sets a cookie, a page that also wants what the login stored; scripted."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.ways.chat_pages import BOX, KIT, TRUTH

USER, PASSWORD = "captain-nemo-77", "nautilus 20 + 000/leagues"
COOKIE, STORED = "sid-5f2e81c0aa97", "token-b81d20f7c3e4"
FORM = (
    "<h1>Sign in</h1><form method=post action=/login><input name=user id=user placeholder='User name'>"
    "<input type=password name=password id=pw><button id=go>Go on</button></form>"
)
KEEPS = f"localStorage.setItem('token', '{STORED}'); localStorage.setItem('theme', 'dark');"
SAYS = (
    f"ask = async () => {{ const r = await fetch('/answer', {{method: 'POST', headers: {{'x-session-token': "
    f"localStorage.getItem('token') || '{STORED}'}}}}); bot(await r.text()); }};"
)


@dataclass(slots=True)
class Site:
    """Where it runs, and what it was sent: the forms, and the cookies of each request by path."""

    url: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    cookies: list[tuple[str, str]] = field(default_factory=list)


def _page(body: str, script: str = "") -> bytes:
    return f"<!doctype html><meta charset=utf-8><body>{body}<script>let ask;{KIT}{script}</script></body>".encode()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def inside(self) -> bool:
        found = SimpleCookie(self.headers.get("cookie", "")).get("sid")
        return found is not None and found.value == COOKIE

    def do_GET(self) -> None:
        self.site.cookies.append((self.path, self.headers.get("cookie", "")))
        if self.path == "/chat" and self.inside:
            self._say(200, _page(BOX, SAYS))
        elif self.path == "/login":
            self._say(200, _page(FORM))
        elif self.path == "/welcome":
            self._say(200, _page("<h1>Welcome</h1>", KEEPS))
        elif self.path == "/sets":
            self._say(200, _page("<h1>Hello</h1>", KEEPS), ("set-cookie", f"sid={COOKIE}; Path=/; HttpOnly"))
        elif self.path == "/chat":
            self._say(303, b"", ("location", "/login"))
        else:
            self._say(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.site.cookies.append((self.path, self.headers.get("cookie", "")))
        if self.path == "/login":
            form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
            self.site.forms.append(form)
            time.sleep(0.3)
            right = (form.get("user"), form.get("password")) == (USER, PASSWORD)
            cookie = [("set-cookie", f"sid={COOKIE}; Path=/; HttpOnly")] if right else []
            self._say(303, b"", ("location", "/welcome" if right else "/login"), *cookie)
        else:
            text = f"{TRUTH} You are {USER} with {COOKIE} and {self.headers.get('x-session-token', '')}."
            self._say(200 if self.inside else 401, text.encode())

    def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-type", "text/html; charset=utf-8"), *headers):
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving_login() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
