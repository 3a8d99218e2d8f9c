"""What a template keeps of an answer, and what came of a poll."""

from collections.abc import Mapping, Sequence

from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.template.cutting import received_of
from wrapdetect.dialects.template.ends import error_in
from wrapdetect.dialects.template.polling import PENDING, JobState, job_state
from wrapdetect.dialects.template.reading import refuse_page
from wrapdetect.dialects.template.sources import Received, find_in
from wrapdetect.model import Exchange, Poll, Template
from wrapdetect.model.text import whole


def kept_in(template: Template, exchange: Exchange, cookies: Mapping[str, str]) -> dict[str, str]:
    """What a template keeps of an answer, by name: what its sources find last; names that nothing is found for lack.

    Raises BodyError where the body cannot be read.
    """
    if not template.keep:
        return {}
    return kept_by(template.keep, template, exchange, cookies)


def kept_by(
    keep: Sequence[tuple[str, str]], template: Template, exchange: Exchange, cookies: Mapping[str, str]
) -> dict[str, str]:
    """The same of what a poll keeps. Raises BodyError."""
    received = [Received("", exchange.headers, cookies), *received_of(template, exchange)]
    found = ((name, find_in(source, each)) for each in received for name, source in keep)
    return {name: whole(value) for name, value in found if value}


def polled(template: Template, poll: Poll, exchange: Exchange) -> tuple[JobState, str]:
    """What came of a poll (see polling.py). A refusal, and what cannot be read, is the end: reading it says why."""
    if (exchange.status or 0) >= 300:
        return ("running" if exchange.status in PENDING else "answered"), ""
    try:
        received = received_of(template, exchange)
        refuse_page(template, exchange.chunks)
    except BodyError:
        return "answered", ""
    has_error = any(error_in(template, r) is not None for r in received)
    return job_state(template, poll, exchange.status, received, has_error=has_error)
