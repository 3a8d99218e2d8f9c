"""Chat pages around a lab bot, each laid out in one named way; all from memory, on loopback.

A layout is the page's HTML and script; what they share is the script COMMON: `answer(text, onText,
  done)` asks the bot over
the layout's transport, `say(role, text)` adds a bubble to #log.
"""

import asyncio
import contextlib
import html
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from wrapdetect.cli.demo.bots import Bot, Down
from wrapdetect.cli.demo.server import running

COOKIE, STORED, QUERIED = "planted-cookie-4f1d2c", "planted-storage-9b8e7a", "planted-query-77aa01"
"""Secrets that every page plants: in a cookie, in localStorage and sessionStorage, in its requests' queries."""

STYLE = """<style>body{font:16px sans-serif;margin:0 20px}#log{min-height:300px}
.msg{margin:8px;padding:8px;max-width:700px}
.user{background:#def}.bot{background:#eee}#box{width:500px;min-height:40px;border:1px solid #999}</style>"""

COMMON = """
const messages = [];
const log = () => document.getElementById('log') || window.logRoot;
function say(role, text) {
  const el = document.createElement('div');
  el.className = 'msg ' + role; el.textContent = text; log().append(el); return el;
}
localStorage.setItem('session', 'STORED'); sessionStorage.setItem('tab', 'STORED');
let socket = null;
function open() {
  return new Promise(ok => { socket = new WebSocket('ws://' + location.host + '/socket?key=QUERIED');
    socket.onopen = ok; });
}
async function answer(text, onText, done) {
  messages.push({role: 'user', content: text});
  let all = '';
  const add = piece => { all += piece; onText(all, piece); };
  if (TRANSPORT === 'socket') {
    if (!socket) await open();
    await new Promise(ok => { socket.onmessage = e => { const m = JSON.parse(e.data); m.done ? ok() : add(m.piece); };
      socket.send(JSON.stringify({messages})); });
  } else {
    const reply = await fetch('/' + TRANSPORT + '?key=QUERIED', {method: 'POST',
      headers: {'content-type': 'application/json', 'authorization': 'Bearer STORED'},
  body: JSON.stringify({messages})});
    if (TRANSPORT === 'plain') { const m = await reply.json(); add(reply.ok ? m.text : m.error); }
    else {
      const reader = reply.body.getReader(), decoder = new TextDecoder(); let rest = '';
      for (;;) {
        const {value, done} = await reader.read(); if (done) break;
        rest += decoder.decode(value, {stream: true});
        const parts = rest.split('\\n\\n'); rest = parts.pop();
        for (const p of parts) if (p.startsWith('data: {')) add(JSON.parse(p.slice(6)).piece);
      }
    }
  }
  messages.push({role: 'assistant', content: all});
  if (done) done(all);
}
function send(text) {
  if (!text.trim()) return;
  say('user', text); const el = say('bot', ''); answer(text, all => { el.textContent = all; });
}
""".replace("STORED", "' + '".join(STORED.partition("-"))).replace("QUERIED", "' + '".join(QUERIED.partition("-")))

BUTTON = """<div id="log"><div class="msg bot">Hi! How can I help?</div></div>
<form id="f"><textarea id="box" placeholder="Type your message"></textarea><button>Send</button></form>
<script>const box = document.getElementById('box');
document.getElementById('f').onsubmit = e => { e.preventDefault(); const t = box.value; box.value = '';
  SEND(t); };</script>"""

ENTER = """<div id="log"></div><textarea id="box" placeholder="Ask anything"></textarea>
<script>const box = document.getElementById('box');
box.onkeydown = e => { if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); const t = box.value;
  box.value = ''; SEND(t); } };
</script>"""

RICH = """<div id="log"></div><div id="box" contenteditable="true" data-placeholder="Message"></div>
<script>const box = document.getElementById('box');
box.onkeydown = e => { if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); const t = box.innerText;
  box.textContent = '';
  SEND(t); } };</script>"""

