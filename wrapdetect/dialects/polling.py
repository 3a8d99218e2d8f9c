"""Is a job's answer there yet? By the template's own words, or by the status that most jobs tell."""

import re
from collections.abc import Sequence
from typing import Literal

from wrapdetect.dialects.sources import Received, find_in, holds
from wrapdetect.model import Poll, Template

JobState = Literal["answered", "running", "failed"]
PENDING = frozenset({202, 425, 429})
"""Statuses of a poll that say to come again; 429 says so to whoever asks too often, while the job goes on."""
AT_WORK = frozenset(
    {
        "queued", "pending", "running", "processing", "inprogress", "started", "starting", "waiting", "submitted",
        "created", "accepted", "inqueue", "scheduled", "working", "notstarted", "preparing", "generating",
    }
)  # fmt: skip
GIVEN_UP = frozenset({"failed", "failure", "error", "cancelled", "canceled", "expired", "aborted", "rejected"})
"""What jobs say of themselves, in lower case, without spaces and signs."""


def job_state(
    template: Template, poll: Poll, status: int | None, received: Sequence[Received], *, has_error: bool
) -> tuple[JobState, str]:
    """Of a poll that was not refused; and what its `failed` found. Of a poll before the last, "answered" is that what
    it waits for is there; an error is the end, which reading it as an answer names."""
    for each in received if poll.failed else ():
        if holds(poll.failed, each):
            return "failed", find_in(poll.failed, each) or ""
    if poll.until:
        return ("answered" if any(holds(poll.until, r) for r in received) else "running"), ""
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
    """As most jobs say it, where it is one JSON object; "" else.

    >>> job_status([Received('{"status": "In-Progress"}')]), job_status([Received("running")])
    ('inprogress', '')
    """
    value = received[0].json if len(received) == 1 else None
    said = next((value[k] for k in ("status", "state") if k in value), "") if isinstance(value, dict) else ""
    return re.sub(r"[\W_]", "", said).lower() if isinstance(said, str) else ""
