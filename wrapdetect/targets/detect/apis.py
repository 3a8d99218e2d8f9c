"""Known APIs, as the recogniser of a dialect saw them: which model to ask, and what still lacks. Pure."""

import re
from collections.abc import Sequence

from wrapdetect.dialects import WireFormat
from wrapdetect.dialects.body.models import error_told
from wrapdetect.dialects.sight import Known, Sight
from wrapdetect.model import Dialect
from wrapdetect.model.prose import quote
from wrapdetect.targets.detect.base import NO_MODEL, Detection, first_few, lacking_key, target_at

NO_CHAT = re.compile(
    r"embed|rerank|bge-|gte-|e5-|whisper|tts|speech|audio|transcri|realtime|moderation|guard|dall-e|image|imagen|veo|sora"
    r"|stable-diffusion|flux|babbage|davinci-00|curie|clip",
    re.IGNORECASE,
)
"""Of a model's name: it is none to chat with, or not first of all."""
MOST_MODELS, LONGEST_MODEL = 5_000, 200
"""How many names of a list are looked at, and characters of one that is a model's."""


def api(sight: Sight, wire: WireFormat) -> Detection | None:
    """What a dialect's recogniser makes of it."""
    known = wire.recognise(sight) if wire.recognise is not None else None
    if known is None:
        return None
    dialect, url = known.dialect or wire.manner(stream=True), known.seen.look.url.removesuffix(known.ends)
    return _guarded(sight, known, dialect, url) if known.models is None else _open(sight, known, dialect, url)


def chosen_model(names: Sequence[str]) -> str:
    """The first model that is one to chat with; else the first; "" of none.

    >>> chosen_model(["text-embedding-3-small", "gpt-4o-mini"])
    'gpt-4o-mini'
    """
    return next((n for n in names if n and not NO_CHAT.search(n)), next(iter(names), ""))


def models_told(sight: Sight, names: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The model to ask, what is missing, and notes on the choice; of the first MOST_MODELS, with usual names."""
    names = [n for n in names[:MOST_MODELS] if 0 < len(n) <= LONGEST_MODEL and n.isprintable()]
    model = sight.model or chosen_model(names)
    shown = first_few([quote(n, 60) for n in names])
    if not model:
        return NO_MODEL, ("the model's name (--model): it lists none",), ()
    if sight.model and names and sight.model not in names:
        return model, (), (f"it does not list the model {quote(model, 60)}; it lists {shown}",)
    if len(names) > 1 and not sight.model:
        return model, (), (f"{len(names)} models: {shown}; {quote(model, 60)} is taken, --model names another",)
    return model, (), ()


def _open(sight: Sight, known: Known, dialect: Dialect, url: str) -> Detection:
    names = known.models or ()
    model, missing, notes = models_told(sight, names)
    return Detection(
        found=known.found,
        why=f"{known.seen.look.url} lists {len(names)} model{'' if len(names) == 1 else 's'}",
        how=f"questions by {dialect.removesuffix('_stream')} at {url}, streamed, model {quote(model, 60)}",
        endpoint=target_at(sight, url, dialect, model),
        missing=missing,
        notes=notes,
    )


def _guarded(sight: Sight, known: Known, dialect: Dialect, url: str) -> Detection:
    """It is there and wants a key, or another one."""
    seen = known.seen
    model = () if sight.model else ("the model's name (--model), unless the key opens the list of models",)
    return Detection(
        found=known.found,
        why=f"{seen.look.url} answers {seen.status}: {quote(error_told(seen), 120)}",
        how=f"questions by {dialect.removesuffix('_stream')} at {url}, streamed",
        endpoint=target_at(sight, url, dialect, sight.model or NO_MODEL, needs_key=True),
        missing=(lacking_key(sight), *model),
    )