SHADOW = """<div id="host"></div><script>
const root = document.getElementById('host').attachShadow({mode: 'MODE'});
root.innerHTML = '<div id="log"></div><div><textarea id="box" placeholder="Ask me"></textarea></div>';
window.logRoot = root.getElementById('log');
const box = root.getElementById('box');
box.onkeydown = e => { if (e.key === 'Enter') { e.preventDefault(); const t = box.value; box.value = '';
  send(t); } };</script>"""

OVER = "position:fixed;inset:0;background:rgba(255,255,255,.9);z-index:9;padding:100px"

RERENDERED = """
const shown = [];
function render() {
  const root = log(); root.replaceChildren();
  for (const m of shown) { const row = document.createElement('div'), name = document.createElement('b'),
    text = document.createElement('p'); row.className = 'msg';
  name.textContent = m.role === 'user' ? 'You' : 'Assistant';
    text.textContent = m.text; row.append(name, text); root.append(row); }
}
function rerender(text) { const m = {role: 'bot', text: ''}; shown.push({role: 'user', text}, m); render();
  answer(text, all => { m.text = all; render(); }); }"""

THINKING = """function think(text) { say('user', text); const el = say('bot', 'Thinking…');
  answer(text, all => { el.textContent = all; }); }"""

MARKDOWN = """function rich(text) { say('user', text); const el = say('bot', ''); answer(text, all => {
  el.innerHTML = mark(all); }); }
function mark(t) {
  const esc = s => s.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  const inner = s => esc(s).replace(/\\*\\*(.+?)\\*\\*/g, '<strong>$1</strong>').replace(/`(.+?)`/g, '<code>$1</code>');
  return t.split(/\\n\\n+/).map(b => {
    const lines = b.split('\\n');
    if (/^```/.test(b)) return '<pre><code class="language-' + lines[0].slice(3) + '">' +
      esc(lines.slice(1).filter(l => l !== '```').join('\\n')) + '</code></pre>';
    if (/^#+ /.test(b)) { const n = /^#+/.exec(b)[0].length; return `<h${n}>${inner(b.slice(n + 1))}</h${n}>`; }
    if (lines.every(l => /^- /.test(l)))
      return '<ul>' + lines.map(l => `<li>${inner(l.slice(2))}</li>`).join('') + '</ul>';
    if (lines.every(l => /^\\d+\\. /.test(l)))
      return '<ol>' + lines.map(l => `<li>${inner(l.replace(/^\\d+\\. /, ''))}</li>`).join('') + '</ol>';
    return '<p>' + lines.map(inner).join('<br>') + '</p>';
  }).join('');
}"""

BUBBLES = """function bubbles(text) { say('user', text); let n = 0, els = [];
  answer(text, all => { all.split('\\n\\n').forEach((p, k) => { (els[k] = els[k] || say('bot',
  '')).textContent = p; }); }); }"""

WORDS = """function words(text) {
  say('user', text); const el = say('bot', ''), p = document.createElement('p'); el.append(p);
  const tail = document.createElement('div');
  tail.innerHTML = '<time>12:30</time> <button>Copy</button> <button>Regenerate</button>' +
    '<div class="suggestions"><button>Tell me more</button></div>';
  answer(text, (all, piece) => { const s = document.createElement('span'); s.textContent = piece; p.append(s); },
    () => el.append(tail)); }"""

EMPTIES = "function empty(text) {}"
EMPTIES_ONCE = "let n = 0; function once(text) { if (n++) send(text); }"
REPEATS = """function repeat(text) { say('user', text); const el = say('bot', text);
  answer(text, all => { el.innerHTML = ''; for (const t of [text, all]) { const p = document.createElement('p');
    p.textContent = t; el.append(p); } }); }"""
PREVIOUS = """let last = 'Hello?'; function previous(text) { say('user', text); const el = say('bot', ''),
  asked = last; last = text;
  answer(asked, all => { el.textContent = all; }); }"""
