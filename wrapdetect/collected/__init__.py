"""Answers that others collected (a table, a browser's recording) -> a run like any other. Pure."""

from wrapdetect.collected.gather import Collection, asked_together, without_times
from wrapdetect.collected.said import Conversation, Said, speaker

__all__ = ["Collection", "Conversation", "Said", "asked_together", "speaker", "without_times"]
