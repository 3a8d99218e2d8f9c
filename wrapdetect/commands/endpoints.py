"""Endpoints from the command line and the config file together."""

from dataclasses import replace
from pathlib import Path

from wrapdetect.edge.config import TARGET, Config, load_config, make_endpoint, parse_reference
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint


def gather(
    url: str | None, model: str | None, key_env: str | None, references: list[str], config: Path | None, *, plain: bool
) -> tuple[tuple[Endpoint, ...], Config]:
    """The command line's target replaces the config's; its references are added. Raises SpecError or ConfigError."""
    settings = load_config(config) if config is not None else Config()
    given = settings.endpoints()
    if url is not None:
        if model is None:
            raise SpecError("--model is missing: the name of the target's model, as its API expects it")
        given = (
            make_endpoint(name=TARGET, role="target", url=url, model=model, key_env=key_env),
            *(e for e in given if e.role == "reference"),
        )
    elif model is not None or key_env is not None:
        raise SpecError("--model and --key-env go with the target's URL on the command line; the URL is missing")
    endpoints = (*given, *(parse_reference(r) for r in references))
    return tuple(replace(e, dialect="openai_plain") for e in endpoints) if plain else endpoints, settings