ENDLESS = """<div id="feed"></div><script>let k = 0; const feed = document.getElementById('feed');
const more = () => { const p = document.createElement('p');
  p.textContent = 'Story number ' + (++k) + ' of the feed'; feed.append(p); };
for (let i = 0; i < 40; i++) more(); setInterval(more, 120); addEventListener('scroll', more);</script>"""
VIRTUAL = """function virtual(text) { send(text); while (log().children.length > 4) log().firstChild.remove(); }"""
NEWEST = """<style>#log{display:flex;flex-direction:column-reverse;min-height:0}</style>"""
NEWEST_SAY = """function newest(text) { const u = say('user', text); log().prepend(u); const el = say('bot',
  ''); log().prepend(el);
  answer(text, all => { el.textContent = all; }); }"""
WALLED = (
    """function walled(text) { say('user', text); const el = document.createElement('div');
  el.setAttribute('role', 'dialog');
  el.style = '"""
    + OVER
    + """'; el.innerHTML = '<h2>Please log in to continue</h2><input type="password">'; document.body.append(el); }"""
)
LOG_TEXT = """<pre id="log" style="white-space:pre-wrap">Welcome.\n</pre>
  <input id="box" type="text" placeholder="Say something">
<script>const box = document.getElementById('box');
box.onkeydown = e => { if (e.key !== 'Enter') return; const t = box.value; box.value = '';
  const pre = document.getElementById('log'); pre.textContent += 'You: ' + t + '\\nBot: ';
  const before = pre.textContent;
  answer(t, all => { pre.textContent = before + all; }, () => { pre.textContent += '\\n'; }); };</script>"""
TITLED = """<nav id="side" style="float:left;width:200px"><a href="#">Old chat</a></nav>"""
TITLED_SAY = """function titled(text) { const a = document.createElement('a'); a.textContent = text;
  document.getElementById('side').append(a); send(text); }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a page looks and works; `send` is the function that its box calls."""

    body: str = BUTTON
    script: str = ""
    send: str = "send"
    transport: str = "stream"
    head: str = ""
    status: int = 200


def _banner(text: str, button: str, style: str) -> str:
    press = "this.parentNode.remove()"
    return f'<div id="cookie-banner" style="{style}"><p>{text}</p><button onclick="{press}">{button}</button></div>'


