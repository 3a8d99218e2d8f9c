"""What answers, by its address: the noun that runs and histories share. Standard library and earlier nouns only."""

from dataclasses import dataclass
from typing import Literal

from wrapdetect.model.template import Page, Template

Dialect = str
"""How something is talked to, by name: an API's with its manner, as openai_stream. Which names there are stands in
wrapdetect.dialects, to which third parties may add; the doors look there."""
Role = Literal["target", "reference"]
TARGET = "target"
"""The target's name, where the user gives it none."""
TokenLimit = Literal["max_tokens", "max_completion_tokens", "omit"]
Weights = Literal["open", "closed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Something that answers. It names the variable of its key and never holds the key.

    `headers` and `query` go with every call of an API; `{env:NAME}` in their values stands for that variable's.
    `template` goes with the dialect template, `page` with page. `hosts` may be asked beside the address's own host;
    `private` allows a public name to lead to a private address. `storage_state` names the file of a login, as
    `target login` writes it; what is in it stays there.
    """

    name: str
    role: Role
    url: str
    model: str
    dialect: Dialect = "openai_stream"
    key_env: str | None = None
    weights: Weights = "unknown"
    token_limit: TokenLimit = "max_tokens"
    send_temperature: bool = True
    template: Template | None = None
    page: Page | None = None
    hosts: tuple[str, ...] = ()
    private: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    storage_state: str = ""
