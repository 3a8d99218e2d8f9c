"""Known APIs by their lists of models: OpenAI-compatible servers, Anthropic, Gemini, Ollama. Pure.

Shapes: platform.openai.com/docs/api-reference/models, platform.claude.com/docs/en/api/models-list,
ai.google.dev/api/models, docs.ollama.com/api-reference/get-version; llama.cpp tools/server, vLLM, LM Studio, LiteLLM.
"""

import re
from collections.abc import Sequence

from wrapdetect.dialects.body.json_text import Json, objects, text_in
from wrapdetect.model import Dialect
from wrapdetect.model.prose import quote
from wrapdetect.targets.detect.base import NO_MODEL, Detection, Seen, Sight, first_few, host

MODELS = ("models_v1", "models", "models_origin")
"""Looks that may give a list of models, the likeliest first."""
NO_CHAT = re.compile(
    r"embed|rerank|bge-|gte-|e5-|whisper|tts|speech|audio|transcri|realtime|moderation|guard|dall-e|image|imagen|veo|sora"
    r"|stable-diffusion|flux|babbage|davinci-00|curie|clip",
    re.IGNORECASE,
)
"""Of a model's name: it is none to chat with, or not first of all."""
GUARDED = (401, 403)
MOST_MODELS, LONGEST_MODEL = 5_000, 200
"""How many names of a list are looked at, and characters of one that is a model's."""
OWNERS = {"vllm": "vLLM", "llamacpp": "llama.cpp server", "organization_owner": "LM Studio", "sglang": "SGLang"}
"""What stands in `owned_by` -> the server that writes it so."""
HOSTS = {"api.openai.com": "OpenAI", "openrouter.ai": "OpenRouter", "api.mistral.ai": "Mistral", "api.groq.com": "Groq"}


def anthropic(sight: Sight) -> Detection | None:
    """Models with a `display_name`, or errors of type "error"."""
    for seen in sight.of("models_anthropic", *MODELS):
        items = objects(seen.found.get("data"))
        if items and all(m.get("type") == "model" and "display_name" in m for m in items):
            return _api(sight, seen, "Anthropic messages", "anthropic_stream", [text_in(m, "id") for m in items])
    for seen in sight.of("models_anthropic", *MODELS):
        error = seen.object.get("error")
        if seen.status in GUARDED and seen.object.get("type") == "error" and isinstance(error, dict):
            return _guarded(sight, seen, "Anthropic messages", "anthropic_stream")
    return None


def gemini(sight: Sight) -> Detection | None:
    """Models named models/..., with what they can generate; without a key only at Google's own address."""
    for seen in sight.of("gemini", *MODELS):
        items = objects(seen.found.get("models"))
        if items and all(text_in(m, "name").startswith("models/") for m in items):
            able = [
                m for m in items if "generateContent" in str(m.get("supportedGenerationMethods", "generateContent"))
            ]
            names = [text_in(m, "name").removeprefix("models/") for m in able]
            return _api(sight, seen, "Gemini", "gemini_stream", names)
        error = seen.object.get("error")
        if isinstance(error, dict) and "status" in error and host(sight.url).endswith("googleapis.com"):
            return _guarded(sight, seen, "Gemini", "gemini_stream")
    return None


def ollama(sight: Sight) -> Detection | None:
    """/api/tags with names and digests (llama.cpp has it too, and says so in its models)."""
    tags = sight.one("tags")
    items = objects(tags.found.get("models"))
    known = [m for m in items if text_in(m, "name") and {"digest", "modified_at", "size"} & set(m)]
    says_so = sight.page.text.startswith("Ollama is running")
    if server_name(sight) == OWNERS["llamacpp"] or not (known or (says_so and "models" in tags.found)):
        return None
    version = text_in(sight.one("ollama_version").found, "version")
    names = [text_in(m, "name") for m in known]
    return _api(sight, tags, f"Ollama {version}".strip(), "ollama_stream", names, cut="/api/tags")


