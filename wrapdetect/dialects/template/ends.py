"""Is an answer over, or is it an error? By a template's own signs, and by those that most protocols have."""

from functools import lru_cache

from wrapdetect.dialects.body.stream import END
from wrapdetect.dialects.body.told import is_error
from wrapdetect.dialects.body.unpacked import BodyError, lines, named_events
from wrapdetect.dialects.template.sources import Received, find_in, holds, is_source, needs_json, texts_sought
from wrapdetect.model import Chunk, Template


def ends_answer(template: Template, frame: str) -> bool:
    """Whether a websocket's frame is the last of an answer: its end, or an error.

    >>> ends_answer(Template(done="$.final"), '{"final": true}'), ends_answer(Template(done="bye"), '{"final": true}')
    (True, False)
    """
    received = Received(frame)
    return _is_end(template, received) or error_in(template, received) is not None


def finished(template: Template, data: bytes) -> bool:
    """Whether whole events or lines of a stream hold its end, so that nothing more need be waited for.

    >>> finished(Template(framing="sse", done="event:end"), b"event: end\\ndata: 1\\n\\n")
    True
    """
    here = (Chunk(t_s=0.0, data=data),)
    try:
        match template.framing:
            case "sse":
                found = [Received(e.data or "", event=e.name) for e in named_events(here) if e.end == "blank"]
            case "ndjson":
                found = [Received(line.text) for line in lines(here)]
            case _:
                return False
    except BodyError:
        return False
    return any(_is_end(template, r) or error_in(template, r) is not None for r in found)


@lru_cache(maxsize=64)
def signs_of_end(template: Template) -> tuple[bytes, ...] | None:
    """Bytes of which one stands in every piece of a stream that `ended` or `finished` is true of; None: unknown.

    A backslash is among them, since JSON may escape any letter.

    >>> signs_of_end(Template(framing="sse", answer="$.t", done="event:end"))
    (b'[DONE]', b'[done]', b'err', b'end', b'\\\\')
    """
    signs = ["[DONE]", "[done]", "err"]
    for source in (template.done, template.error):
        if source and not is_source(source):
            if "\n" in source:  # a server-sent event spells that with another "data:" between
                return None
            signs.append(source.strip())
        elif source:
            names = texts_sought(source)
            if names is None:
                return None
            signs += names
    return *(s.encode() for s in dict.fromkeys(signs)), b"\\"


def error_in(template: Template, received: Received) -> str | None:
    """The error that a part tells, where it tells one.

    Without a source for it: an event of that name, or a JSON object with a true `error` in which no answer stands.
    """
    if template.error:
        return (find_in(template.error, received) or received.text) if holds(template.error, received) else None
    if received.event == "error":
        return received.text or "error"
    if needs_json(template.answer):
        return received.text if _says_error(received) and not find_in(template.answer, received) else None
    labelled = any(k.lower() == "content-type" and "json" in v.lower() for k, v in received.headers)
    return received.text if labelled and _says_error(received) else None


def _says_error(received: Received) -> bool:
    return isinstance(received.json, dict) and is_error(received.json)


def _is_end(template: Template, received: Received) -> bool:
    if received.text.strip() in END or is_plain_end(template, received.text):
        return True
    return bool(template.done) and is_source(template.done) and holds(template.done, received)


def is_plain_end(template: Template, text: str) -> bool:
    return bool(template.done) and not is_source(template.done) and text.strip() == template.done.strip()
