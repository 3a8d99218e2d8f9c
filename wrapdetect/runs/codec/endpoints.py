"""An endpoint <-> a JSON object, with its template or page where it has one."""

from collections.abc import Mapping
from dataclasses import asdict

from wrapdetect.dialects import dialect_names
from wrapdetect.model import Endpoint
from wrapdetect.runs.codec.door import FileLine
from wrapdetect.runs.codec.lines import JsonLine

ONLY_IF_SET = ("template", "page", "hosts", "private", "headers", "query", "storage_state")
"""What most endpoints do not have, and then do not name."""
TEMPLATE_ONLY_IF_SET: Mapping[str, object] = {"variables": None, "polls": (), "replies": ()}
"""What most templates do not have, and how that looks; a statement of no variables is one."""


class _EndpointLine(FileLine):
    endpoint: Endpoint


def dump_endpoint(endpoint: Endpoint) -> JsonLine:
    """All fields; of ONLY_IF_SET those that are set."""
    line = {k: v for k, v in asdict(endpoint).items() if v or k not in ONLY_IF_SET}
    template = line.get("template")
    if isinstance(template, dict):
        line["template"] = {
            k: v for k, v in template.items() if k not in TEMPLATE_ONLY_IF_SET or v != TEMPLATE_ONLY_IF_SET[k]
        }
    if endpoint.page is not None:
        line["page"] = {k: v for k, v in asdict(endpoint.page).items() if v or k not in ("open", "login")}
    return line


def load_endpoint(fields: Mapping[str, object]) -> Endpoint:
    """The inverse of dump_endpoint. Raises ValueError for what is none."""
    return checked_dialect(_EndpointLine.of({"endpoint": fields}).endpoint)


def checked_dialect(endpoint: Endpoint) -> Endpoint:
    """The endpoint itself. Raises ValueError for a dialect that is not known here."""
    if endpoint.dialect not in dialect_names():
        raise ValueError(f"endpoint {endpoint.name}: {endpoint.dialect!r} is none of {', '.join(dialect_names())}")
    return endpoint
