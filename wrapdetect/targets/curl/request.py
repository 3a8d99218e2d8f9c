"""What was pasted, as it came."""

from dataclasses import dataclass, field

from wrapdetect.dialects.template.slots import TemplateSlot


@dataclass(slots=True, kw_only=True)
class PastedRequest:
    """A request to be read; `notes` are for the user.

    In its texts, what stands for a variable of the shell is a word that is nowhere else; `variables` has its slot.
    """

    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    notes: list[str] = field(default_factory=list)
    variables: dict[str, TemplateSlot] = field(default_factory=dict)
