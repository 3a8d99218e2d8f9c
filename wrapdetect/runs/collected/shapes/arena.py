"""Files of arenas (LMSYS and others): two models answer the same user, each in a conversation of its own."""

from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.runs.collected.envelopes import messages_of, opened_json
from wrapdetect.runs.collected.shapes.base import Context, Record, RecordedTalk, Shape, at, text_at, told_moment

_SIDES = ("a", "b")


def _recognise(record: Record) -> bool:
    return "model_a" in record and "model_b" in record


def _read(record: Record, context: Context) -> Iterator[RecordedTalk]:
    for side in _SIDES:
        name = text_at(record, f"model_{side}")
        if not name.strip():
            raise context.unread(f"model_{side}", record.get(f"model_{side}"), "the speaker's name")
        started = told_moment(record.get("tstamp")) or told_moment(record.get("timestamp"))
        yield RecordedTalk(speaker=name, messages=_messages(record, side, context), started=started)


def _messages(record: Record, side: str, context: Context) -> Sequence[tuple[str, str]]:
    if (held := at(record, f"conversation_{side}")) is not None:
        if not (messages := messages_of(held)):
            raise context.unread(f"conversation_{side}", held, "a list of messages with role and content")
        return messages
    if (both := opened_json(at(record, "full_conversation"))) is not None:
        return _of_rounds(both, side, context)
    turns, answers = _listed(opened_json(at(record, "prompt"))), _listed(opened_json(at(record, f"response_{side}")))
    if not turns or len(turns) != len(answers):
        raise context.unread(
            f"conversation_{side}", None, f"conversation_{side}, or prompt and response_{side} of as many turns"
        )
    pairs = zip(turns, answers, strict=True)
    return [m for turn, answer in pairs for m in context.pair(turn, answer)]


def _of_rounds(both: object, side: str, context: Context) -> Sequence[tuple[str, str]]:
    rounds = both if isinstance(both, Sequence) and not isinstance(both, str) else []
    found: list[tuple[str, str]] = []
    for each in rounds:
        if isinstance(each, Mapping):
            found += context.pair(each.get("user"), each.get(f"model_side_{side}"))
    return found


def _listed(value: object) -> list[object]:
    """A text is a conversation of one turn; a list holds a text for each."""
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, Sequence) else []


SHAPE = Shape("an arena's battles: answers of two speakers a row", _recognise, _read)
