"""Answers that others collected (a table, a browser's recording) -> a run like any other. Pure."""

from wrapdetect.runs.collected.gather import Collection, asked_together, without_times
from wrapdetect.runs.collected.said import Conversation, Said, speaker

__all__ = ["Collection", "Conversation", "Said", "asked_together", "speaker", "without_times"]
