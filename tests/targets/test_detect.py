"""What a URL is, by scripted answers in the documented shapes of each product; and what is taken for none of them."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrapdetect.dialects.body.models import MODELS
from wrapdetect.dialects.template.filling import request_of
from wrapdetect.targets.detect import (
    MOST_LOOKS,
    Detection,
    Look,
    Seen,
    base_of,
    detect,
    next_looks,
    recognisers,
    report,
)
from wrapdetect.targets.detect.apis import chosen_model
from wrapdetect.targets.detect.base import NEEDED_KEY, NO_MODEL

HOST = "https://bot.example"


class Answer(NamedTuple):
    """A scripted answer of a product."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        kind = "text/html; charset=utf-8" if self.body.lstrip().startswith("<") else "application/json"
        given = {k for k, _ in self.headers}
        return self.headers if "content-type" in given else (("content-type", kind), *self.headers)


Product = Mapping[str, Answer]
"""Path -> answer; "*" is for every other."""


def ok(value: object, *headers: tuple[str, str]) -> Answer:
    return Answer(200, json.dumps(value), headers)


def models(*names: str, **more: object) -> dict[str, object]:
    return {"object": "list", "data": [{"id": n, "object": "model", "created": 1, **more} for n in names]}


def html(body: str, title: str = "Chat", status: int = 200) -> Answer:
    return Answer(status, f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>")


LOST = Answer(404, '{"detail":"Not Found"}')
OPENAI_401 = Answer(401, json.dumps({"error": {"message": "Missing bearer authentication", "type": "invalid_request"}}))
ANTHROPIC_401 = Answer(
    401,
    json.dumps({"type": "error", "error": {"type": "authentication_error", "message": "x-api-key header is required"}}),
)
DIFY_401 = Answer(
    401,
    json.dumps(
        {
            "code": "unauthorized",
            "message": "Authorization header must be provided and start with 'Bearer'",
            "status": 401,
        }
    ),
)
CHAT_PAGE = html('<div id="log"></div><textarea placeholder="Ask me"></textarea><script>1</script>')
SPA = html('<div id="root"></div><script type="module" src="/assets/index.js"></script>', title="Assistant")
TAGS = {
    "models": [{"name": "gemma3:latest", "model": "gemma3:latest", "modified_at": "2026", "size": 1, "digest": "ab"}]
}


def a_parameter(component: str, **more: object) -> dict[str, object]:
    return {
        "label": "",
        "parameter_name": "message",
        "parameter_has_default": False,
        "parameter_default": None,
        "component": component,
        **more,
    }


def a_gradio(*parameters: dict[str, object], name: str = "/answer", prefix: str = "/gradio_api") -> Product:
    returns = [{"label": "Response", "component": "Json"}]
    return {
        "/": SPA,
        "/config": ok({"version": "6.31.0", "api_prefix": prefix, "dependencies": [{"id": 0}], "components": []}),
        f"{prefix}/info": ok({"named_endpoints": {name: {"parameters": list(parameters), "returns": returns}}}),
        "*": LOST,
    }


PRODUCTS: Mapping[str, Product] = {
    "openai": {"/": LOST, "/v1/models": ok(models("text-embedding-3-small", "gpt-4o-mini", "gpt-4o")), "*": LOST},
    "openai shut": {"/": Answer(421, ""), "/v1/models": OPENAI_401, "*": LOST},
    "litellm": {
        "/": html("<div></div>", title="LiteLLM API - Swagger UI"),
        "/v1/models": ok(models("house", owned_by="openai")),
        "*": LOST,
    },
    "vllm": {"/": LOST, "/v1/models": ok(models("Qwen/Qwen3-8B", owned_by="vllm", max_model_len=8192)), "*": LOST},
    "llama.cpp": {
        "/": CHAT_PAGE,
        "/v1/models": ok(models("gemma.gguf", owned_by="llamacpp"), ("Server", "llama.cpp")),
        "/api/tags": ok(TAGS),
        "*": LOST,
    },
    "lm studio": {
        "/v1/models": ok(models("qwen3", "text-embedding-nomic", owned_by="organization_owner")),
        "*": ok({"error": "Unexpected endpoint or method. (GET /api/tags)"}),
    },
    "ollama": {
        "/": Answer(200, "Ollama is running", (("content-type", "text/plain"),)),
        "/api/tags": ok(TAGS),
        "/api/version": ok({"version": "0.12.6"}),
        "/v1/models": ok(models("gemma3:latest", owned_by="library")),
        "*": Answer(404, "404 page not found", (("content-type", "text/plain"),)),
    },
    "anthropic shut": {"/": LOST, "/v1/models": ANTHROPIC_401, "*": LOST},
    "anthropic": {
        "/v1/models": ok({"data": [{"type": "model", "id": "claude-x", "display_name": "X"}], "has_more": False}),
        "*": LOST,
    },
    "gemini": {
        "/v1beta/models": ok(
            {
                "models": [
                    {"name": "models/embedding-1", "supportedGenerationMethods": ["embedContent"]},
                    {"name": "models/gemini-flash", "supportedGenerationMethods": ["generateContent"]},
                ]
            }
        ),
        "*": LOST,
    },
    "gradio": a_gradio(
        a_parameter("Textbox"),
        a_parameter("Textbox", parameter_has_default=True, parameter_default="Be {kind}"),
        a_parameter("Slider", parameter_has_default=True, parameter_default=0.7),
    ),
    "gradio multimodal": a_gradio(a_parameter("MultimodalTextbox"), name="/chat"),
    "gradio 4": a_gradio(a_parameter("Textbox"), name="/chat", prefix=""),
    "gradio of pictures": a_gradio(a_parameter("Image")),
    "open webui": {
        "/": SPA,
        "/api/config": ok(
            {"status": True, "name": "Our chat (Open WebUI)", "version": "0.6.5", "features": {"auth": True}}
        ),
        "/api/models": ok({"data": [{"id": "llama3", "object": "model", "owned_by": "ollama"}]}),
        "*": SPA,
    },
    "dify": {"/": CHAT_PAGE, "/v1/parameters": DIFY_401, "*": LOST},
    "dify with a key": {
        "/": LOST,
        "/v1/parameters": ok(
            {
                "opening_statement": "",
                "user_input_form": [
                    {"text-input": {"variable": "name", "required": True, "default": ""}},
                    {"select": {"variable": "tone", "required": True, "options": ["dry", "warm"]}},
                ],
            }
        ),
        "*": LOST,
    },
    "chainlit": {"/project/translations": ok({"translation": {"common": {}, "auth": {}, "chat": {}}}), "*": SPA},
    "streamlit": {
        "/_stcore/health": Answer(200, "ok", (("content-type", "text/plain"),)),
        "*": html("<div id=root></div><script src=./static/js/index.js></script>", title="Streamlit"),
    },
    "page": {"/": CHAT_PAGE, "*": html("no such page", status=404)},
    "page drawn by script": {"*": SPA},
    "page without": {"/": html("<h1>Our shop</h1>"), "*": html("no such page", status=404)},
    "login wall": {"*": html('<form><input name="user"><input type="password"></form>', title="Sign in")},
    "captcha": {"*": html("<script src=https://challenges.cloudflare.com/x></script>", "Just a moment...", 403)},
    "broken": {"*": html("oh no", status=500)},
    "all is html": {"*": html("<p>Welcome</p><input type=search>")},
    "all is json": {"*": ok({"status": "ok"})},
    "all is a list": {"*": ok([])},
    "all is ok": {"*": Answer(200, "ok", (("content-type", "text/plain"),))},
    "all is shut": {"*": Answer(401, '{"error": {"message": "no"}}')},
    "all is nested": {"*": Answer(200, "[" * 100_000)},
}


def answer_of(product: Product, url: str) -> Answer:
    path = urlsplit(url).path or "/"
    return product[path] if path in product else product["*"]


def seen_of(product: Product, url: str = HOST, *, has_key: bool = False) -> tuple[Seen, ...]:
    """The looks of a detection, answered as scripted."""
    seen: tuple[Seen, ...] = ()
    while looks := next_looks(url, seen, has_key=has_key):
        for look in looks:
            answer = answer_of(product, look.url)
            seen += (Seen(look=look, status=answer.status, headers=answer.all_headers, text=answer.body),)
    return seen


def detected(name: str, url: str = HOST, *, key_env: str | None = None, model: str | None = None) -> Detection:
    seen = seen_of(PRODUCTS[name], url, has_key=key_env is not None)
    return detect(url, seen, key_env=key_env, model=model)


FOUND = {
    # product: what it is called, the dialect, the address, the model
    "openai": ("an OpenAI-compatible API", "openai_stream", "/v1", "gpt-4o-mini"),
    "openai shut": ("an OpenAI-compatible API", "openai_stream", "/v1", NO_MODEL),
    "litellm": ("LiteLLM", "openai_stream", "/v1", "house"),
    "vllm": ("vLLM", "openai_stream", "/v1", "Qwen/Qwen3-8B"),
    "llama.cpp": ("llama.cpp server", "openai_stream", "/v1", "gemma.gguf"),
    "lm studio": ("LM Studio", "openai_stream", "/v1", "qwen3"),
    "ollama": ("Ollama 0.12.6", "ollama_stream", "", "gemma3:latest"),
    "anthropic shut": ("Anthropic messages", "anthropic_stream", "/v1", NO_MODEL),
    "anthropic": ("Anthropic messages", "anthropic_stream", "/v1", "claude-x"),
    "gemini": ("Gemini", "gemini_stream", "/v1beta", "gemini-flash"),
    "gradio": ("Gradio 6.31.0", "template", "", ""),
    "gradio multimodal": ("Gradio 6.31.0", "template", "", ""),
    "gradio 4": ("Gradio 6.31.0", "template", "", ""),
    "gradio of pictures": ("Gradio 6.31.0", "page", "", ""),
    "open webui": ("Open WebUI 0.6.5", "page", "", ""),
    "dify": ("Dify", "page", "", ""),
    "dify with a key": ("Dify", "template", "/v1", ""),
    "chainlit": ("Chainlit", "page", "", ""),
    "streamlit": ("Streamlit", "page", "", ""),
    "page": ("a page titled 'Chat'", "page", "", ""),
    "page drawn by script": ("a page titled 'Assistant'", "page", "", ""),
    "all is html": ("a page titled 'Chat'", "page", "", ""),
}


@pytest.mark.parametrize("name", FOUND)
def test_each_product_is_known_by_its_shape(name: str) -> None:
    found, dialect, path, model = FOUND[name]
    detection = detected(name)
    assert detection.endpoint is not None
    assert detection.found == found
    got = detection.endpoint
    assert (got.dialect, got.url, got.model, got.role) == (dialect, HOST + path, model, "target")


NOT_FOUND = {
    "page without": "nothing to type into",
    "login wall": "asks for a password",
    "captcha": "shows a captcha first",
    "broken": "answers 500",
    "all is json": "nothing else fits",
    "all is a list": "nothing else fits",
    "all is ok": "nothing else fits",
    "all is shut": "nothing else fits",
    "all is nested": "nothing else fits",
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_is_none_of_them_is_taken_for_none_and_the_next_step_is_said(name: str) -> None:
    detection = detected(name)
    assert detection.endpoint is None
    assert NOT_FOUND[name] in detection.why
    assert detection.missing


def test_every_product_is_in_one_of_the_two_lists() -> None:
    assert set(FOUND) | set(NOT_FOUND) == set(PRODUCTS)
    assert set(FOUND) & set(NOT_FOUND) == set()


ADDRESSES = (HOST, f"{HOST}/chat", f"{HOST}/v1", f"{HOST}/v1beta", f"{HOST}/api/v1/messages")


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_dozen_requests_are_enough_each_made_once_and_to_one_host(name: str) -> None:
    for url, has_key in itertools.product(ADDRESSES, (False, True)):
        seen = seen_of(PRODUCTS[name], url, has_key=has_key)
        assert len(seen) <= MOST_LOOKS
        urls = [(s.look.url, s.look.key) for s in seen]
        assert len(set(urls)) == len(urls)
        assert {urlsplit(u).netloc for u, _ in urls} == {"bot.example"}
        assert any(k for _, k in urls) == has_key


def test_an_address_of_an_api_that_is_known_at_once_is_asked_for_little_else() -> None:
    for url in (f"{HOST}/v1", f"{HOST}/v1/chat/completions"):
        assert [s.look.url for s in seen_of(PRODUCTS["openai"], url)] == [url, f"{HOST}/v1/models"]


def test_a_host_that_cannot_be_reached_is_asked_once() -> None:
    first = next_looks(HOST, (), has_key=False)
    gone = (Seen(look=first[0], failure="no connection: refused", unreachable=True),)
    assert next_looks(HOST, gone, has_key=False) == ()
    assert "no connection: refused" in detect(HOST, gone).why


def test_the_end_of_an_address_says_which_api_is_meant() -> None:
    assert base_of(f"{HOST}/v1/responses") == f"{HOST}/v1"
    detection = detected("openai", f"{HOST}/v1/responses")
    assert detection.endpoint is not None
    assert (detection.endpoint.dialect, detection.endpoint.url) == ("responses_stream", f"{HOST}/v1")


def test_a_list_of_models_is_told_and_the_first_that_chats_is_taken() -> None:
    detection = detected("openai")
    assert any("3 models" in n and "gpt-4o-mini is taken" in n for n in detection.notes)
    assert chosen_model(["whisper-1", "text-embedding-3-large"]) == "whisper-1"
    assert chosen_model([]) == ""


def test_a_model_that_the_user_named_is_taken_and_one_not_listed_is_told() -> None:
    known, unknown = detected("openai", model="gpt-4o"), detected("openai", model="gpt-9")
    assert known.endpoint is not None
    assert unknown.endpoint is not None
    assert (known.endpoint.model, unknown.endpoint.model) == ("gpt-4o", "gpt-9")
    assert not any("does not list" in n for n in known.notes)
    assert any("does not list the model gpt-9" in n for n in unknown.notes)


def test_a_host_that_connects_and_never_answers_is_left_after_two_rounds() -> None:
    first = next_looks(HOST, (), has_key=False)
    second = next_looks(HOST, [Seen(look=look, failure="late") for look in first], has_key=False)
    seen = [Seen(look=look, failure="late") for look in (*first, *second)]
    assert {look.name for look in second} <= set(MODELS)
    assert next_looks(HOST, seen, has_key=False) == ()
    assert "accepts connections and answers nothing" in detect(HOST, seen).why


@pytest.mark.parametrize("name", ["openai shut", "anthropic shut"])
def test_a_key_that_is_missing_or_refused_is_named(name: str) -> None:
    without, refused = detected(name), detected(name, key_env="MY_KEY")
    assert without.endpoint is not None
    assert refused.endpoint is not None
    assert any("--key-env" in m for m in without.missing)
    assert without.endpoint.key_env == NEEDED_KEY
    assert any("refuses the one in MY_KEY" in m for m in refused.missing)
    assert refused.endpoint.key_env == "MY_KEY"


def test_anthropic_is_asked_again_with_the_key_in_its_own_header() -> None:
    seen = seen_of(PRODUCTS["anthropic shut"], has_key=True)
    assert [s.look.key for s in seen if s.look.url == f"{HOST}/v1/models"] == ["authorization", "x-api-key"]
    opened = tuple(
        replace(s, status=200, text=PRODUCTS["anthropic"]["/v1/models"].body) if s.look.key == "x-api-key" else s
        for s in seen
    )
    detection = detect(HOST, opened, key_env="MY_KEY")
    assert detection.endpoint is not None
    assert (detection.endpoint.dialect, detection.endpoint.model, detection.missing) == (
        "anthropic_stream",
        "claude-x",
        (),
    )


def test_open_webui_is_asked_by_its_api_where_there_is_a_key_and_else_says_that_a_login_is_due() -> None:
    detection = detected("open webui", key_env="MY_KEY")
    assert detection.endpoint is not None
    got = detection.endpoint
    assert (got.dialect, got.url, got.model, got.key_env) == ("openai_stream", f"{HOST}/api", "llama3", "MY_KEY")
    assert any("login" in m for m in detected("open webui").missing)


def test_gradio_gets_a_template_of_two_requests_with_its_defaults_filled_in() -> None:
    detection = detected("gradio")
    assert detection.endpoint is not None
    template = detection.endpoint.template
    assert template is not None
    (step,) = template.steps
    values = {"prompt": 'Say "hi"', "conversation_id": "c-1", "event_id": "e/1"}
    posted = request_of(step, values)
    assert (posted.method, posted.path) == ("POST", "/gradio_api/call/answer")
    assert json.loads(posted.body) == {"data": ['Say "hi"', "Be {kind}", 0.7], "session_hash": "c-1"}
    assert request_of(template, values)[:2] == ("GET", "/gradio_api/call/answer/e%2F1")
    assert (template.framing, template.mode) == ("sse", "replace")


def test_gradio_of_another_version_and_another_input_is_asked_in_its_own_way() -> None:
    old, multimodal = detected("gradio 4").endpoint, detected("gradio multimodal").endpoint
    assert old is not None
    assert old.template is not None
    assert multimodal is not None
    assert multimodal.template is not None
    assert old.template.steps[0].path == "/call/chat"
    assert json.loads(multimodal.template.steps[0].body)["data"] == [{"text": "{prompt}", "files": []}]


def test_dify_carries_the_conversation_over_and_fills_in_what_its_form_asks() -> None:
    detection = detected("dify with a key", key_env="MY_KEY")
    assert detection.endpoint is not None
    template = detection.endpoint.template
    assert template is not None
    sent = request_of(template, {"prompt": "Hi", "conversation_id": None, "key": "k"})
    body = json.loads(sent.body)
    assert (sent.path, ("authorization", "Bearer k") in sent.headers) == ("/chat-messages", True)
    assert (body["query"], body["conversation_id"], body["inputs"]) == ("Hi", None, {"name": "", "tone": "dry"})
    assert ("conversation_id", "$.conversation_id") in template.keep
    assert any("asks for name" in n for n in detection.notes)
    assert detection.missing == ()


def test_a_key_that_nothing_takes_is_said() -> None:
    assert any("MY_KEY is not used" in n for n in detected("page", key_env="MY_KEY").notes)


def test_frames_and_scripts_of_other_hosts_are_told_so_that_they_can_be_allowed() -> None:
    product = {
        "/": html('<iframe src="https://widget.example/c"></iframe><script src="//cdn.example/a.js"></script>'),
        "*": LOST,
    }
    notes = " ".join(detect(HOST, seen_of(product)).notes)
    assert "widget.example" in notes
    assert "cdn.example" in notes


def test_a_redirect_to_another_host_is_told_and_one_on_the_same_host_is_the_page() -> None:
    look = Look(name="page", url=HOST)
    away = detect(HOST, (Seen(look=look, status=302, away="https://login.example/start"),))
    assert away.endpoint is None
    assert "https://login.example/start" in away.why
    page = Seen(look=look, status=200, text=CHAT_PAGE.body, final=f"{HOST}/chat/?session=secret")
    moved = detect(HOST, (page,)).endpoint
    assert moved is not None
    assert moved.url == f"{HOST}/chat"


def test_a_page_that_leads_from_http_to_https_has_its_api_there() -> None:
    first = Seen(look=Look(name="page", url="http://bot.example"), status=200, text="{}", final="https://bot.example/")
    assert {look.url.partition(":")[0] for look in next_looks("http://bot.example", (first,), has_key=False)} == {
        "https"
    }


def test_the_report_names_each_request_and_what_was_found_and_cannot_drive_a_terminal() -> None:
    product = {"/": html("<textarea></textarea>", title="\x1b[31mred"), "*": LOST}
    seen = seen_of(product)
    lines = report(detect(HOST, seen), seen)
    assert sum(line.startswith("asked") for line in lines) == len(seen)
    assert any(line.startswith("found") for line in lines)
    assert not any("\x1b" in line or "\n" in line for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["data", "models", "id", "object", "name", "type", "error", "message", "version", "features", "status",
             "dependencies", "named_endpoints", "/chat", "parameters", "component", "returns", "user_input_form",
             "translation", "chat", "owned_by", "display_name", "digest", "text", "api_prefix"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.sampled_from([200, 301, 401, 404, 500]), st.booleans())
def test_whatever_json_comes_each_recogniser_says_something_or_nothing(
    value: object, status: int, has_key: bool
) -> None:
    product = {"*": Answer(status, json.dumps(value))}
    seen = seen_of(product, has_key=has_key)
    assert len(seen) <= MOST_LOOKS
    detection = detect(HOST, seen, key_env="K" if has_key else None)
    assert all("\n" not in line for line in report(detection, seen))
    assert len(recognisers()) == 10


@pytest.mark.parametrize(
    "unit", ["<a ", "<!--", "<a b='", "<script>", "</script ", "<input type=", "<", "&#", "src = "]
)
def test_a_hostile_page_is_read_to_its_end(unit: str) -> None:
    """Quadratic scans (html.parser's among them) would take the better part of an hour."""
    text = "<html><textarea>" + unit * (400_000 // len(unit))
    detection = detect(HOST, (Seen(look=Look(name="page", url=HOST), status=200, text=text),))
    assert detection.endpoint is not None


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("<TEXTAREA rows=3></TEXTAREA>", 1),
        ('<div contenteditable="true"></div><p contenteditable="false"></p>', 1),
        ('<div role="textbox"></div>', 1),
        ("<input><input type='TEXT'><input type=search><input type=checkbox><input type=hidden>", 3),
        ("<!-- <textarea></textarea> --><script>x = '<textarea>'</script>", 0),
        ("<input data-type=text type=email>", 0),
    ],
)
def test_places_to_type_are_counted(body: str, places: int) -> None:
    detection = detect(HOST, (Seen(look=Look(name="page", url=HOST), status=200, text=f"<html>{body}</html>"),))
    assert (f"it has {places} place" in detection.why) == (places > 0)


@given(st.text(alphabet="<>!-/abc=\"'&;[]? scriptextareainput", max_size=200))
def test_whatever_page_comes_it_is_read_or_refused(text: str) -> None:
    detection = detect(HOST, seen_of({"*": Answer(200, "<html>" + text)}))
    assert detection.found.startswith("a page")
