"""wrapdetect target: what stands at a URL and how to talk to it; does a target TOML work; a curl command as one."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from wrapdetect.cli.target.detecting import look_at, toml_of, write_new
from wrapdetect.cli.terminal import say
from wrapdetect.dialects import Call, decode, encode
from wrapdetect.dialects.body.hints import next_step
from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.dialects.template.problems import ENDLESS, is_endless
from wrapdetect.errors import ConfigError, SpecError, TargetSilent
from wrapdetect.model import TARGET, Ask, AskKey, Endpoint, Exchange, FailureKind
from wrapdetect.model.prose import quote
from wrapdetect.runs.hello import hello_failure, not_found
from wrapdetect.runs.survey import Open, answers_with_version
from wrapdetect.store.config_file import load_config
from wrapdetect.store.shipped import HELLO, load_pack
from wrapdetect.targets.curl import from_text
from wrapdetect.targets.curl.lifting import STAND_IN
from wrapdetect.targets.written import dump_target
from wrapdetect.ways.send import ways_to

NOTHING_EXIT = TargetSilent.exit_code
MOST_HOPS = 12
"""Requests beside the question that are shown one by one."""
MOST_TOLD = 5
_TOLD = re.compile(r'\\?"(model|provider)\\?"\s*:\s*\\?"([^"\\]{1,200})\\?"')
"""What a page's own traffic gives away; the quotes are escaped where JSON stands within JSON."""
READ_OF_HOP = 200_000
CAME = 300
"""Characters shown of the start and the end of what came, where it was no answer."""


def detect_target(url: str, *, key_env: str | None, model: str | None, out: Path | None) -> int:
    """Print, or write to `out`, the TOML of the target at an address. Raises TargetSilent where there is no way in."""
    if out is not None and out.exists():
        raise SpecError(f"{out} is there already, and nothing is overwritten; name another file with --out")
    looked = look_at(url, key_env=key_env, model=model)
    text = toml_of(looked)
    if out is None:
        sys.stdout.write(text)
    else:
        write_new(out, text)
        say(f"written to {out}; next: wrapdetect target check {out}")
    return 0


def check_target(config: Path, *, prompt: str | None, timeout_s: float) -> int:
    """Ask the target of a config file one question, and show what went out and what came back.

    3 where no answer came, or one that is still wrapped in events or JSON; else 0.
    Raises ConfigError or SpecError for what cannot be asked.
    """
    endpoint = next((e for e in load_config(config).endpoints() if e.role == "target"), None)
    if endpoint is None:
        raise ConfigError(f"{config}: no [target]; expected a file as `wrapdetect target detect URL` writes it")
    item = load_pack(HELLO).items[0]
    ask = Ask(
        key=AskKey(HELLO, item.id, 0),
        turns=(prompt or item.turns[0],),
        system="",
        temperature=item.temperature,
        max_tokens=item.max_tokens,
    )
    call = encode(ask, (), endpoint)
    open_ = ways_to((endpoint,), say=say, timeout_s=timeout_s)
    exchange = asyncio.run(_put(endpoint, ask, call, open_))
    for line in shown_lines(endpoint, call, exchange):
        print(line)
    if hello_failure(exchange, endpoint) is None:
        return 0
    if not_found((exchange,), endpoint):
        answers = asyncio.run(answers_with_version(endpoint, ask, open_))
        if answers:
            print(f"NOTE     {answers}")
    return NOTHING_EXIT


async def _put(endpoint: Endpoint, ask: Ask, call: Call, open_: Open) -> Exchange:
    async with open_((endpoint,)) as send:
        return await send(endpoint, ask, 0, 0, call)


def shown_lines(endpoint: Endpoint, call: Call, exchange: Exchange) -> Iterator[str]:
    """An exchange in plain words, a line each; nothing of it can drive a terminal."""
    reply = decode(exchange, endpoint)
    yield f"asked    {_request(endpoint, call)}"
    yield f"sent     {quote(exchange.sent, 600) or '(nothing)'}"
    yield f"status   {exchange.status if exchange.status is not None else 'none'}{_media_type(exchange)}"
    yield f"times    {_times(exchange)}"
    yield from _beside(endpoint, exchange)
    yield from [f"answer   {quote(reply.text, 2000)}"] if reply.text else []
    yield from [f"model    {quote(reply.model, 100)}"] if reply.model else []
    yield from [f"finish   {quote(reply.finish, 100)}"] if reply.finish else []
    yield from (f"field    {quote(k, 60)} = {quote(v, 160)}" for k, v in reply.fields)
    failure = hello_failure(exchange, endpoint)
    if failure is not None and reply.failure is None:
        yield f"NOTE     {quote(failure.detail, 400)}"
    yield from [f"missing  {', '.join(exchange.missing)}"] if exchange.missing else []
    if reply.failure is not None:
        yield from [f"came     {_came(exchange)}"] if exchange.chunks else []
        yield f"FAILED   {reply.failure.kind}: {quote(reply.failure.detail, 400)}"
        if reply.failure.kind == FailureKind.TIMEOUT and endpoint.template and is_endless(endpoint.template):
            yield f"NOTE     {ENDLESS}"
        if step := next_step(endpoint, exchange.status, reply.failure):
            yield f"NOTE     {step}"


