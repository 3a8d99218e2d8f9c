"""Is a job's answer there yet? By the template's own words, or by the status that most jobs tell."""

import re
from collections.abc import Sequence
from typing import Literal

from wrapdetect.dialects.template.sources import Received, find_in, holds
from wrapdetect.model import Poll, Template

JobState = Literal["answered", "running", "failed"]
PENDING = frozenset({202, 304, 425, 429})
"""Statuses of a poll that say to come again; 429 says so to whoever asks too often, while the job goes on."""
MISSING, MOST_MISSING = 404, 20
"""Some have no address for what is not there yet; for whom it is none after so many polls, it is a wrong one."""
AT_WORK = frozenset(
    {
        "queued", "pending", "running", "processing", "inprogress", "started", "starting", "waiting", "submitted",
        "created", "accepted", "inqueue", "scheduled", "working", "notstarted", "preparing", "generating",
    }
)  # fmt: skip
GIVEN_UP = frozenset({"failed", "failure", "error", "cancelled", "canceled", "expired", "aborted", "rejected"})
"""What jobs say of themselves, in lower case, without spaces and signs."""
ENVELOPE = frozenset({"ok", "success"})
"""As a rule of the request, and not of the job."""
FINISHED = frozenset(
    {"done", "isdone", "finished", "isfinished", "complete", "completed", "iscomplete", "ready", "isready"}
)
"""Members that are false while a job is at work, spelt as above."""
MOST_INNER = 3
"""How deep in its JSON a job tells its status: {"data": {"job": {"state": ..}}}."""


def job_state(
    template: Template, poll: Poll, status: int | None, received: Sequence[Received], *, has_error: bool
) -> tuple[JobState, str]:
    """Of a poll that was not refused; and what its `failed` found. Of a poll before the last, "answered" is that what
    it waits for is there; an error is the end, which reading it as an answer names."""
    for each in received if poll.failed else ():
        if holds(poll.failed, each):
            return "failed", find_in(poll.failed, each) or ""
    if poll.until:
        found = {_letters(find_in(poll.until, r) or "") for r in received if holds(poll.until, r)}
        told = found if "re:" not in poll.until else set[str]()  # a pattern is the user's own word
        if told & GIVEN_UP:
            return "failed", find_in(poll.until, received[0]) or ""
        return ("answered" if found - (told & AT_WORK) else "running"), ""
    said = job_status(received)
    if status in PENDING or said in AT_WORK:
        return "running", ""
    if said in GIVEN_UP:
        return "failed", received[0].text
    if poll is not template.polls[-1]:
        there = all(any(find_in(source, r) for r in received) for _, source in poll.keep)
    else:
        there = has_error or any(find_in(template.answer, r) for r in received)
    return ("answered" if there else "running"), ""


def job_status(received: Sequence[Received]) -> str:
    """As most jobs say it, where it is one JSON object; "" else. Of several that it tells, the outermost.

    >>> job_status([Received('{"status": "In-Progress"}')]), job_status([Received("running")])
    ('inprogress', '')
    >>> job_status([Received('{"job": {"state": "PENDING"}}')]), job_status([Received('{"done": false, "text": "So"}')])
    ('pending', 'running')
    """
    value = received[0].json if len(received) == 1 else None
    objects = [value] if isinstance(value, dict) else []
    for _ in range(MOST_INNER):
        for each in objects:
            said = next((w for k in ("status", "state") if (w := _letters(each.get(k))) not in ENVELOPE | {""}), "")
            if said or any(v is False and _letters(k) in FINISHED for k, v in each.items()):
                return said or "running"
        objects = [v for each in objects for v in each.values() if isinstance(v, dict)]
    return ""


def _letters(said: object) -> str:
    return re.sub(r"[\W_]", "", said).lower() if isinstance(said, str) else ""
