"""What stands at a URL, and how to talk to it: which harmless requests to make, and what their answers say. Pure.

A known API is preferred to a template, and a template to a page. Shapes decide, never a status alone: a host that
answers everything with 200 is taken for none of them.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from wrapdetect.dialects import DIALECTS
from wrapdetect.dialects.address import without_call
from wrapdetect.dialects.body.json_text import objects, text_in
from wrapdetect.dialects.body.models import GUARDED, MODELS
from wrapdetect.dialects.template.slots import Unfit, path_of, segments_of
from wrapdetect.model.prose import quote
from wrapdetect.targets.detect import apps
from wrapdetect.targets.detect.apis import api
from wrapdetect.targets.detect.base import NO_MODEL, Detection, KeyHeader, Look, Seen, Sight, origin, with_unused_key
from wrapdetect.targets.detect.page import ELSEWHERE, plain_page

MOST_LOOKS = 12
"""Requests that a detection may take, those to which it is redirected among them."""
_VERSION = re.compile(r"/v\d+(?:alpha|beta)?\d*$")
_LONGEST = 600
"""Characters of a line of the report: no product's text can drive a terminal, or fill it."""
ANTHROPIC_VERSION = (("anthropic-version", "2023-06-01"),)

Recogniser = Callable[[Sight], Detection | None]


def recognisers() -> tuple[Recogniser, ...]:
    """In the order of preference: an API of its own shape, then Open WebUI, which has OpenAI's beside its own, then
    OpenAI's, which anybody may have; programs, and pages."""
    own = {n: partial(api, wire=wire) for n, wire in DIALECTS.items() if wire.recognise is not None}
    common = own.pop("openai")
    programs = (apps.gradio, apps.dify, apps.chainlit, apps.streamlit)
    return *own.values(), apps.open_webui, common, *programs, plain_page


def base_of(url: str) -> str:
    """An address without the call at its end.

    >>> base_of("https://bot.example/v1/messages"), base_of("https://bot.example/chat")
    ('https://bot.example/v1', 'https://bot.example/chat')
    """
    return without_call(url)[0].rstrip("/")


def next_looks(url: str, seen: Sequence[Seen], *, has_key: bool) -> tuple[Look, ...]:
    """What to ask for next, given what was seen; none where that is enough.

    First the address itself; then what known APIs and programs have beside it (only lists of models where the address
    is that of an API, unless none is there); then what one of them needs besides. Where the address and its lists of
    models connect and answer nothing, that is all.
    """
    names = {s.look.name for s in seen}
    if not names:
        return (Look(name="page", url=url),)
    if any(s.unreachable for s in seen if s.look.name == "page") or (len(names) > 1 and _is_mute(seen)):
        return ()
    base = _raised(base_of(url), seen)
    models, programs = _models(base, has_key), _programs(base, has_key)
    if not names & {look.name for look in models}:
        return models if _VERSION.search(base) or _is_mute(seen) else _once((*models, *programs))
    sight = Sight(url=url, seen=tuple(seen))
    is_known = any(wire.recognise(sight) for wire in DIALECTS.values() if wire.recognise is not None)
    if not names & {look.name for look in programs} and not is_known:
        return tuple(look for look in programs if look.name not in names)
    return tuple(look for look in _besides(sight, base, has_key) if look.name not in names)


def detect(url: str, seen: Sequence[Seen], *, key_env: str | None = None, model: str | None = None) -> Detection:
    """What was seen there. Detection.endpoint is None where there is no way to talk to it."""
    sight = Sight(url=url, seen=tuple(seen), key_env=key_env, model=model)
    for recognise in recognisers():
        detection = recognise(sight)
        if detection is not None:
            return with_unused_key(sight, detection)
    return _nothing(sight)


def report(detection: Detection, seen: Sequence[Seen]) -> tuple[str, ...]:
    """The whole in plain words, a line each. What was found where there is no way in is left to the complaint that
    ends the command."""
    keyed = {"": "", "authorization": " (with the key)"}
    asked = (
        f"asked  GET {quote(s.look.url, 100)}{keyed.get(s.look.key, f' (with the key, {s.look.key})')}: {_outcome(s)}"
        for s in seen
    )
    if detection.endpoint is None:
        return (*asked, *(f"note   {quote(n, _LONGEST)}" for n in detection.notes))
    return (
        *asked,
        f"found  {quote(detection.found, _LONGEST)}",
        f"why    {quote(detection.why, _LONGEST)}",
        *((f"how    {quote(detection.how, _LONGEST)}",) if detection.how else ()),
        *(f"lacks  {quote(m, _LONGEST)}" for m in detection.missing),
        *(f"note   {quote(n, _LONGEST)}" for n in detection.notes),
    )