LAYOUTS: Mapping[str, Layout] = {
    "plain_button": Layout(transport="plain"),
    "stream": Layout(),
    "socket": Layout(transport="socket"),
    "rich_enter": Layout(body=RICH),
    "frame": Layout(body='<h1>Our bot</h1><iframe src="/page/enter" width="800" height="600"></iframe>'),
    "enter": Layout(body=ENTER),
    "open_shadow": Layout(body=SHADOW.replace("MODE", "open")),
    "closed_shadow": Layout(body=SHADOW.replace("MODE", "closed")),
    "cookie_banner": Layout(body=BUTTON + _banner("We use cookies.", "Accept all", OVER)),
    "cookie_banner_de": Layout(body=BUTTON + _banner("Wir verwenden Cookies.", "Alle akzeptieren", OVER)),
    "consent_wall": Layout(
        body='<div id="gate"><h1>Terms of use</h1><p>Be kind.</p><button id="go">I agree</button></div>'
        '<div id="later"></div><template>' + BUTTON.partition("<script>")[0] + "</template>",
        script="document.addEventListener('click', e => { if (e.target.id !== 'go') return;"
        "document.getElementById('gate').remove();"
        "document.getElementById('later').append(document.querySelector('template').content.cloneNode(true));"
        "const box = document.getElementById('box'); document.getElementById('f').onsubmit = e => { e.preventDefault();"
        "const t = box.value; box.value = ''; send(t); }; });",
    ),
    "login_wall": Layout(
        body='<h1>Welcome back</h1><form action="/planted-login" method="post"><input type="email" placeholder="Email">'
        '<input type="password" placeholder="Password"><button>Continue</button></form>'
    ),
    "login_over_chat": Layout(
        body=BUTTON + f'<div role="dialog" style="{OVER}"><h2>Please sign in to chat</h2><input type="password"></div>'
    ),
    "login_after_sending": Layout(script=WALLED, send="walled"),
    "captcha": Layout(
        body='<h1>One more step</h1><p>Verify you are human</p><div class="h-captcha" style="height:80px">'
        '<iframe src="https://newassets.hcaptcha.example/captcha" width="300" height="76"></iframe></div>'
    ),
    "challenge": Layout(body="<h1>Just a moment...</h1><p>Checking your browser before you go on.</p>", status=403),
    "empties_box": Layout(script=EMPTIES, send="empty"),
    "empties_box_once": Layout(script=EMPTIES_ONCE, send="once"),
    "repeats_prompt": Layout(script=REPEATS, send="repeat"),
    "previous_answer": Layout(script=PREVIOUS, send="previous"),
    "infinite_scroll": Layout(body=BUTTON + ENDLESS),
    "virtual_list": Layout(script=VIRTUAL, send="virtual"),
    "thinking": Layout(script=THINKING, send="think"),
    "rerendered": Layout(script=RERENDERED, send="rerender"),
    "bubbles": Layout(script=BUBBLES, send="bubbles"),
    "words_and_chips": Layout(script=WORDS, send="words"),
    "markdown": Layout(script=MARKDOWN, send="rich"),
    "newest_first": Layout(body=NEWEST + BUTTON, script=NEWEST_SAY, send="newest"),
    "one_text": Layout(body=LOG_TEXT),
    "titled": Layout(body=TITLED + BUTTON, script=TITLED_SAY, send="titled"),
    "other_host": Layout(
        body='<div id="app">Loading…</div><script src="http://127.0.0.2:PORT/app.js"></script>'
        '<img src="http://127.0.0.3:PORT/pixel.gif"><link rel="preconnect" href="http://127.0.0.4:PORT">'
        "<script>try { new WebSocket('ws://127.0.0.5:PORT/ws'); } catch {}"
        "fetch('http://127.0.0.6:PORT/x').catch(() => 0);"
        "navigator.sendBeacon('http://127.0.0.7:PORT/b', 'x'); fetch('/away').catch(() => 0);"
        "new Worker(URL.createObjectURL(new Blob([\"fetch('http://127.0.0.9:PORT/w').catch(() => 0)\"])));</script>"
    ),
    "failing": Layout(transport="broken"),
    "refusing": Layout(status=503),
    "not_fresh": Layout(body="<!--HISTORY-->" + BUTTON),
    "reloads": Layout(
        body='<div id="log"><!--SAID--></div><form method="post" action="/page/reloads"><!--FIELDS-->'
        '<textarea name="q" id="box" placeholder="Your question"></textarea><button>Ask</button></form>'
    ),
    "two_fields": Layout(
        body='<header><input type="search" placeholder="Search the site"></header>'
        '<input type="text" placeholder="Your e-mail for the newsletter">' + BUTTON
    ),
    "never_ends": Layout(transport="endless"),
    "hangs": Layout(script="function hang() { for (;;) {} }", send="hang"),
    "other_site": Layout(
        body='<h1>Widget</h1><iframe src="http://localhost:OWN/page/enter" width="800" height="600"></iframe>'
    ),
    "leaks": Layout(
        script="function leak(text) { say('user', text); const el = say('bot', ''); answer(text, all => {"
        "el.textContent = all + ' ' + localStorage.session + ' ' + document.cookie; }); }",
        send="leak",
    ),
}


