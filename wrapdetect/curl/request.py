"""What was pasted, as it came."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Request:
    """A request to be read; `notes` are for the user."""

    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    notes: list[str] = field(default_factory=list)
