"""Chat programs with an API of their own: Open WebUI, Dify, Gradio; and those that are talked to by their page. Pure.

Shapes: Open WebUI's /api/config; Dify's service API (api/controllers/service_api); Gradio's /config, /info and
/call/NAME (gradio.app/guides/querying-gradio-apps-with-curl), as seen of Gradio 6.31; Chainlit 2, Streamlit 1.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple, cast

from wrapdetect.dialects.body.json_text import Json, objects, text_in
from wrapdetect.dialects.body.models import GUARDED, model_objects
from wrapdetect.dialects.sight import Sight
from wrapdetect.dialects.template.slots import (
    CONVERSATION_ID,
    KEY,
    PROMPT,
    TemplateSlot,
    Unfit,
    json_of,
    path_of,
    segments_of,
    spelled,
)
from wrapdetect.model import Step, Template
from wrapdetect.model.prose import quote
from wrapdetect.secrets.names import secret_name
from wrapdetect.targets.detect.apis import models_told
from wrapdetect.targets.detect.base import NO_MODEL, Detection, first_few, lacking_key, target_at, usable
from wrapdetect.targets.detect.page import by_page

JSON_HEADER = ("content-type", "application/json")
CHAT_NAMES = ("/chat", "/respond", "/predict", "/answer", "/ask")
"""Gradio's endpoints that are likelier the chat than others that take a text."""
MOST_ENDPOINTS, MOST_PARAMETERS, MOST_FIELDS = 200, 60, 60
"""How many of what a program describes are looked at: Gradio's endpoints, what one takes, what Dify's form asks."""


def open_webui(sight: Sight) -> Detection | None:
    """By a key its OpenAI-compatible API, else its page."""
    config = sight.one("open_webui").found
    features = config.get("features")
    named = "Open WebUI" in text_in(config, "name")
    if config.get("status") is not True or not (named or (isinstance(features, dict) and "auth" in features)):
        return None
    found = f"Open WebUI {text_in(config, 'version')}".strip()
    why = f"{sight.one('open_webui').look.url} names itself {quote(text_in(config, 'name'), 60)}"
    if sight.key_env is None:
        note = "with a key (Settings, Account) it is asked by its API, which shows more: --key-env VARIABLE"
        locked = isinstance(features, dict) and features.get("auth") is True
        lacks = ("a key (--key-env), or another way in: its page wants a login",) if locked else ()
        return by_page(sight, found, why, notes=(note,), missing=lacks)
    models = sight.one("open_webui_models")
    url = sight.one("open_webui").look.url.removesuffix("/config")
    if models.status in GUARDED:
        endpoint = target_at(sight, url, "openai_stream", sight.model or NO_MODEL)
        how, lacks = f"questions by openai at {url}", (lacking_key(sight),)
        return Detection(found=found, why=why, how=how, endpoint=endpoint, missing=lacks)
    model, missing, notes = models_told(sight, [text_in(m, "id") for m in model_objects(models)])
    return Detection(
        found=found,
        why=why,
        how=f"questions by openai at {url}, streamed, model {quote(model, 60)}",
        endpoint=target_at(sight, url, "openai_stream", model),
        missing=missing,
        notes=notes,
    )


