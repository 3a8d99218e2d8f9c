"""Any HTTP or websocket chat, as its template describes it: what goes out, and the answer in what comes back."""

from collections.abc import Sequence

from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.template.cutting import replying
from wrapdetect.dialects.template.ends import ends_answer, finished, signs_of_end
from wrapdetect.dialects.template.filling import names_in, parts_of
from wrapdetect.dialects.template.kept import kept_by, kept_in, polled
from wrapdetect.dialects.template.reading import read_answer
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Endpoint, Exchange, Template


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    """The values of the placeholders. A system prompt has its own place, or else it is the first of the messages."""
    template = _template_of(endpoint)
    apart = _mentions(template, "system")
    first: list[dict[str, object]] = [{"role": "system", "content": ask.system}] if ask.system and not apart else []
    return Call(
        body={
            "prompt": ask.turns[len(answers)],
            "messages": [*first, *so_far(ask, answers)],
            "system": ask.system,
        },
        stream=template.framing != "body",
        path=template.path,
    )


def _decode(exchange: Exchange, endpoint: Endpoint, *, stream: bool) -> Reply:
    return read_answer(exchange, _template_of(endpoint))


def _template_of(endpoint: Endpoint) -> Template:
    return endpoint.template or Template()


def _mentions(template: Template, name: str) -> bool:
    return any(name in names_in(part) for part in parts_of(template))


DIALECT = WireFormat(
    name="template",
    encode=_encode,
    decode=_decode,
    is_api=False,
    remembers=lambda endpoint: not _template_of(endpoint).holds_history,
    takes_system=lambda endpoint: any(_mentions(_template_of(endpoint), name) for name in ("system", "messages")),
)

__all__ = [
    "DIALECT",
    "ends_answer",
    "finished",
    "kept_by",
    "kept_in",
    "polled",
    "replying",
    "signs_of_end",
]
