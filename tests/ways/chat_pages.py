"""Chat pages as people build them, each with the answer that a reader sees: notices, furniture, blocks, launchers.

A page's script has `ask(text)`, called with each question, and the helpers of KIT; scripted, all of it.
"""

# ruff: noqa: E501  # a page stands in one line

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TRUTH = "The tides follow the moon, mostly."
BOX = "<div id=log></div><textarea id=t placeholder='Message'></textarea><button id=b aria-label=Send>&#8593;</button>"
KIT = """
const by = (id) => document.getElementById(id), TRUTH = %s;
const later = (ms) => new Promise((ok) => setTimeout(ok, ms));
const put = (parent, tag, cls, inner) => { const d = document.createElement(tag); d.className = cls; d.innerHTML = inner; parent.append(d); return d; };
const bot = (inner) => put(by('log'), 'div', 'msg bot', inner);
const grow = async (el, text, gap = 60) => { let all = ''; for (const w of text.split(/(?<= )/)) { all += w; el.textContent = all; await later(gap); } };
const wire = () => {
  const t = by('t');
  const go = () => { const q = t.value.trim(); if (!q) return; t.value = ''; put(by('log'), 'div', 'msg user', '').textContent = q; ask(q); };
  by('b').onclick = go; t.onkeydown = (e) => { if (e.key === 'Enter') { e.preventDefault(); go(); } };
};
if (by('t')) wire();
""" % json.dumps(TRUTH)  # noqa: UP031  # braces belong to the script


@dataclass(frozen=True, slots=True)
class Chat:
    """A page: the script that answers, its body, and what is read of it; `frame` is another page of the same name."""

    script: str
    truth: str = TRUTH
    body: str = BOX
    frame: str = ""


def notice(text: str, *, shown_ms: int = 200, answered_ms: int = 2600, stays: bool = True) -> Chat:
    """A notice, and the answer later: below it, or in its place."""
    then = "const a = bot('')" if stays else "const a = n; a.textContent = ''"
    return Chat(
        f"ask = async () => {{ await later({shown_ms}); const n = bot({json.dumps(text)}); await later({answered_ms - shown_ms}); {then}; await grow(a, TRUTH); }};"
    )


def bubble(inner: str, truth: str = TRUTH) -> Chat:
    """An answer that comes as markup at once, from the page's host."""
    return Chat(f"ask = async () => {{ await fetch('/slow?0'); bot({json.dumps(inner)}); }};", truth)


