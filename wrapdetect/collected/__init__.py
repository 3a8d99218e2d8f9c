"""Answers that others collected (a table, a browser's recording) -> a run like any other. Pure."""

from wrapdetect.collected.gather import TARGET, Collection, asked_together, without_times
from wrapdetect.collected.said import Conversation, Said, Speaker

__all__ = ["TARGET", "Collection", "Conversation", "Said", "Speaker", "asked_together", "without_times"]
