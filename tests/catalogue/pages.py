"""The catalogue of chat pages: each misbehaves in one named way, and answers on its own (most need no second request)."""

# ruff: noqa: E501  # a page stands in one line

import json
from collections.abc import Mapping
from functools import partial

from tests.catalogue.case import FINE, QUESTION, Case
from tests.catalogue.servers import (
    CHALLENGE,
    CONNECT,
    CUT_OFF,
    GARBLED,
    LIMITED,
    REFUSED,
    SERVER,
    TIMEOUT,
    by_path,
    head_of,
    moved_to_itself,
    stalls,
)
from tests.catalogue.tls import serving_tls
from tests.ways.misbehaving import BEHAVIOURS, Behaviour, fixed
from wrapdetect.model import Page

LIMIT_S, SOON_S = 120.0, 25.0
"""On time: for what ends by itself, and for what must be left. A slow machine opens a page in many seconds."""
HTML = "text/html; charset=utf-8"
BOX = (
    '<main id=log></main><form id=f><textarea id=q placeholder="Type a message"></textarea><button>Send</button></form>'
)
KIT = """
const by = (id) => document.getElementById(id);
let root = document, log = by('log'), q = by('q'), f = by('f');
const add = (who, text) => {
  const d = document.createElement('div'); d.className = who; d.textContent = text; log.append(d); return d;
};
const grow = (d, text, gap = 20) => new Promise((done) => {
  const words = text.split(/(?<= )/);
  const t = setInterval(() => { d.append(words.shift()); if (!words.length) { clearInterval(t); done(); } }, gap);
});
const reply = (text, gap) => grow(add('bot', ''), text, gap);
let answer = () => reply(%s);
const send = () => { const t = q.value.trim(); if (t) { q.value = ''; add('user', t); answer(t); } };
const wire = () => {
  f.onsubmit = (e) => { e.preventDefault(); send(); };
  q.onkeydown = (e) => { if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); send(); } };
};
if (f) wire();
""" % json.dumps(FINE)  # noqa: UP031  # braces belong to the script


def html(script: str = "", *, body: str = BOX, head: str = "<title>Chat</title>") -> bytes:
    """A chat page; `script` runs after the kit, and usually gives `answer` another meaning."""
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}<script>{KIT}{script}</script></body></html>".encode()


def page(script: str = "", *, body: str = BOX, head: str = "<title>Chat</title>", **more: str) -> Behaviour:
    return site(
        {"": fixed(html(script, body=body, head=head), kind=HTML)}
        | {k: fixed(v.encode(), kind=HTML) for k, v in more.items()}
    )


def site(paths: Mapping[str, Behaviour]) -> Behaviour:
    """The page, and what else it asks for; no icon."""
    return by_path({"/favicon.ico": fixed(b"", status="404 Not Found"), **dict(sorted(paths.items(), reverse=True))})


at = partial(Case, talk="page", page=Page(), well=page(), path="/", timeout_s=LIMIT_S, heals=False)
soon = partial(at, timeout_s=SOON_S)
"""For what lasts until the limit on time."""
OVERLAY = "position:fixed;inset:0;background:#fff;z-index:9"
FETCHES = (
    "answer = async () => { const r = await fetch('/api', {method: 'POST', body: '{}'}); add('bot', await r.text()); };"
)