NOTICES: Mapping[str, Chat] = {
    "one_moment": notice("One moment please, I will look that up for you."),
    "let_me_check": notice("Let me check that for you.", answered_ms=9000),
    "german": notice("Einen Moment bitte, ich schaue nach."),
    "chinese": notice("正在思考，请稍候……"),
    "thanks_first": notice("Thanks! Please bear with me."),
    "emoji": notice("🤔 Thinking about your question…", stays=False),
    "of_no_known_words": notice("Otters are diving into the archive for you", stays=False, answered_ms=4500),
    "begins_alike": notice("The tides follow", stays=False, answered_ms=4500),
    "typing_sign": Chat(
        "ask = async () => { const s = put(by('log'), 'div', 'typing-indicator', '<i></i>Marvin is typing'); await later(2500); s.remove(); await grow(bot(''), TRUTH); };"
    ),
    "spinner_and_request": Chat(
        "ask = async () => { const n = bot('Our archive is large'); await fetch('/slow?3500'); n.remove(); bot(TRUTH); };"
    ),
    "stop_button": Chat(
        "ask = async () => { const s = put(document.body, 'button', '', 'Stop generating'), n = bot('Reading the almanac of tides'); await later(8000); n.remove(); bot(TRUTH); s.remove(); };"
    ),
    "second_bubble_follows": Chat(
        "ask = async () => { await grow(bot(''), 'The tides follow '); await later(2000); await grow(bot(''), 'the moon, mostly.'); };",
        "The tides follow\n\nthe moon, mostly.",
    ),
    "three_in_turn": Chat(
        "ask = async () => { const n = bot('<i>Thinking…</i>'); await later(1800); n.textContent = 'Searching the archive…'; await later(2600); n.textContent = 'Writing'; await later(1500); await grow(n, TRUTH); };"
    ),
    "dots": Chat("ask = async () => { const n = bot('• • •'); await later(4000); n.remove(); bot(TRUTH); };"),
    "somebody_joins": Chat(
        "ask = async () => { put(by('log'), 'div', 'note', 'Ada has joined the chat.'); await later(4000); await grow(bot(''), TRUTH); };"
    ),
    "pause_within": Chat(
        "ask = async () => { const a = bot(''); await grow(a, 'The tides follow '); await later(3200); await grow(put(a, 'span', '', ''), 'the moon, mostly.'); };",
    ),
    "from_the_host": Chat(
        "ask = async () => { const n = bot('Your harbour pilot is on deck'); await (await fetch('/slow?1500')).text(); await (await fetch('/slow?3000')).text(); n.remove(); await grow(bot(''), TRUTH); };"
    ),
    "toast": Chat(
        "ask = async () => { put(document.body, 'div', 'toast', 'Your message has been sent.').setAttribute('role', 'status'); await later(2000); await grow(bot(''), TRUTH); };"
    ),
}
BAR = "<div class=bar><button>Copy</button><button>Regenerate</button><span>Chat can make mistakes.</span></div>"
FURNITURE: Mapping[str, Chat] = {
    "toolbar_and_disclaimer": bubble(f"<div>{TRUTH}</div>{BAR}"),
    "disclaimer_alone": bubble(
        f"<p>{TRUTH}</p><small>AI-generated content may be incorrect. Check what matters.</small>"
    ),
    "closed_details": bubble(
        f"<details><summary>Thought for 2 seconds</summary><p>They ask of tides.</p></details><p>{TRUTH}</p>"
    ),
    "open_details": bubble(
        f"<details open><summary>Reasoning</summary><p>They ask of tides.</p></details><p>{TRUTH}</p>"
    ),
    "thought_line": bubble(f"<div>Thought for 12s</div><p>{TRUTH}</p>"),
    "reasoning_block": bubble(f"<div class=reasoning>They ask of tides, so the moon.</div><p>{TRUTH}</p>"),
    "reasoning_beside_the_answer": bubble(
        f"<div><div class='thinking-panel'><p>They ask of tides.</p></div></div><div><p>{TRUTH}</p></div>"
    ),
    "name_inline": bubble(f"<span class=name>Ada</span> {TRUTH} <span class=time>10:31</span>"),
    "name_and_time": bubble(f"<div class=head><b>Ada Lovebot</b> · 10:31 AM</div><p>{TRUTH}</p>"),
    "hidden_for_screens": bubble(f"<span class=sr-only>Bot said:</span><p>{TRUTH}</p>"),
    "aria_hidden": bubble(f"<span aria-hidden=true>BOT</span><p>{TRUTH}</p>"),
    "receipt": bubble(f"<p>{TRUTH}</p><div class=receipt>Delivered</div>"),
    "helpful": bubble(
        f"<p>{TRUTH}</p><div class=feedback>Was this helpful? <button>Yes</button><button>No</button></div>"
    ),
    "custom_buttons": bubble(
        f"<p>{TRUTH}</p><div role=toolbar><a role=button>Copy</a><a role=button>Read aloud</a></div>"
    ),
    "suggestions": bubble(
        f"<p>{TRUTH}</p><div class=suggestions><a href=#>Why two a day?</a><a href=#>And in lakes?</a></div>"
    ),
    "as_the_greeting_has_it": Chat(
        "bot('<p>Ahoy!</p><i>Harbour desk, unofficial</i>'); ask = async () => { await fetch('/slow?0'); bot('<p>' + TRUTH + '</p><i>Harbour desk, unofficial</i>'); };"
    ),
    "two_bubbles_with_names": bubble(
        "<div class=m><div class=author>Ada</div><p>First the ebb.</p></div><div class=m><div class=author>Ada</div><p>Then the flood.</p><div class=time>10:31</div></div>",
        "First the ebb.\n\nThen the flood.",
    ),
    "thumbs": bubble(f"<p>{TRUTH}</p><div><span>👍</span><span>👎</span></div>"),
    "counts": bubble(f"<p>{TRUTH}</p><div>128 tokens · 0.8 s</div>"),
    "chips_of_no_name": bubble(
        f"<p>{TRUTH}</p><div><div style='cursor:pointer'>Why two a day?</div><div style='cursor:pointer'>And in lakes?</div></div>"
    ),
    "row_named_after_avatar": bubble(
        f"<div class='row with_avatar'><p>{TRUTH}</p><p>And the sun.</p></div>", f"{TRUTH}\n\nAnd the sun."
    ),
}
RICH_HTML = "<p>One <b>bold</b> word.</p><ul><li>ebb</li><li>flood</li></ul><pre><code class=language-py>x = 1\ny = 2</code></pre><table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr></table><p>That is all.</p>"
RICH = "One **bold** word.\n\n- ebb\n- flood\n\n```py\nx = 1\ny = 2\n```\n\na | b\n1 | 2\n\nThat is all."
GRADIO_ROW = "<div class='message-row bubble bot-row with_avatar svelte-1'><div class='avatar-container'><img alt=''></div><div class='flex-wrap role'><div class='message bot svelte-2'>{}</div></div><div class='message-buttons-left'><button title=Copy>C</button><button title=Retry>R</button></div></div>"
BLOCKS: Mapping[str, Chat] = {
    "markup": bubble(RICH_HTML, RICH),
    "gradio_markup": bubble(
        GRADIO_ROW.format(
            f"<div data-testid=bot dir=ltr><div class=message-content><span class='md chatbot prose'>{RICH_HTML}</span></div></div>"
        ),
        RICH,
    ),
    "gradio_messages_of_one_turn": bubble(
        GRADIO_ROW.format(
            "".join(
                f"<div class='message panel-full-width{late}'><div data-testid=bot style='user-select:text;cursor:pointer'><span class='md prose'><p>{text}</p></span></div></div>"
                for late, text in (("", "First the ebb."), (" thought", "Then the flood."), (" thought", "Then rest."))
            )
        ),
        "First the ebb.\n\nThen the flood.\n\nThen rest.",
    ),
    "gradio_thought": bubble(
        GRADIO_ROW.format(
            "<div class='message panel-full-width'><div class=thought-group><div class=title>Recalling</div><p>They ask of tides.</p></div></div>"
            f"<div class='message panel-full-width thought'><span class='md prose'><p>{TRUTH}</p></span></div>"
        )
    ),
    "gradio_button": bubble(
        GRADIO_ROW.format(
            f"<button data-testid=bot style='user-select:text'><span class='md prose'>{RICH_HTML}</span></button>"
        ),
        RICH,
    ),
    "short_in_a_button": bubble("<button data-testid=bot style='user-select:text'><p>Aye.</p></button>", "Aye."),
    "code_with_a_copy_button": bubble(
        "<p>Do:</p><div class='code actions'><button>Copy</button><pre><code>ls\npwd</code></pre></div><p>Done.</p>",
        "Do:\n\n```\nls\npwd\n```\n\nDone.",
    ),
    "code_with_its_language": bubble(
        "<p>Do:</p><div><div class=code-header><span>python</span><button>Copy code</button></div><pre><code class=language-python>x = 1</code></pre></div><p>Done.</p>",
        "Do:\n\n```python\nx = 1\n```\n\nDone.",
    ),
    "one_word_and_one_paragraph": bubble(
        "<p>Aye.</p><p>Twice a day, to be exact.</p>", "Aye.\n\nTwice a day, to be exact."
    ),
    "numbered_with_inner_lists": bubble(
        "<ol><li><p>Ebb</p><ul><li>slow</li></ul></li><li><p>Flood</p></li></ol>", "1. Ebb\n  - slow\n2. Flood"
    ),
    "paragraphs_by_and_by": Chat(
        "ask = async () => { const a = bot(''); for (const w of ['First the ebb.', 'Then the flood.', 'Then rest.']) { await grow(put(a, 'p', '', ''), w); await later(1500); } };",
        "First the ebb.\n\nThen the flood.\n\nThen rest.",
    ),
    "with_a_copy_button_in_it": bubble("Aye, twice. <button>Copy</button>", "Aye, twice."),
}
FIXED = "position:fixed;right:20px;bottom:20px;width:60px;height:60px"
OPENS = "document.addEventListener('click', (e) => { if (e.target.closest('.L') && !by('t')) { put(document.body, 'div', 'panel', PANEL); wire(); } }); ask = async () => { await later(100); await grow(bot(''), TRUTH); };"
PANEL = f"const PANEL = {json.dumps(BOX)};"