@dataclass(slots=True)
class Pages:
    """Running pages: what the bot was asked, when each piece of an answer left (s, epoch), which pages were loaded."""

    root: str
    asked: list[list[dict[str, str]]] = field(default_factory=list)
    pieces: list[tuple[float, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    def url(self, layout: str) -> str:
        return f"{self.root}/page/{layout}"


@contextlib.contextmanager
def serve_pages(bot: Bot, *, other_port: int = 9) -> Iterator[Pages]:
    """Every layout around one bot until the block ends; the page that wants other hosts finds them at `other_port`."""
    pages = Pages("")
    with running(_app(bot, pages, other_port), websockets=True) as address:
        pages.root = f"http://{address}"
        yield pages


def _app(bot: Bot, pages: Pages, other_port: int) -> Starlette:
    async def reply(messages: list[dict[str, str]]) -> AsyncIterator[str]:
        pages.asked.append(messages)
        async for piece in bot.reply(messages, 400):
            pages.pieces.append((time.time(), piece))
            yield piece

    async def page(request: Request) -> Response:
        name = request.path_params["name"]
        layout = LAYOUTS.get(name)
        if layout is None:
            return Response("no such page", 404)
        pages.paths.append(str(request.url.path))
        text = _document(layout).replace("PORT", str(other_port)).replace("OWN", str(request.url.port))
        if request.method == "POST":
            sent = parse_qs((await request.body()).decode())
            said = [*sent.get("said", []), sent["q"][0]]
            said.append("".join([p async for p in reply([{"role": "user", "content": said[-1]}])]))
            fields = "".join(f'<input type="hidden" name="said" value="{html.escape(t)}">' for t in said)
            log = "".join(f"<p>{html.escape(t)}</p>" for t in said)
            text = text.replace("<!--SAID-->", log).replace("<!--FIELDS-->", fields)
        shown = "".join(f"<p>{html.escape(t)}</p>" for t in pages.typed)
        response = HTMLResponse(text.replace("<!--HISTORY-->", shown), layout.status)
        response.set_cookie("session", COOKIE)
        return response

    async def plain(request: Request) -> Response:
        body = await request.json()
        pages.typed.append(body["messages"][-1]["content"])
        try:
            return JSONResponse({"text": "".join([p async for p in reply(body["messages"])]), "model": bot.model})
        except Down as down:
            return JSONResponse({"error": "The server is overloaded"}, down.status)

    async def stream(request: Request) -> Response:
        body = await request.json()
        pages.typed.append(body["messages"][-1]["content"])

        pieces = reply(body["messages"])
        try:
            first = await anext(pieces, None)
        except Down as down:
            return JSONResponse({"error": "The server is overloaded"}, down.status)

        async def events() -> AsyncIterator[str]:
            if first is not None:
                yield event(first)
            async for piece in pieces:
                yield event(piece)
            yield "data: [DONE]\n\n"

        def event(piece: str) -> str:
            return f"data: {json.dumps({'piece': piece, 'model': bot.model})}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    async def endless(_: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            while True:
                yield 'data: {"piece": "on and "}\n\n'
                await asyncio.sleep(0.1)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def broken(_: Request) -> Response:
        return JSONResponse({"error": "The model is overloaded"}, 503)

    async def away(_: Request) -> Response:
        return Response(status_code=302, headers={"location": f"http://127.0.0.8:{other_port}/away"})

    async def socket(connection: WebSocket) -> None:
        await connection.accept()
        async for text in connection.iter_text():
            async for piece in reply(json.loads(text)["messages"]):
                await connection.send_json({"piece": piece, "model": bot.model})
            await connection.send_json({"done": True})

    return Starlette(
        routes=[
            Route("/page/{name}", page, methods=["GET", "POST"]),
            Route("/plain", plain, methods=["POST"]),
            Route("/stream", stream, methods=["POST"]),
            Route("/endless", endless, methods=["POST"]),
            Route("/broken", broken, methods=["POST"]),
            Route("/away", away),
            WebSocketRoute("/socket", socket),
        ]
    )


def _document(layout: Layout) -> str:
    body = layout.body.replace("SEND(t)", f"{layout.send}(t)")
    script = f"<script>const TRANSPORT = '{layout.transport}';{COMMON}{layout.script}</script>"
    return f"<!doctype html><html><head><title>Lab</title>{STYLE}{layout.head}</head><body>{script}{body}</body></html>"
