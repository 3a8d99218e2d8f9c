"""What answers, by its address: the noun that runs and histories share. Standard library only."""

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["openai_stream", "openai_plain"]
Role = Literal["target", "reference"]
TokenLimit = Literal["max_tokens", "max_completion_tokens", "omit"]
Weights = Literal["open", "closed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Something that answers. It names the variable of its key and never holds the key."""

    name: str
    role: Role
    url: str
    model: str
    dialect: Dialect = "openai_stream"
    key_env: str | None = None
    weights: Weights = "unknown"
    token_limit: TokenLimit = "max_tokens"
    send_temperature: bool = True
