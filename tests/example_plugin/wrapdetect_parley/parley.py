"""Dialect parley (POST {url}/parley): {"line": ...} out, {"said": ...} back; it neither streams nor remembers."""

from collections.abc import Sequence

from wrapdetect.dialects import Call, Reply, WireFormat
from wrapdetect.dialects.body.json_text import Answer, Json, short
from wrapdetect.dialects.body.replies import ReplyShape, decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.model import Ask, Endpoint, FailureKind


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    earlier = [line for pair in zip(ask.turns, answers, strict=False) for line in pair]
    return Call(body={"line": "\n".join([*earlier, ask.turns[len(answers)]])}, stream=False, path="/parley")


def _read_plain(t_s: float, body: Json) -> Reply:
    if not isinstance(body.get("said"), str):
        raise BodyError(FailureKind.GARBLED, f"nothing said in the body: {short(body)}")
    answer = Answer()
    answer.add(t_s, body["said"])
    return answer.reply()


def _read_stream(stream: Stream) -> Reply:
    return _read_plain(*stream.objects[-1])


def _shape_of(_: Json) -> ReplyShape:
    return "whole"


DIALECT = WireFormat(
    name="parley",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, _shape_of),
    takes_system=lambda _: False,
)
