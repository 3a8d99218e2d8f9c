"""Days and moments as options name them. No zone is UTC."""

import re
from datetime import UTC, date, datetime, timedelta

from wrapdetect.errors import LibraryError, SpecError
from wrapdetect.model.prose import quote


def moment_of(text: str | None, option: str, expected: str = "one such as 2023-02-01") -> datetime | None:
    """An ISO day or time. Raises SpecError, which names the option.

    >>> moment_of("2026-05-01", "--since").isoformat()
    '2026-05-01T00:00:00+00:00'
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecError(f"{option}: {quote(text)} is no date; expected {expected}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def since_of(text: str | None, now: datetime) -> datetime | None:
    """--since: so many days before, "30d", or as `moment_of`. Raises SpecError.

    >>> since_of("2d", datetime(2026, 5, 3, tzinfo=UTC)).isoformat()
    '2026-05-01T00:00:00+00:00'
    """
    if text is None or not (text.endswith("d") and text[:-1].isdecimal()):
        return moment_of(text, "--since", "one such as 2026-05-01, or days such as 30d")
    try:
        return now - timedelta(days=int(text[:-1]))
    except (OverflowError, ValueError) as error:
        raise SpecError(f"--since: {quote(text)} is longer than the calendar; expected days such as 30d") from error


def read_date(text: str | None, today: date) -> date | None:
    """--collected, as YYYY-MM-DD. Raises LibraryError for any other text, and for a day to come.

    >>> read_date("2026-01-05", date(2026, 2, 1))
    datetime.date(2026, 1, 5)
    """
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.A) else None
    except ValueError:
        day = None
    if day is None or day > today + timedelta(days=1):  # one day: it may be tomorrow already where the user is
        raise LibraryError(f"--collected {text!r}: expected a day that has been, as YYYY-MM-DD")
    return day