def dify(sight: Sight) -> Detection | None:
    """By a key the app's API; without one its page, where there is one."""
    parameters = sight.one("dify")
    open_ = "user_input_form" in parameters.found
    message = text_in(parameters.object, "message")
    shut = parameters.status == 401 and parameters.object.get("code") == "unauthorized" and "Bearer" in message
    refused = parameters.status == 401 and parameters.object.get("code") == "unauthorized"
    says_so = "Dify OpenAPI" in sight.page.text or "data-public-api-prefix" in sight.page.text
    if not (open_ or shut or (refused and (sight.key_env or says_so))):
        return None
    url = parameters.look.url.removesuffix("/parameters")
    if sight.key_env is None and sight.page.is_html and sight.page.status == 200:
        note = "with the app's key it is asked by its API, which shows more: --key-env VARIABLE"
        why = f"{parameters.look.url} answers as Dify's API does"
        return by_page(sight, "Dify", why, notes=(note,))
    inputs, needed = _dify_inputs(parameters.found)
    notes = (f"it asks for {first_few(needed)} before a chat: look at `inputs` in the template",) if needed else ()
    try:
        template = usable(dify_template(inputs))
    except Unfit as unfit:
        template, notes = dify_template({}), (f"its form's defaults are left out: {quote(str(unfit), 120)}",)
    return Detection(
        found="Dify",
        why=f"{parameters.look.url} answers {parameters.status} as Dify's API does",
        how=f"POST {url}/chat-messages, answers as server-sent events, conversation_id carried over",
        endpoint=target_at(sight, url, "template", needs_key=True, template=template),
        missing=() if open_ else (lacking_key(sight),),
        notes=notes,
    )


def dify_template(inputs: Mapping[str, object]) -> Template:
    """Of POST /chat-messages in streaming mode. The user's name is fixed: a conversation belongs to its user.

    Raises Unfit for inputs that no request can hold.
    """
    body = {
        "inputs": dict(inputs),
        "query": PROMPT,
        "response_mode": "streaming",
        "conversation_id": CONVERSATION_ID,
        "user": "wrapdetect",
    }
    return Template(
        method="POST",
        path=path_of("chat-messages"),
        headers=(JSON_HEADER, ("authorization", spelled(["Bearer ", KEY]))),
        body=json_of(body),
        framing="sse",
        answer="$.answer",
        done='re:"event":\\s*"message_end"',
        error='re:"event":\\s*"error".*',
        keep=(("conversation_id", "$.conversation_id"),),
        variables=(),
    )


def _dify_inputs(parameters: Json) -> tuple[dict[str, object], list[str]]:
    """Values for what the app's form asks, and the names of what has none of its own."""
    inputs: dict[str, object] = {}
    needed: list[str] = []
    for entry in objects(parameters.get("user_input_form"))[:MOST_FIELDS]:
        for field in (cast("Json", f) for f in entry.values() if isinstance(f, dict)):
            name = text_in(field, "variable")
            if not name or not (field.get("required") or field.get("default")):
                continue
            options = field.get("options")
            first = options[0] if isinstance(options, list) and options else ""
            inputs[name] = "" if secret_name(name, "body") else field.get("default") or first  # a TOML holds no secret
            if not inputs[name]:
                needed.append(quote(name, 40))
    return inputs, needed


class GradioCall(NamedTuple):
    """An endpoint of a Gradio app that takes one text and gives one."""

    name: str
    data: list[object]


def gradio(sight: Sight) -> Detection | None:
    """By its API where one endpoint takes a question alone, else by its page."""
    config = sight.one("gradio").found
    if not text_in(config, "version") or not isinstance(config.get("dependencies"), list):
        refused = sight.one("gradio")
        if refused.status == 401 and "gradio" in sight.page.text.lower():
            return Detection(
                found="Gradio",
                why=f"{refused.look.url} answers 401",
                missing=("wrapdetect does not log in: copy a chat's request as curl (`target import`)",),
            )
        return None
    found = f"Gradio {quote(text_in(config, 'version'), 20)}"
    why = f"{sight.one('gradio').look.url} is a Gradio app's"
    call = gradio_call(sight.one("gradio_info").found)
    try:
        prefix = segments_of(text_in(config, "api_prefix"))
        template = None if call is None else usable(gradio_template(call, prefix))
        note = "no endpoint of its API takes a question alone, so its page is used"
    except Unfit as unfit:
        template, note = None, f"what it says of its API is refused, so its page is used: {quote(str(unfit), 160)}"
    if call is None or template is None:
        return by_page(sight, found, why, notes=(note,))
    url = sight.one("gradio").look.url.removesuffix("/config")
    return Detection(
        found=found,
        why=f"{why}, and its endpoint {quote(call.name, 40)} takes a question",
        how=f"POST {url}{quote(template.steps[0].path, 80)} keeps event_id, GET .../event_id gives the answer as "
        "server-sent events; a session_hash holds the conversation",
        endpoint=target_at(sight, url, "template", template=template),
    )


