"""Shapes of records that tools export: a registry, of which the first that recognises is taken. Pure."""

from collections.abc import Mapping

from wrapdetect.runs.collected.shapes import arena, batch, chatgpt, claude, evaluations, traces
from wrapdetect.runs.collected.shapes.base import Context, Record, RecordedTalk, Shape
from wrapdetect.runs.collected.shapes.batch import questions_of

SHAPES: Mapping[str, Shape] = {
    "chatgpt": chatgpt.SHAPE,
    "claude": claude.SHAPE,
    "arena": arena.SHAPE,
    "batch_input": batch.INPUT,
    "batch_output": batch.SHAPE,
    "inspect": evaluations.INSPECT,
    "promptfoo": evaluations.PROMPTFOO,
    "lm_eval": evaluations.LM_EVAL,
    "mt_bench": evaluations.MT_BENCH,
    "phoenix": traces.PHOENIX,
    "langsmith": traces.LANGSMITH,
    "langfuse": traces.LANGFUSE_SHAPE,
    "calls": evaluations.CALLS,
}
"""From the narrowest to the widest."""


def recognise(record: Record) -> Shape | None:
    """The shape of a record; None for a plain row of columns."""
    return next((s for s in SHAPES.values() if s.recognise(record)), None)


__all__ = ["SHAPES", "Context", "Record", "RecordedTalk", "Shape", "questions_of", "recognise"]