def _came(exchange: Exchange) -> str:
    """The start and the end of what came, where it could not be read as an answer."""
    text = b"".join(c.data for c in exchange.chunks).decode("utf-8", "replace")
    if len(text) <= 2 * CAME:
        return quote(text, 2 * CAME)
    return f"{quote(text[:CAME], CAME)} [...] {quote(text[-CAME:], CAME)}"


def _told(exchange: Exchange) -> Iterator[str]:
    """Names of models and providers in the other requests' answers, each once."""
    found: dict[str, None] = {}
    for hop in exchange.hops:
        text = b"".join(c.data for c in hop.chunks)[:READ_OF_HOP].decode("utf-8", "replace")
        found |= {f"{quote(hop.url, 120)}: {m[1]} = {quote(m[2], 100)}": None for m in _TOLD.finditer(text)}
    yield from (f"told     {line}" for line in list(found)[:MOST_TOLD])


def _beside(endpoint: Endpoint, exchange: Exchange) -> Iterator[str]:
    """The other requests: the first few, the hosts that were asked, and those that were not."""
    hops = exchange.hops
    for hop in hops[:MOST_HOPS]:
        yield f"also     {hop.method} {quote(hop.url, 120)}: {hop.status if hop.status is not None else 'no answer'}"
    if len(hops) > MOST_HOPS:
        yield f"also     {len(hops) - MOST_HOPS} more requests"
    yield from _told(exchange)
    own = urlsplit(endpoint.url).hostname
    asked = {urlsplit(h.url).hostname or "" for h in hops if h.status is not None} - {""}
    wanted = {urlsplit(h.url).hostname or "" for h in hops if h.status is None} - asked - {"", own}
    yield from [f"hosts    {', '.join(quote(h, 80) for h in sorted(asked))}"] if asked else []
    if wanted:
        names = ", ".join(quote(h, 80) for h in sorted(wanted))
        yield f"wanted   {names}: not asked; if the chat needs them, name them: hosts = [...] in the TOML"


def import_target(source: str, *, prompt: str, conversation_id: str) -> int:
    """Print the target TOML of a pasted curl command or raw HTTP request; `source` is a path, or - for standard input.

    Secrets are taken out of it: the variables that shall hold them are named, their values never shown.
    Raises SpecError for what cannot be read as a request, or holds no question.
    """
    imported = from_text(_pasted(source), prompt=prompt, conversation_id=conversation_id)
    for note in imported.notes:
        say(f"note   {note}")
    if not imported.prompt_found:
        raise SpecError(
            "the question was not found in the request; "
            "give its very words with --prompt, or put {prompt} in their place"
        )
    for name in (n for n, value in imported.secrets.items() if not STAND_IN.fullmatch(value)):
        say(f"secret {name}: taken out of the request; set this variable to it before asking")
    for name in (n for n in imported.template.variables or () if n not in imported.secrets):
        say(f"reads  {name}: the command reads that variable; whatever it holds will be sent to {quote(imported.url)}")
    endpoint = Endpoint(
        name=TARGET, role="target", url=imported.url, model="", dialect="template", template=imported.template
    )
    sys.stdout.write(dump_target(endpoint))
    return 0


def _pasted(source: str) -> str:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise SpecError(f"cannot read {source}: {error.strerror}; expected a file with a curl command, or -") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{source}: not UTF-8 text (byte {error.start}); expected a curl command or request") from error
    if not text.strip():
        raise SpecError(f"{source}: empty; expected a curl command, as a browser's network panel copies it")
    return text


def _request(endpoint: Endpoint, call: Call) -> str:
    how = f"({endpoint.dialect}{', streamed' if call.stream else ''})"
    template = endpoint.template
    if template is not None:
        return f"{template.method} {endpoint.url}{quote(template.path, 200)} {how}"
    if endpoint.dialect == "page":
        return f"{endpoint.url} {how}"
    query = "&".join(f"{name}={value}" for name, value in endpoint.query)
    mark = ("&" if "?" in call.path else "?") if query else ""
    return f"POST {endpoint.url}{call.path}{mark}{quote(query, 200)} {how}"


def _times(exchange: Exchange) -> str:
    chunks = exchange.chunks
    if not chunks:
        return f"nothing within {exchange.ended_s:.2f} s"
    size = sum(len(c.data) for c in chunks)
    pieces = f"{size:,} bytes in {len(chunks)} piece{'s' if len(chunks) > 1 else ''}"
    return f"first byte after {chunks[0].t_s:.2f} s, the last after {chunks[-1].t_s:.2f} s, {pieces}"


def _media_type(exchange: Exchange) -> str:
    kind = header_of(exchange.headers, "content-type")
    return f", {quote(kind, 60)}" if kind else ""
