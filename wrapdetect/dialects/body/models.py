"""Lists of models as OpenAI-compatible servers give them, and which server lets slip that it is one. Pure.

Shapes: platform.openai.com/docs/api-reference/models; llama.cpp tools/server, vLLM, LM Studio, LiteLLM.
"""

from wrapdetect.dialects.body.json_text import Json, objects, text_in
from wrapdetect.dialects.sight import Seen, Sight, host

MODELS = ("models_v1", "models", "models_origin")
"""Looks that may give a list of models, the likeliest first."""
GUARDED = (401, 403)
OWNERS = {"vllm": "vLLM", "llamacpp": "llama.cpp server", "organization_owner": "LM Studio", "sglang": "SGLang"}
"""What stands in `owned_by` -> the server that writes it so."""
HOSTS = {"api.openai.com": "OpenAI", "openrouter.ai": "OpenRouter", "api.mistral.ai": "Mistral", "api.groq.com": "Groq"}


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


def error_told(seen: Seen) -> str:
    """What an error object says; "" where there is none."""
    error = seen.object.get("error")
    if isinstance(error, dict):
        return text_in(error, "message") or "an error object"
    return error if isinstance(error, str) else text_in(seen.object, "detail")