PAGES: Mapping[str, Case] = {
    "page_good": at(server=page(), ends=FINE),
    # Walls and banners
    "page_cookie_banner": at(
        server=page(
            body=BOX
            + f"<div class=cookie-banner style='{OVERLAY}'>We use cookies. <button onclick=parentNode.remove()>Accept all</button></div>"
        ),
        ends=FINE,
    ),
    "page_consent_wall_in_german": at(
        server=page(
            body=BOX
            + f"<div role=dialog style='{OVERLAY}'>Datenschutz <a href=# onclick='parentNode.remove()'>Alle akzeptieren</a></div>"
        ),
        ends=FINE,
    ),
    "page_login_wall": at(
        server=page(
            body="<h1>Welcome</h1><form action=/login>Log in to continue <input name=user><input type=password></form>"
        ),
        ends=REFUSED,
        detail=("login",),
    ),
    "page_login_asked_in_words": at(
        server=page(body="<h1>Assistant</h1><p>Please log in to chat.</p><a href=/login>Log in</a>"),
        ends=REFUSED,
        detail=("login",),
    ),
    "page_login_after_the_question": soon(
        server=page(
            f"answer = () => {{ document.body.innerHTML = `<div style='{OVERLAY}'>Sign in to continue<input type=password></div>`; }};"
        ),
        ends=REFUSED,
        detail=("login",),
    ),
    "page_captcha": at(
        server=page(
            body="<p>One more step</p><div class=g-recaptcha data-sitekey=x style='width:300px;height:80px'>I'm not a robot</div>"
        ),
        ends=REFUSED,
        detail=("captcha",),
    ),
    "page_captcha_as_403": at(
        server=site({"": fixed(CHALLENGE, status="403 Forbidden", kind=HTML)}), ends=REFUSED, detail=("captcha", "403")
    ),
    "page_captcha_after_the_question": soon(
        server=page(
            "answer = () => { document.body.innerHTML = '<p>Verify you are human</p><div class=cf-turnstile>...</div>'; };"
        ),
        ends=REFUSED,
        detail=("captcha",),
    ),
    "page_three_alerts": at(server=page("alert(1); confirm(2); prompt(3);"), ends=FINE),
    "page_asks_before_it_is_left": at(
        server=page("onbeforeunload = (e) => { e.preventDefault(); return 'no'; };"), ends=FINE
    ),
    "page_covered_for_good": at(server=page(body=BOX + f"<div style='{OVERLAY}'>Enjoy the silence</div>"), ends=FINE),
    # Where the chat stands
    "page_chat_in_a_frame": at(
        server=site(
            {
                "": fixed(b"<h1>Shop</h1><iframe src=/chat width=800 height=500></iframe>", kind=HTML),
                "/chat": fixed(html(), kind=HTML),
            }
        ),
        ends=FINE,
    ),
    "page_chat_in_a_frame_of_another_host": soon(
        server=page(body="<h1>Shop</h1><iframe src=http://chat.example/ width=800 height=500></iframe>"),
        ends=GARBLED,
        detail=("no box", "chat.example"),
    ),
    "page_chat_in_an_open_shadow": at(
        server=page(
            "const s = by('host').attachShadow({mode: 'open'}); s.innerHTML = `" + BOX + "`;"
            "[log, q, f] = ['log', 'q', 'f'].map((i) => s.getElementById(i)); wire();",
            body="<div id=host></div>",
        ),
        ends=FINE,
    ),
    "page_chat_in_a_closed_shadow": at(
        server=page(
            "const s = by('host').attachShadow({mode: 'closed'}); s.innerHTML = `" + BOX + "`;"
            "[log, q, f] = ['log', 'q', 'f'].map((i) => s.querySelector('#' + i)); wire();",
            body="<div id=host></div>",
        ),
        ends=FINE,
    ),
    "page_many_boxes": at(
        server=page(
            body="<header><input type=search placeholder='Search the shop'></header>"
            + BOX
            + "<footer><input type=email placeholder='Your e-mail'></footer>"
        ),
        ends=FINE,
    ),
    "page_box_comes_late": at(
        server=page("f.hidden = true; setTimeout(() => { f.hidden = false; }, 1500);"), ends=FINE
    ),
    "page_box_never_comes": soon(server=page(body="<h1>Soon!</h1>"), ends=GARBLED, detail=("no box",)),
    "page_box_never_free": soon(server=page("q.disabled = true;"), ends=GARBLED, detail=("no box",)),
    "page_box_given_is_not_there": soon(
        server=page(),
        page=Page(input="#nothing"),
        well=page(body=BOX.replace("id=q", "id=nothing"), script="q = by('nothing'); wire();"),
        ends=GARBLED,
        detail=("#nothing",),
    ),
    "page_edits_rich_text": at(
        server=page(
            "q = by('e'); q.onkeydown = (e) => { if (e.key === 'Enter') { e.preventDefault();"
            "const t = q.innerText.trim(); if (t) { q.innerText = ''; add('user', t); answer(t); } } };",
            body="<main id=log></main><div id=e contenteditable=true style='min-height:40px' aria-label='Message'></div>",
        ),
        ends=FINE,
    ),
    # What it does to the question
    "page_empties_the_box": at(
        server=page(
            "wire = 0; f.onsubmit = (e) => { e.preventDefault(); q.value = ''; }; q.onkeydown = (e) => { if (e.key === 'Enter') { e.preventDefault(); q.value = ''; } };".replace(
                "wire = 0; ", ""
            )
        ),
        ends=REFUSED,
        detail=("emptied its box",),
    ),
    "page_empties_the_box_once": at(
        server=page(
            "let first = true; const go = send; f.onsubmit = q.onkeydown = (e) => { if (e.type === 'submit' || e.key === 'Enter') { e.preventDefault(); if (first) { first = false; q.value = ''; } else go(); } };"
        ),
        ends=FINE,
    ),
    "page_box_that_takes_nothing": at(
        server=page("q.oninput = () => { q.value = ''; };"), ends=GARBLED, detail=("characters",)
    ),
    "page_sends_by_nothing": at(
        server=page("f.onsubmit = (e) => e.preventDefault(); q.onkeydown = null; f.querySelector('button').remove();"),
        ends=GARBLED,
        detail=("stayed in its box",),
    ),
    "page_repeats_the_prompt": at(server=page("answer = (t) => reply(t);"), ends=QUESTION),
    "page_repeats_the_prompt_and_then_answers": at(
        server=page("answer = async (t) => { await reply(t); await reply('The moon pulls.'); };"),
        ends=f"{QUESTION}\n\n{FINE}",
    ),
    "page_answers_the_previous_question": at(
        server=page("let before = 'nothing yet'; answer = (t) => { reply('You asked: ' + before); before = t; };"),
        turns=(QUESTION, "And why two a day?"),
        ends=f"You asked: {QUESTION}",
    ),
    # How it answers
    "page_never_answers": soon(server=page("answer = () => {};"), ends=TIMEOUT, detail=("nothing came",)),
    "page_never_ends": soon(
        server=page("answer = () => { const d = add('bot', ''); setInterval(() => d.append('on and on '), 50); };"),
        ends=TIMEOUT,
        detail=("characters came",),
    ),
    "page_thinks_for_ever": soon(server=page("answer = () => add('bot', 'Thinking…');"), ends=TIMEOUT),
    "page_thinks_and_then_answers": at(
        server=page(
            "answer = () => { const d = add('bot', 'Thinking…'); setTimeout(() => { d.textContent = ''; grow(d, 'The moon pulls.'); }, 2500); };"
        ),
        ends=FINE,
    ),
    "page_answers_after_a_pause": at(
        server=page(
            "answer = async () => { await new Promise((r) => setTimeout(r, 4000)); reply('The moon pulls.'); };"
        ),
        ends=FINE,
    ),
    "page_rewrites_its_answer": at(
        server=page(
            "answer = async () => { const d = add('bot', ''); await grow(d, 'The sun, the wind.'); d.textContent = 'The moon pulls.'; };"
        ),
        ends=FINE,
    ),
    "page_draws_everything_anew": at(
        server=page(
            "answer = async (t) => { let n = 0; const all = 'The moon pulls.'.split(/(?<= )/); const i = setInterval(() => { log.innerHTML = ''; add('user', t); add('bot', all.slice(0, ++n).join('')); if (n >= all.length) clearInterval(i); }, 60); };"
        ),
        ends=FINE,
    ),
    "page_scrolls_for_ever": at(
        server=page(
            "let n = 0; const more = () => { for (let k = 0; k < 5; k++) { const d = document.createElement('article'); d.textContent = 'Offer ' + ++n + ': buy one, get one.'; by('feed').append(d); } };"
            "more(); addEventListener('scroll', more); setInterval(more, 300);",
            body=BOX + "<aside id=feed></aside>",
        ),
        ends=FINE,
    ),
    "page_clock_ticks": at(
        server=page(
            "setInterval(() => { by('clock').textContent = new Date().toISOString(); }, 50);",
            body="<header id=clock></header>" + BOX,
        ),
        ends=FINE,
    ),
    "page_suggests_more": at(
        server=page(
            "answer = async () => { await reply('The moon pulls.'); const d = add('chips', ''); for (const t of ['Tell me more', 'And the sun?']) { const b = document.createElement('button'); b.textContent = t; d.append(b); } };"
        ),
        ends=FINE,
    ),
    "page_answer_of_a_million_letters": at(
        server=page("answer = () => add('bot', 'a'.repeat(1e6));"), ends=CUT_OFF, detail=("400,000",)
    ),
    "page_backend_broken": at(
        server=site(
            {
                "": fixed(html(FETCHES.replace("add('bot', await r.text())", "if (r.ok) add('bot', 'Hi')")), kind=HTML),
                "/api": fixed(b"upstream is gone", status="500 Internal Server Error"),
            }
        ),
        ends=SERVER,
        detail=("500", "upstream is gone"),
    ),
    "page_backend_limited": at(
        server=site(
            {
                "": fixed(html(FETCHES), kind=HTML),
                "/api": fixed(b"Too many requests, try again later", status="429 Too Many Requests"),
            }
        ),
        ends=LIMITED,
        detail=("429",),
    ),
    # The page itself
    "page_server_broken": at(
        server=site({"": fixed(b"<p>Sorry", status="500 Internal Server Error", kind=HTML)}),
        ends=SERVER,
        detail=("500",),
    ),
    "page_not_found": at(
        server=site({"": fixed(b"<p>Nothing here", status="404 Not Found", kind=HTML)}), ends=REFUSED, detail=("404",)
    ),
    "page_limited": at(
        server=site({"": fixed(b"<p>Slow down", status="429 Too Many Requests", kind=HTML)}),
        ends=LIMITED,
        detail=("429",),
    ),
    "page_redirects_in_a_loop": at(server=moved_to_itself, ends=REFUSED, detail=("REDIRECTS",)),
    "page_redirects_to_another_host": at(
        server=fixed(b"", status="302 Found", headers=("location: http://elsewhere.example/",)),
        ends=REFUSED,
        detail=("another host", "elsewhere.example"),
    ),
    "page_hangs_up": at(server=BEHAVIOURS["hangs_up"], ends=CUT_OFF, detail=("ERR_EMPTY_RESPONSE",)),
    "page_not_http": at(server=BEHAVIOURS["not_http"], ends=GARBLED, detail=("ERR_INVALID_HTTP_RESPONSE",)),
    "page_never_comes": soon(server=stalls(b""), ends=TIMEOUT, detail=("did not load",)),
    "page_never_whole": soon(
        server=stalls(head_of("200 OK", f"content-type: {HTML}") + b"<p>Loading"),
        ends=TIMEOUT,
        detail=("did not load",),
    ),
    "page_is_a_download": at(
        server=fixed(b"PK", kind="application/zip", headers=("content-disposition: attachment; filename=chat.zip",)),
        ends=GARBLED,
        detail=("Download",),
    ),
    "page_is_plain_text": soon(
        server=site({"": fixed(b"Chat here", kind="text/plain")}), ends=GARBLED, detail=("no box",)
    ),
    "page_no_content": at(server=fixed(b"", status="204 No Content"), ends=GARBLED, detail=("ERR_ABORTED",)),
    "page_of_ten_megabytes": at(server=page(body=BOX + "<!--" + "a" * 10_000_000 + "-->"), ends=FINE),
    "page_of_twenty_thousand_elements": at(server=page(body=BOX + "<i>x</i>" * 20_000), ends=FINE),
    "page_of_mixed_encodings": at(
        server=site({"": fixed(html(body="<p>caf\u00e9</p>" + BOX).replace("\u00e9".encode(), b"\xe9"), kind=HTML)}),
        ends=FINE,
    ),
    "page_tls_expired": at(
        server=page(), serve=partial(serving_tls, "expired"), heals=False, ends=CONNECT, detail=("ERR_CERT",)
    ),
    "page_busy_from_the_start": soon(server=page("for (;;);"), ends=TIMEOUT),
    "page_busy_after_the_question": soon(
        server=page("answer = () => { for (;;); };"), ends=frozenset({TIMEOUT, CUT_OFF})
    ),
    "page_reloads_for_ever": soon(
        server=page("answer = () => {}; setTimeout(() => location.reload(), 200);"), ends=frozenset({TIMEOUT, CUT_OFF})
    ),
    "page_leaves_for_another_host": soon(
        server=page("answer = () => { location = 'http://elsewhere.example/'; };"),
        ends=REFUSED,
        detail=("led away to another host", "elsewhere.example"),
    ),
    "page_leaves_for_another_host_before_it_is_asked": soon(
        server=page("f.remove(); setTimeout(() => { location = 'http://elsewhere.example/'; }, 300);"),
        ends=REFUSED,
        detail=("led away to another host", "elsewhere.example"),
    ),
    "page_leaves_for_another_host_by_a_redirect": soon(
        server=site(
            {
                "": fixed(html("answer = () => { location = '/away'; };"), kind=HTML),
                "/away": fixed(b"", status="302 Found", headers=("location: http://elsewhere.example/",)),
            }
        ),
        ends=REFUSED,
        detail=("led away to another host", "elsewhere.example"),
    ),
    "page_leads_to_one_that_breaks": soon(
        server=site(
            {"": fixed(html("answer = () => { location = '/gone'; };"), kind=HTML), "/gone": BEHAVIOURS["hangs_up"]}
        ),
        ends=CUT_OFF,
        detail=("did not load",),
    ),
    "page_opens_a_frame_of_another_host_and_then_answers": at(
        server=page(
            "answer = async () => { const i = document.createElement('iframe'); i.src = 'http://ads.example/'; document.body.append(i);"
            " await new Promise((r) => setTimeout(r, 4000)); reply('The moon pulls.'); };"
        ),
        ends=FINE,
    ),
    "page_closes_itself": soon(server=page("answer = () => { close(); };"), ends=frozenset({TIMEOUT, CUT_OFF})),
    "page_opens_windows": at(
        server=page("setInterval(() => open('/'), 1000);"), page=Page(quiet_s=3.0), ends=FINE
    ),  # each of which opens more, in the same process
    "page_breaks_the_language": soon(
        server=page("Array.prototype.toJSON = () => 'gotcha'; window.JSON = null; Object.keys = null;"),
        ends=frozenset({TIMEOUT, GARBLED}),
    ),
    "page_forbids_scripts_of_others": at(
        server=site(
            {
                "": fixed(
                    html().replace(KIT.encode(), b"").replace(b"<script>", b"<script src=/kit.js>"),
                    kind=HTML,
                    headers=("content-security-policy: default-src 'self'; style-src 'none'",),
                ),
                "/kit.js": fixed(KIT.encode(), kind="text/javascript"),
            }
        ),
        ends=FINE,
    ),
}
BUSY = ("page_busy_from_the_start", "page_busy_after_the_question", "page_reloads_for_ever")
"""Those that take all of a processor as long as they are open."""
