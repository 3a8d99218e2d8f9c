"""Addresses as users write them: base, query, API and model; which key header; what no file may hold"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wrapdetect.dialects.address import Place, is_azure, is_secret, key_place, place_of, with_version

BASE = "https://bot.example/v1"
AZURE = "https://x.openai.azure.com"
DEPLOYED = f"{AZURE}/openai/deployments/gpt"
VERSION = (("api-version", "2024-10-21"),)


@pytest.mark.parametrize(
    ("given_", "place"),
    [
        (BASE, Place(BASE)),
        (f"{BASE}/", Place(BASE)),
        (f"{BASE}//", Place(BASE)),
        (f" {BASE} ", Place(BASE)),
        (f"{BASE}#", Place(BASE)),
        (f"{BASE}?", Place(BASE)),
        ("https://bot.example//v1", Place(BASE)),
        ("HTTPS://Bot.EXAMPLE/V1", Place(BASE)),
        ("https://bot.example:8443/V1/", Place("https://bot.example:8443/v1")),
        ("http://[::1]:8080/v1/", Place("http://[::1]:8080/v1")),
        ("https://bot.example", Place("https://bot.example")),
        ("https://bot.example/", Place("https://bot.example")),
        ("https://bot.example/Some/Path/v1", Place("https://bot.example/Some/Path/v1")),
        (f"{BASE}/chat/completions", Place(BASE, (), "openai")),
        (f"{BASE}/chat/completions/", Place(BASE, (), "openai")),
        (f"{BASE}/Chat/Completions", Place(BASE, (), "openai")),
        (f"{BASE}/chat/completions#", Place(BASE, (), "openai")),
        (f"{BASE}//chat//completions", Place(BASE, (), "openai")),
        ("https://bot.example/chat/completions", Place("https://bot.example", (), "openai")),
        (f"{BASE}/responses", Place(BASE, (), "responses")),
        (f"{BASE}/messages", Place(BASE, (), "anthropic")),
        (f"{BASE}/models", Place(BASE)),
        ("http://127.0.0.1:11434/api/chat", Place("http://127.0.0.1:11434", (), "ollama")),
        ("http://127.0.0.1:11434/api/generate/", Place("http://127.0.0.1:11434", (), "ollama")),
        (
            "https://g.example/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            Place("https://g.example/v1beta", (), "gemini", "gemini-2.5-pro"),
        ),
        (f"{BASE}/models/m%20x:generateContent", Place(BASE, (), "gemini", "m x")),
        (f"{BASE}?tenant=a&empty=", Place(BASE, (("tenant", "a"), ("empty", "")))),
        (f"{BASE}/chat/completions?a=%7Bb", Place(BASE, (("a", "{b"),), "openai")),
        (f"{DEPLOYED}?api-version=2024-10-21", Place(DEPLOYED, VERSION, None, "gpt")),
        (f"{DEPLOYED}/chat/completions?api-version=2024-10-21", Place(DEPLOYED, VERSION, "openai", "gpt")),
        (f"{DEPLOYED}/?api-version=2024-10-21", Place(DEPLOYED, VERSION, None, "gpt")),
        (f"{DEPLOYED}//chat/completions", Place(DEPLOYED, (), "openai", "gpt")),
        (AZURE, Place(f"{AZURE}/openai/v1")),
        (f"{AZURE}/openai/", Place(f"{AZURE}/openai/v1")),
        (f"{AZURE}/openai/v1/", Place(f"{AZURE}/openai/v1")),
        (f"{AZURE}/openai/v1/responses", Place(f"{AZURE}/openai/v1", (), "responses")),
        (f"{AZURE}/openai/responses?api-version=2024-10-21", Place(f"{AZURE}/openai", VERSION, "responses")),
    ],
)  # fmt: skip
def test_an_address_is_brought_to_where_its_api_stands(given_: str, place: Place) -> None:
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
