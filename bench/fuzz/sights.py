"""Does detection stay calm, and its templates ours, whatever an endpoint says of itself?"""

import json
from random import Random

import httpx

from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import json_bytes, mutated_json, mutated_text, some_text
from bench.fuzz.templates import check_toml
from wrapdetect.dialects.template.filling import wanted
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint
from wrapdetect.targets.detect import Look, Seen, detect, next_looks, report

URL = "http://bot.example"
MODELS: dict[str, object] = {
    "object": "list",
    "data": [{"id": "m-1", "object": "model", "owned_by": "vllm"}, {"id": "m-2"}],
}
GRADIO: dict[str, object] = {
    "version": "5.1", "api_prefix": "/gradio_api", "title": "Bot", "protocol": "sse_v3",
    "dependencies": [{"id": 0, "api_name": "chat", "inputs": [1], "outputs": [2]}], "components": [{"id": 1,
    "type": "textbox"}],
}  # fmt: skip
_PARAMETER: dict[str, object] = {
    "label": "Message", "parameter_name": "message", "parameter_has_default": False, "parameter_default": None,
    "type": {"type": "string"}, "python_type": {"type": "str"}, "component": "Textbox", "example_input": "Hi",
}  # fmt: skip
GRADIO_INFO: dict[str, object] = {
    "named_endpoints": {
        "/chat": {
            "parameters": [
                _PARAMETER,
                {**_PARAMETER, "parameter_name": "a", "parameter_has_default": True,
                "parameter_default": "{env:HOME}"},
            ],
            "returns": [{"label": "Response", "type": {"type": "string"}, "component": "Textbox"}],
        },
    },
    "unnamed_endpoints": {},
}  # fmt: skip
DIFY: dict[str, object] = {
    "opening_statement": "Hi {env:HOME}", "suggested_questions": [], "speech_to_text": {"enabled": False},
    "user_input_form": [
        {"text-input": {"label": "Name", "variable": "name", "required": True, "default": "{prompt}"}},
        {"select": {"label": "L", "variable": "lang", "required": True, "options": ["en", "{env:KEY}"]}},
    ],
    "file_upload": {"image": {"enabled": False}}, "system_parameters": {},
}  # fmt: skip
PAGE = (
    "<!doctype html><html><head><title>Bot</title><script src='/_next/a.js'></script></head><body><div id='root'></div>"
    "<iframe src='https://other.example/chat'></iframe><textarea name='q'></textarea><input type=password>"
)
Scene = dict[str, object]
SCENES: tuple[Scene, ...] = (
    {"page": PAGE, "models": MODELS, "models_v1": MODELS, "models_origin": MODELS},
    {"page": PAGE, "gradio": GRADIO, "gradio_info": GRADIO_INFO},
    {"page": {"detail": "Not Found"}, "dify": DIFY},
    {"page": "Ollama is running", "tags": {"models": [{"name": "llama:1b", "model": "llama:1b", "size": 1}]},
     "ollama_version": {"version": "0.5"}},
    {"page": PAGE, "open_webui": {"status": True, "name": "Open WebUI", "version": "0.5", "features": {"auth": True}},
     "open_webui_models": MODELS},
    {"page": {}, "gemini": {"models": [{"name": "models/g-1", "supportedGenerationMethods": ["generateContent"]}]}},
    {"page": "", "models_v1": {"type": "error", "error": {"type": "authentication_error", "message": "no {env:HOME}"}},
     "models_anthropic": {"data": [{"type": "model", "id": "c-1", "display_name": "C"}], "has_more": False}},
    {"page": PAGE, "chainlit": {"translation": {"chat": {"input": "Type"}}}},
    {"page": "<html><title>Streamlit</title><script>streamlit</script></html>", "streamlit": "ok"},
    {"page": PAGE},
)  # fmt: skip
KINDS = ("application/json", "text/html; charset=utf-8", "text/plain", "", "application/json;\x1b[31m")


def draw_sight(chance: Random) -> Trial:
    """What was seen at an address: what one program says, with some of it changed."""
    scene = chance.choice(SCENES)
    seen = tuple(_seen(name, said, chance) for name, said in scene.items())
    key, model = chance.choice((None, None, "BOT_KEY")), chance.choice((None, None, "m-1", some_text(chance)[:50]))
    url = URL if chance.randrange(6) else mutated_url(chance)
    return Trial(
        shown=(url, seen, key, model),
        size=sum(len(s.text) for s in seen),
        run=lambda: _check(url, seen, key, model),
    )


def mutated_url(chance: Random) -> str:
    """An address that the command line would let through."""
    return URL + chance.choice(("/v1", "/v1/chat/completions", "/a b", "/v1beta", "/?q=1#x", ":99/x/", "/api/chat"))


def _seen(name: str, said: object, chance: Random) -> Seen:
    changed = chance.randrange(3) > 0
    if isinstance(said, str):
        text, kind = mutated_text(said, chance) if changed else said, KINDS[1]
    else:
        text, kind = (
            json_bytes(mutated_json(said, chance) if changed else said).decode(errors="surrogatepass"),
            KINDS[0],
        )
    if chance.randrange(4) == 0:
        text = json.dumps(json.loads(text), ensure_ascii=False) if text.isascii() and _is_json(text) else text
    return Seen(
        look=Look(name=name, url=f"{URL}/{name}"),
        status=200 if chance.randrange(8) else chance.choice((None, 401, 403, 404, 500)),
        headers=(
            ("content-type", kind if chance.randrange(8) else chance.choice(KINDS)),
            ("server", some_text(chance)[:60]),
        ),
        text=text,
        cut=chance.randrange(10) == 0,
        failure="" if chance.randrange(10) else some_text(chance)[:100],
        final="" if chance.randrange(10) else _led_to(chance.choice(("https", "http")) + "://bot.example/", chance),
        away="" if chance.randrange(12) else _led_to("https://other.example/", chance),
    )


def _led_to(start: str, chance: Random) -> str:
    """Where a redirect led, as httpx spells it."""
    try:
        return str(httpx.URL(start + some_text(chance)[:40]))
    except (httpx.InvalidURL, ValueError):
        return start


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _check(url: str, seen: tuple[Seen, ...], key: str | None, model: str | None) -> None:
    for has_key in (False, True):
        for look in next_looks(url, seen, has_key=has_key):
            if not look.url.startswith(("http://bot.example", "https://bot.example")):
                raise Wrong(f"it looks elsewhere: {look.url!r}")
    found = detect(url, seen, key_env=key, model=model)
    for line in report(found, seen):
        line.encode()
        if "\x1b" in line or "\n" in line:
            raise Wrong(f"a line that drives a terminal: {line[:160]!r}")
    if found.endpoint is not None:
        _check_endpoint(found.endpoint, key)


def _check_endpoint(endpoint: Endpoint, key: str | None) -> None:
    template = endpoint.template
    if template is not None:
        if asked := set(wanted(template)) - {key or "BOT_KEY", "BOT_KEY"}:
            raise Wrong(f"a remote's words ask for variables: {asked}")
        if asked := set(template.variables or ()) - {key or "BOT_KEY", "BOT_KEY"}:
            raise Wrong(f"a remote's words state variables: {asked}")
        if problem := next(template_problems(template), None):
            raise Wrong(f"a template of ours has a problem: {problem}")
    if endpoint.model or endpoint.dialect in ("template", "page"):
        check_toml(endpoint)


DETECT = Part(name="detect", draw=draw_sight, own=(SpecError,))