def openai(sight: Sight) -> Detection | None:
    """A list of models as OpenAI gives it, or its error where a key is missing."""
    for seen in sight.of(*MODELS):
        items = model_objects(seen)
        if items:
            name = server_name(sight) or "an OpenAI-compatible API"
            dialect: Dialect = "responses_stream" if sight.url.endswith("/responses") else "openai_stream"
            return _api(sight, seen, name, dialect, [text_in(m, "id") for m in items])
    for seen in sight.of(*MODELS):
        if seen.status in GUARDED and _error_text(seen) and not _guards_all(sight, seen):
            likely = "most likely " if sight.one("dify").status == seen.status else ""  # another address of /v1
            found = server_name(sight) or f"{likely}an OpenAI-compatible API"
            return _guarded(sight, seen, found, "openai_stream")
    return None


def model_objects(seen: Seen) -> list[Json]:
    """The models of an OpenAI-like list; empty where it is none. Some servers leave the envelope out."""
    if seen.status != 200:
        return []
    value = seen.json
    enveloped = isinstance(value, dict) and value.get("object", "list") == "list"
    items = objects(seen.object.get("data") if enveloped else value)
    alike = all(text_in(m, "id") and (enveloped or m.get("object") == "model" or "owned_by" in m) for m in items)
    return items if alike else []


def server_name(sight: Sight) -> str:
    """Which server it is, where it lets that slip; "" where it does not."""
    lists = [s for s in sight.of(*MODELS) if model_objects(s)]
    for seen in lists:
        owners = {text_in(m, "owned_by").lower() for m in model_objects(seen)}
        named = next((name for owner, name in OWNERS.items() if owner in owners), "")
        if named or seen.header("server").lower() == "llama.cpp":
            return named or OWNERS["llamacpp"]
    if any(k.lower().startswith("x-litellm") for s in sight.seen for k, _ in s.headers) or "LiteLLM" in sight.page.text:
        return "LiteLLM"
    if lists and any("Unexpected endpoint or method" in s.text for s in sight.seen):
        return OWNERS["organization_owner"]
    known = HOSTS.get(host(sight.url), "")
    return f"{known} (OpenAI-compatible)" if known and known != "OpenAI" else known


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


def _api(
    sight: Sight, seen: Seen, found: str, dialect: Dialect, names: Sequence[str], *, cut: str = "/models"
) -> Detection:
    model, missing, notes = models_told(sight, names)
    url = seen.look.url.removesuffix(cut)
    return Detection(
        found=found,
        why=f"{seen.look.url} lists {len(names)} model{'' if len(names) == 1 else 's'}",
        how=f"questions by {dialect.removesuffix('_stream')} at {url}, streamed, model {quote(model, 60)}",
        endpoint=sight.endpoint(url, dialect, model),
        missing=missing,
        notes=notes,
    )


def _guarded(sight: Sight, seen: Seen, found: str, dialect: Dialect) -> Detection:
    """It is there and wants a key, or another one."""
    url = seen.look.url.removesuffix("/models")
    model = () if sight.model else ("the model's name (--model), unless the key opens the list of models",)
    return Detection(
        found=found,
        why=f"{seen.look.url} answers {seen.status}: {quote(_error_text(seen), 120)}",
        how=f"questions by {dialect.removesuffix('_stream')} at {url}, streamed",
        endpoint=sight.endpoint(url, dialect, sight.model or NO_MODEL, needs_key=True),
        missing=(sight.lacking_key, *model),
    )


def _error_text(seen: Seen) -> str:
    """What an error object says; "" where there is none."""
    error = seen.object.get("error")
    if isinstance(error, dict):
        return text_in(error, "message") or "an error object"
    return error if isinstance(error, str) else text_in(seen.object, "detail")


def _guards_all(sight: Sight, seen: Seen) -> bool:
    """Whether an address that no such API has is refused in the same way: then the refusal says nothing of it."""
    others = [s for s in sight.of("gradio", "open_webui", "chainlit") if s.status is not None]
    return bool(others) and all(s.status == seen.status for s in others) and not sight.url.endswith("/v1")
