"""What all dialects over JSON share: objects out of text, an answer put together in pieces."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from wrapdetect.dialects.base import Piece, Reply, without_text
from wrapdetect.dialects.body.remote_json import parse_json
from wrapdetect.dialects.body.told import is_error, is_refusal, is_stop_by_error, kind_of_text, kind_told
from wrapdetect.dialects.body.unpacked import BodyError, header_of
from wrapdetect.model import Exchange, FailureKind
from wrapdetect.model.text import whole

Json = dict[str, object]

SLIPPED = ("id", "system_fingerprint", "provider", "service_tier")
"""Fields of a reply that say something of the path behind it."""
_FEWEST_STEPS = 2
"""Of pieces that each hold the one before: fewer may be chance."""


def content_kind(exchange: Exchange) -> str:
    """The content type without its parameters, in lower case."""
    return header_of(exchange.headers, "content-type").partition(";")[0].strip().lower()


def json_object(text: str) -> Json:
    """Raises BodyError, showing how the text begins, where it is no JSON object."""
    try:
        value = parse_json(text)
    except json.JSONDecodeError as error:
        raise BodyError(FailureKind.GARBLED, f"not JSON: {short(text)}") from error
    except ValueError as error:
        raise BodyError(FailureKind.GARBLED, f"not JSON that can be read, {error}: {short(text)}") from error
    return as_object(value, text)


def as_object(value: object, text: str) -> Json:
    """A JSON value as the object that is due; `text` is what it was read from. Raises BodyError for any other, and for
    a list that tells an error."""
    if isinstance(value, dict):
        return cast("Json", value)
    if any(map(is_error, objects(value)[:1])):
        raise BodyError(kind_told(value), f"error in a list: {short(text)}")
    raise BodyError(FailureKind.GARBLED, f"{type(value).__name__} where a JSON object is due: {short(text)}")


def refuse_error(body: Json, where: str) -> Json:
    """The object itself. Raises BodyError where it is an error, in whatever dress, by what its code or type means."""
    if is_refusal(body):
        told = body.get("error")
        shown = told if told and isinstance(told, str | dict) else body
        raise BodyError(kind_told(body), f"error object in the {where}: {short(shown)}")
    return body


def part(body: Mapping[str, object], name: str) -> Json:
    """The object of that name, or an empty one.

    >>> part({"usage": {"input_tokens": 3}}, "usage"), part({"usage": None}, "usage")
    ({'input_tokens': 3}, {})
    """
    value = body.get(name)
    return cast("Json", value) if isinstance(value, dict) else {}


def parts(body: Mapping[str, object], name: str) -> list[Json]:
    """The objects in the list of that name.

    >>> parts({"content": [{"text": "a"}, 7]}, "content")
    [{'text': 'a'}]
    """
    return objects(body.get(name))


def objects(value: object) -> list[Json]:
    """The objects of a JSON list.

    >>> objects([{"id": 1}, "x"]), objects(None)
    ([{'id': 1}], [])
    """
    return [cast("Json", v) for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def text_in(body: Mapping[str, object], name: str) -> str:
    """The text of that name, or "".

    >>> text_in({"text": "Hi."}, "text"), text_in({"text": ["Hi."]}, "text")
    ('Hi.', '')
    """
    value = body.get(name)
    return value if isinstance(value, str) else ""


@dataclass(slots=True)
class Answer:
    """An answer as it comes in: its text in pieces, and what the protocol lets slip beside it."""

    pieces: list[Piece] = field(default_factory=list)
    model: str | None = None
    finish: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    _half: str = ""
    _last_s: float = 0.0

    def add(self, t_s: float, text: object) -> None:
        """A piece of text; what is no text adds nothing. Half a surrogate pair waits for the other half."""
        if not isinstance(text, str) or not text:
            return
        text, self._half, self._last_s = self._half + text, "", t_s
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            self.pieces.append(Piece(t_s, whole(text)))

    def note(self, body: Mapping[str, object], names: Mapping[str, str]) -> None:
        """Keep the values of those fields (name in the body -> our name) that are set; a later one replaces."""
        for name, ours in names.items():
            if body.get(name):
                self.fields[ours] = whole(str(body[name]))

    def slipped(self, body: Mapping[str, object]) -> None:
        """The model that it says it is and the fields of SLIPPED, each the first time that it says something."""
        if self.model is None:
            self.named(body.get("model"))
        for name in SLIPPED:
            if name not in self.fields and body.get(name):
                self.fields[name] = whole(str(body[name]))

    def named(self, model: object) -> None:
        """The model that it says it is, the first time that it is not empty."""
        if self.model is None and isinstance(model, str) and model.strip():
            self.model = whole(model)

    def finished(self, reason: object) -> None:
        """Why it ended, where that is a text."""
        if isinstance(reason, str) and reason:
            self.finish = whole(reason)

    def reply(self, *, done: bool = True, sign: str = "", as_sent: bool = False) -> Reply:
        """The whole; snapshots sent as pieces are taken for what each added, but for `as_sent`.

        Raises BodyError for a stream that ended before it was `done`, which `sign` would have shown, and for one that
        says that it broke off.
        """
        if self._half:
            self.pieces.append(Piece(self._last_s, whole(self._half)))
        if self.finish is not None and is_stop_by_error(self.finish):
            kind = kind_of_text(json.dumps({"code": self.finish}))
            raise BodyError(kind, f"the answer broke off after {len(self.pieces)} pieces: {short(self.finish)}")
        if not done:
            raise BodyError(FailureKind.CUT_OFF, f"the stream ended after {len(self.pieces)} pieces without {sign}")
        pieces = self.pieces if as_sent else _grown(self.pieces)
        text = "".join(p.text for p in pieces)
        return Reply(
            text=text,
            pieces=tuple(pieces),
            model=self.model,
            finish=self.finish,
            fields=tuple(self.fields.items()),
            failure=without_text(text),
        )


def _grown(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces; or, where each holds all that came before it and more, three at least, what each added.

    >>> [p.text for p in _grown([Piece(1.0, "It"), Piece(2.0, "It is"), Piece(3.0, "It is so.")])]
    ['It', ' is', ' so.']
    >>> [p.text for p in _grown([Piece(1.0, "ha"), Piece(2.0, "ha"), Piece(3.0, "ha")])]
    ['ha', 'ha', 'ha']
    """
    steps = list(pairwise(pieces))
    if steps and steps[-1][0].text == steps[-1][1].text:  # the last is often sent twice, with its end
        steps.pop()
    if len(steps) < _FEWEST_STEPS or any(len(a.text) >= len(b.text) for a, b in steps):
        return pieces
    if not all(b.text.startswith(a.text) for a, b in steps):
        return pieces
    return [pieces[0], *(Piece(b.t_s, b.text[len(a.text) :]) for a, b in steps)]


def short(value: object, limit: int = 160) -> str:
    """One line of it.

    >>> short({"message": "no"}), short("a\\n b" * 100, 8)
    ('{"message": "no"}', 'a ba ba …')
    """
    text = value if isinstance(value, str) else _dumped(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


def _dumped(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:  # read just before nesting was too deep, and written from further within
        return "something nested too deeply to show"
