"""Endpoints from the command line and the config file together; a target given by its address alone is looked at."""

from dataclasses import replace
from typing import NamedTuple

from wrapdetect.cli.options import Options
from wrapdetect.cli.target.detecting import Looked, look_at
from wrapdetect.cli.terminal import say
from wrapdetect.dialects import wire_format
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Endpoint
from wrapdetect.store.config_file import load_config
from wrapdetect.targets.config import Config, make_endpoint, parse_reference


class _Gathered(NamedTuple):
    """Whom to ask, the config file's settings, and the target as it was looked at, where it was."""

    endpoints: tuple[Endpoint, ...]
    settings: Config
    looked: Looked | None = None


def gather_endpoints(
    url: str | None, model: str | None, key_env: str | None, options: Options, *, plain: bool
) -> _Gathered:
    """The command line's target replaces the config's; its references are added.

    A URL without a model is looked at, by a handful of harmless requests, unless this is a dry run, or the recording
    could not be made anyway (`out` is there already, or `resume` has no file to go on with).
    Raises SpecError or ConfigError for what cannot be asked, TargetSilent where there is no way in.
    """
    settings = load_config(options.config) if options.config is not None else Config()
    given = settings.endpoints()
    added = tuple(parse_reference(r) for r in options.reference or ())
    looked = None
    if url is not None:
        if any(e.role == "target" for e in given):
            say("the URL given goes before the [target] of the config file, which is not asked")
        target = make_endpoint(name=TARGET, role="target", url=url, model=model or "", key_env=key_env)
        if not target.model:  # nor does the address tell it
            _check_recording(options)
            looked = _look(url, key_env, may_look=not options.dry_run)
            target = looked.endpoint
        given = (target, *(e for e in given if e.role == "reference"))
    elif model is not None or key_env is not None:
        raise SpecError("--model and --key-env go with the target's URL on the command line; the URL is missing")
    endpoints = (*given, *added)
    return _Gathered(tuple(map(unstreamed, endpoints)) if plain else endpoints, settings, looked)


def _check_recording(options: Options) -> None:
    """Raises SpecError where no recording could be made; said before anything is sent."""
    options.check_resume()
    if options.out is not None and options.out.exists() and not options.resume:
        raise SpecError(
            f"{options.out} is there already, and nothing is overwritten; name another --out, or add --resume"
        )


def unstreamed(endpoint: Endpoint) -> Endpoint:
    """The same, asked for whole answers where its API streams."""
    return replace(endpoint, dialect=wire_format(endpoint.dialect).manner(stream=False))


def _look(url: str, key_env: str | None, *, may_look: bool) -> Looked:
    """Raises SpecError where something must be given first."""
    if not may_look:
        raise SpecError(
            "--dry-run sends nothing, so the target cannot be looked at; give --model, or --config with a [target]"
        )
    looked = look_at(url, key_env=key_env, model=None)
    endpoint, missing = looked.endpoint, looked.detection.missing
    if missing:
        raise SpecError(f"{endpoint.url} is {looked.detection.found}, and lacks {'; '.join(missing)}")
    return looked