def launched(body: str) -> Chat:
    return Chat(PANEL + OPENS, body=f"<h1>Harbour shop</h1><p>Nets and ropes.</p>{body}")


LAUNCHERS: Mapping[str, Chat] = {
    "round_button": launched(f"<button class=L style='{FIXED}'><svg width=20 height=20></svg></button>"),
    "named_div": launched(f"<div class=L id=chat-launcher style='{FIXED};cursor:pointer'>&#128172;</div>"),
    "labelled": launched("<button class=L>Chat with us</button>"),
    "beside_a_search_box": launched(
        f"<header><input type=search placeholder='Search nets'></header><button class=L aria-label='Open chat' style='{FIXED}'>?</button>"
    ),
    "beside_a_contact_form": launched(
        f"<form><input placeholder='Your email'><textarea placeholder='Comment'></textarea></form><div role=button class=L aria-label='Open chat' style='{FIXED}'>?</div>"
    ),
    "in_a_frame": Chat(
        "",
        body="<h1>Harbour shop</h1><iframe src='?frame' style='position:fixed;right:0;bottom:0;width:400px;height:600px;border:0'></iframe>",
        frame=f"<button class=L aria-label='Open the chat' style='{FIXED}'>?</button><script>{KIT}{PANEL}{OPENS}</script>",
    ),
    "in_a_small_frame": Chat(
        PANEL
        + "onmessage = () => { put(document.body, 'div', '', PANEL); wire(); }; ask = async () => { await later(100); await grow(bot(''), TRUTH); };",
        body="<h1>Harbour shop</h1><iframe src='?frame' style='position:fixed;right:0;bottom:0;width:90px;height:90px;border:0'></iframe>",
        frame="<button style='width:60px;height:60px' onclick=\"parent.postMessage('open', '*')\"><svg width=20 height=20></svg></button>",
    ),
    "in_a_shadow_root": Chat(
        "const r = put(document.body, 'x-chat', '', '').attachShadow({mode: 'closed'}); r.innerHTML = `<button aria-label='Chat' style='"
        + FIXED
        + "'>?</button>`; r.querySelector('button').onclick = () => { r.innerHTML = ''; put(document.body, 'div', '', "
        + json.dumps(BOX)
        + "); wire(); }; ask = async () => { await later(100); await grow(bot(''), TRUTH); };",
        body="<h1>Harbour shop</h1>",
    ),
}
ALL: Mapping[str, Chat] = {
    f"{kind}-{name}": chat
    for kind, chats in (("notice", NOTICES), ("furniture", FURNITURE), ("blocks", BLOCKS), ("launcher", LAUNCHERS))
    for name, chat in chats.items()
}


def document(chat: Chat) -> bytes:
    head = "<!doctype html><html><head><meta charset=utf-8><title>Chat</title></head><body>"
    return f"{head}{chat.body}<script>let ask;{KIT}{chat.script}</script></body></html>".encode()


class _Handler(BaseHTTPRequestHandler):
    chats: Mapping[str, Chat] = ALL

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        chat = self.chats.get(parts.path.strip("/"))
        body = b"{}"
        if parts.path == "/slow":
            time.sleep(int(parts.query) / 1000)
        elif parts.path == "/say":
            body = json.dumps({"text": unquote(parts.query)}).encode()
        elif chat is not None and parts.query == "frame":
            body = f"<!doctype html><meta charset=utf-8><body>{chat.frame}".encode()
        elif chat is not None:
            body = document(chat)
        self.send_response(200)
        self.send_header("content-type", "application/json" if body[:1] == b"{" else "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving_chats(chats: Mapping[str, Chat] = ALL) -> Iterator[str]:
    """The pages on loopback; gives their root, below which each stands under its name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"chats": chats}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