def gradio_call(info: Json) -> GradioCall | None:
    """The endpoint that is the chat: one text to give, all else with defaults, and one text back."""
    endpoints = info.get("named_endpoints")
    first = islice(endpoints.items() if isinstance(endpoints, dict) else (), MOST_ENDPOINTS)
    known = {name: cast("Json", described) for name, described in first if isinstance(described, dict)}
    # Beside a chatbot, what takes a text may only empty its box and leave the answer to another endpoint.
    names = set(known) if not any(map(_fills_a_chatbot, known.values())) else {CHAT_NAMES[0]} & set(known)
    calls = [
        GradioCall(name, data)
        for name, described in known.items()
        if name in names and not _fills_a_chatbot(described) and (data := _gradio_data(described)) is not None
    ]
    return min(calls, key=lambda c: CHAT_NAMES.index(c.name) if c.name in CHAT_NAMES else 99, default=None)


def gradio_template(call: GradioCall, prefix: Sequence[str]) -> Template:
    """POST gives an event_id, by which GET gives the text so far again and again. Within one session_hash Gradio
    keeps its state, and so the conversation. Raises Unfit."""
    segments = (*prefix, "call", *segments_of(call.name))
    step = Step(
        when="ask",
        method="POST",
        path=path_of(*segments),
        headers=(JSON_HEADER,),
        body=json_of({"data": call.data, "session_hash": CONVERSATION_ID}),
        keep=(("event_id", "$.event_id"),),
    )
    return Template(
        method="GET",
        path=path_of(*segments, TemplateSlot("event_id")),
        framing="sse",
        answer="$[0]",
        mode="replace",
        done="event:complete",
        error="event:error",
        steps=(step,),
        variables=(),
    )


def _fills_a_chatbot(described: Json) -> bool:
    parts = (*objects(described.get("parameters")), *objects(described.get("returns")))
    return any(text_in(part, "component").lower() == "chatbot" for part in parts)


def _gradio_data(described: Json) -> list[object] | None:
    """What to send, with PROMPT in it; None where the endpoint is no chat."""
    data: list[object] = []
    asked = 0
    parameters = objects(described.get("parameters"))
    if len(parameters) > MOST_PARAMETERS:
        return None
    for parameter in parameters:
        component = text_in(parameter, "component").lower()
        if parameter.get("parameter_has_default"):
            data.append(parameter.get("parameter_default"))
        elif component in ("textbox", "textarea") and not asked:
            data.append(PROMPT)
            asked += 1
        elif component == "multimodaltextbox" and not asked:
            data.append({"text": PROMPT, "files": []})
            asked += 1
        else:
            return None
    returns = objects(described.get("returns"))
    first = text_in(returns[0], "component").lower() if returns else ""
    return data if asked and first in ("json", "textbox", "markdown", "label", "code", "html", "") else None


def chainlit(sight: Sight) -> Detection | None:
    """Its translations are public even where a login is due."""
    seen = sight.one("chainlit")
    translation = seen.found.get("translation")
    if not isinstance(translation, dict) or not ({"chat", "components", "auth"} & set(translation)):
        return None
    return by_page(
        sight,
        "Chainlit",
        f"{seen.look.url} holds a Chainlit app's texts",
        notes=("its answers travel over socket.io, so it is talked to by its page",),
    )


def streamlit(sight: Sight) -> Detection | None:
    """Health alone says little, so the page must name it too."""
    health = sight.one("streamlit")
    if not (health.status == 200 and health.text.strip() == "ok" and "streamlit" in sight.page.text.lower()):
        return None
    return by_page(
        sight,
        "Streamlit",
        f"{health.look.url} says ok, and the page is Streamlit's",
        notes=("it may be no chat: its page is drawn by script, and only a browser sees what is on it",),
    )
