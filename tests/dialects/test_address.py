"""Addresses as users write them: base, query, API and model; which key header; what no file may hold"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wrapdetect.dialects.address import ApiPlace, is_secret, place_of, with_version
from wrapdetect.dialects.azure import is_azure, key_place

BASE = "https://bot.example/v1"
AZURE = "https://x.openai.azure.com"
DEPLOYED = f"{AZURE}/openai/deployments/gpt"
VERSION = (("api-version", "2024-10-21"),)


@pytest.mark.parametrize(
    ("given_", "place"),
    [
        (BASE, ApiPlace(BASE)),
        (f"{BASE}/", ApiPlace(BASE)),
        (f"{BASE}//", ApiPlace(BASE)),
        (f" {BASE} ", ApiPlace(BASE)),
        (f"{BASE}#", ApiPlace(BASE)),
        (f"{BASE}?", ApiPlace(BASE)),
        ("https://bot.example//v1", ApiPlace(BASE)),
        ("HTTPS://Bot.EXAMPLE/V1", ApiPlace(BASE)),
        ("https://bot.example:8443/V1/", ApiPlace("https://bot.example:8443/v1")),
        ("http://[::1]:8080/v1/", ApiPlace("http://[::1]:8080/v1")),
        ("https://bot.example", ApiPlace("https://bot.example")),
        ("https://bot.example/", ApiPlace("https://bot.example")),
        ("https://bot.example/Some/Path/v1", ApiPlace("https://bot.example/Some/Path/v1")),
        (f"{BASE}/chat/completions", ApiPlace(BASE, (), "openai")),
        (f"{BASE}/chat/completions/", ApiPlace(BASE, (), "openai")),
        (f"{BASE}/Chat/Completions", ApiPlace(BASE, (), "openai")),
        (f"{BASE}/chat/completions#", ApiPlace(BASE, (), "openai")),
        (f"{BASE}//chat//completions", ApiPlace(BASE, (), "openai")),
        ("https://bot.example/chat/completions", ApiPlace("https://bot.example", (), "openai")),
        (f"{BASE}/responses", ApiPlace(BASE, (), "responses")),
        (f"{BASE}/messages", ApiPlace(BASE, (), "anthropic")),
        (f"{BASE}/models", ApiPlace(BASE)),
        ("http://127.0.0.1:11434/api/chat", ApiPlace("http://127.0.0.1:11434", (), "ollama")),
        ("http://127.0.0.1:11434/api/generate/", ApiPlace("http://127.0.0.1:11434", (), "ollama")),
        (
            "https://g.example/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            ApiPlace("https://g.example/v1beta", (), "gemini", "gemini-2.5-pro"),
        ),
        (f"{BASE}/models/m%20x:generateContent", ApiPlace(BASE, (), "gemini", "m x")),
        (f"{BASE}?tenant=a&empty=", ApiPlace(BASE, (("tenant", "a"), ("empty", "")))),
        (f"{BASE}/chat/completions?a=%7Bb", ApiPlace(BASE, (("a", "{b"),), "openai")),
        (f"{DEPLOYED}?api-version=2024-10-21", ApiPlace(DEPLOYED, VERSION, None, "gpt")),
        (f"{DEPLOYED}/chat/completions?api-version=2024-10-21", ApiPlace(DEPLOYED, VERSION, "openai", "gpt")),
        (f"{DEPLOYED}/?api-version=2024-10-21", ApiPlace(DEPLOYED, VERSION, None, "gpt")),
        (f"{DEPLOYED}//chat/completions", ApiPlace(DEPLOYED, (), "openai", "gpt")),
        (AZURE, ApiPlace(f"{AZURE}/openai/v1")),
        (f"{AZURE}/openai/", ApiPlace(f"{AZURE}/openai/v1")),
        (f"{AZURE}/openai/v1/", ApiPlace(f"{AZURE}/openai/v1")),
        (f"{AZURE}/openai/v1/responses", ApiPlace(f"{AZURE}/openai/v1", (), "responses")),
        (f"{AZURE}/openai/responses?api-version=2024-10-21", ApiPlace(f"{AZURE}/openai", VERSION, "responses")),
    ],
)  # fmt: skip
def test_an_address_is_brought_to_where_its_api_stands(given_: str, place: ApiPlace) -> None:
    assert place_of(given_) == place


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(alphabet="/vV1aA.:%?&=#-{}", max_size=30))
def test_whatever_stands_behind_a_host_the_base_is_plain(tail: str) -> None:
    place = place_of(f"https://bot.example/{tail}")
    assert place.url.startswith("https://bot.example")
    assert not place.url.endswith("/")
    assert not {"//", "?", "#"} & {place.url[n : n + width] for n in range(8, len(place.url)) for width in (1, 2)}


@pytest.mark.parametrize(
    ("url", "query", "azure"),
    [
        (DEPLOYED, (), True),
        (f"{AZURE}/openai/v1", (), True),
        ("https://x.services.ai.azure.com/openai/v1", (), True),
        ("http://127.0.0.1:8080/openai/deployments/gpt", (), True),
        ("https://gateway.example/openai", VERSION, True),
        ("https://api.groq.com/openai/v1", (), False),
        ("https://azure.com.evil.example/openai/v1", (), False),
        ("https://evil-openai.azure.com.example/v1", (), False),
        (BASE, (("tenant", "a"),), False),
    ],
)
def test_azures_key_goes_out_in_its_own_header(url: str, query: tuple[tuple[str, str], ...], azure: bool) -> None:
    assert is_azure(url, query) is azure
    assert key_place(url, query) == (("api-key", "") if azure else ("authorization", "Bearer "))


@pytest.mark.parametrize(
    ("url", "moved"),
    [
        ("https://bot.example", "https://bot.example/v1"),
        ("https://bot.example/api", "https://bot.example/api/v1"),
        (BASE, None),
        ("https://bot.example/v1beta/openai", None),
        ("https://bot.example/api/v3", None),
        (DEPLOYED, None),
    ],
)
def test_a_version_is_tried_only_where_there_is_none(url: str, moved: str | None) -> None:
    assert with_version(url) == moved


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("api-version", "2024-10-21", False),
        ("api-version", "2024-10-01-preview", False),
        ("x-title", "My bot", False),
        ("http-referer", "https://bot.example/a1b2c3d4e5f6a7b8c9d0", False),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)", False),
        ("x-api-key", "{env:KEY}", False),
        ("authorization", "Bearer {env:TOKEN}", False),
        ("x-api-key", "", False),
        ("x-api-key", "abc", True),
        ("authorization", "Bearer abc", True),
        ("cookie", "sid=1", True),
        ("x-auth-token", "abc", True),
        ("x-tenant", "sk-a1b2c3d4e5f6a7b8c9d0", True),
        ("x-tenant", "Bearer a1b2c3d4e5f6a7b8c9d0", True),
        ("x-api-key", "{env:}", True),
        ("x-api-key", "{KEY}", True),
    ],
)
def test_what_looks_like_a_secret_may_not_stand_in_a_file(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value, header=True) is secret