def _models(base: str, has_key: bool) -> tuple[Look, ...]:
    """Where lists of models may be, for an address with a version or without."""
    key: KeyHeader = "authorization" if has_key else ""
    version = _VERSION.search(base)
    if version and version[0].endswith("beta"):
        return (Look(name="gemini", url=f"{base}/models", key="x-goog-api-key" if has_key else ""),)
    beside = () if version else (Look(name="models_v1", url=f"{base}/v1/models", key=key),)
    at_top = Look(name="models_origin", url=f"{origin(base)}/v1/models", key=key)
    return _once((*beside, Look(name="models", url=f"{base}/models", key=key), at_top))


def _once(looks: Sequence[Look]) -> tuple[Look, ...]:
    """Without a second look at the same address."""
    return tuple(look for n, look in enumerate(looks) if look.url not in {before.url for before in looks[:n]})


def _programs(base: str, has_key: bool) -> tuple[Look, ...]:
    plain, top = _VERSION.sub("", base), origin(base)
    version = base if _VERSION.search(base) else f"{base}/v1"
    looks = (
        Look(name="tags", url=f"{plain.removesuffix('/api')}/api/tags"),
        Look(name="open_webui", url=f"{top}/api/config"),
        Look(name="gradio", url=f"{plain}/config"),
        Look(name="chainlit", url=f"{plain}/project/translations"),
        Look(name="dify", url=f"{version}/parameters", key="authorization" if has_key else ""),
        Look(name="gemini", url=f"{top}/v1beta/models", key="x-goog-api-key" if has_key else ""),
    )
    return _once(looks)


def _besides(sight: Sight, base: str, has_key: bool) -> tuple[Look, ...]:
    """What one program has that the others have not."""
    looks: list[Look] = []
    plain = _VERSION.sub("", base)
    config = sight.one("gradio").found
    if isinstance(config.get("dependencies"), list):
        with suppress(Unfit):  # then its API is not asked, and gradio() says why
            path = path_of(*segments_of(text_in(config, "api_prefix")), "info")
            looks.append(Look(name="gradio_info", url=f"{plain}{path}"))
    if objects(sight.one("tags").found.get("models")):
        looks.append(Look(name="ollama_version", url=f"{plain.removesuffix('/api')}/api/version"))
    if has_key and apps.open_webui(sight):
        looks.append(Look(name="open_webui_models", url=f"{origin(base)}/api/models", key="authorization"))
    shut = next((s for s in sight.of(*MODELS) if s.status in GUARDED and s.object.get("type") == "error"), None)
    if has_key and shut is not None:
        looks.append(Look(name="models_anthropic", url=shut.look.url, key="x-api-key", headers=ANTHROPIC_VERSION))
    if "streamlit" in sight.page.text.lower():
        looks.append(Look(name="streamlit", url=f"{plain}/_stcore/health"))
    return tuple(looks)


def _raised(base: str, seen: Sequence[Seen]) -> str:
    """The base by https, where the page was led there from http."""
    final = next((s.final for s in seen if s.look.name == "page"), "")
    if final.startswith("https://") and base.startswith("http://"):
        return origin(final) + base.removeprefix(origin(base))
    return base


def _nothing(sight: Sight) -> Detection:
    page = sight.page
    if page.away:
        return Detection(
            found="a redirect to another host",
            why=f"it leads to {quote(page.away, 100)}, which was not followed",
            missing=("give that address itself, if it is meant",),
        )
    if page.failure:
        helps = "give an address that answers" if page.unreachable else ELSEWHERE
        mute = "it accepts connections and answers nothing: " if _is_mute(sight.seen) else ""
        why = f"{mute}{page.look.url}: {quote(page.failure, 200)}"
        return Detection(found="nothing that answers", why=why, missing=(helps,))
    said = page.media_type or "no content type"
    return Detection(
        found="nothing that is known",
        why=f"{page.look.url} answers {page.status} ({quote(said, 40)}), and nothing else fits a known API or page",
        missing=(ELSEWHERE,),
    )


def _is_mute(seen: Sequence[Seen]) -> bool:
    """Whether whatever was asked connected, and got no answer."""
    return bool(seen) and all(s.status is None and not s.unreachable for s in seen)


def _outcome(seen: Seen) -> str:
    if seen.away:
        return f"{seen.status}, leads to {quote(seen.away, 80)} on another host, not followed"
    if seen.failure:
        return quote(seen.failure, 160)
    led = f", led to {quote(seen.final.partition('?')[0], 80)}" if seen.final else ""
    size = f"{'more than ' if seen.cut else ''}{len(seen.text):,} characters"
    return f"{seen.status} {quote(seen.media_type, 40) or 'no type'}, {size}{led}"


__all__ = ["MOST_LOOKS", "NO_MODEL", "Detection", "Look", "Seen", "Sight", "base_of", "detect", "next_looks", "report"]
