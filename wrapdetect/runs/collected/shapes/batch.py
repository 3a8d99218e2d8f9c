"""Output of OpenAI's and Anthropic's batches: the answers; the questions are in the batch's input file."""

from collections.abc import Iterable, Iterator, Mapping

from wrapdetect.errors import LibraryError
from wrapdetect.runs.collected.shapes.base import Context, Record, RecordedTalk, Shape, at, text_at

NEXT = "the questions are in the batch's input file: give it by --questions FILE"


def _recognise(record: Record) -> bool:
    return "custom_id" in record and any(k in record for k in ("response", "result", "error"))


def _read(record: Record, context: Context) -> Iterator[RecordedTalk]:
    if context.questions is None:
        raise LibraryError(f"{context.place}: output of a batch, which holds answers only; {NEXT}")
    asked = context.questions.get(str(record["custom_id"]))
    status, body = at(record, "response", "status_code"), at(record, "response", "body")
    body = at(record, "result", "message") if body is None else body
    if record.get("error") or body is None or (isinstance(status, int) and status >= 300):
        context.left["requests that failed in the batch"] += 1
    elif asked is None:
        context.left["answers to questions that are not in the file of questions"] += 1
    else:
        messages = context.pair(asked, body)
        yield RecordedTalk(speaker=text_at(body, "model") if isinstance(body, Mapping) else "", messages=messages)


def questions_of(records: Iterable[tuple[str, Record]]) -> dict[str, object]:
    """Bodies of requests by custom_id. Raises LibraryError for a line that is none."""
    found: dict[str, object] = {}
    for place, record in records:
        body = at(record, "body") or at(record, "params")
        if "custom_id" not in record or not isinstance(body, Mapping):
            raise LibraryError(f"{place}: no custom_id with body; expected a line of a batch's input file")
        found[str(record["custom_id"])] = body
    return found


def _is_input(record: Record) -> bool:
    return "custom_id" in record and ("body" in record or "params" in record)


def _refuse(record: Record, context: Context) -> Iterator[RecordedTalk]:
    raise LibraryError(
        f"{context.place}: input of a batch, which holds questions only; import the batch's output, with this file as "
        "--questions FILE"
    )


SHAPE = Shape("output of a batch, questions of --questions", _recognise, _read)
INPUT = Shape("input of a batch", _is_input, _refuse)
