"""Azure's addresses of OpenAI's APIs, which take the key in another header.

Azure: learn.microsoft.com/azure/ai-foundry/openai/reference (deployments, with api-version in the query) and
.../api-version-lifecycle (the newer /openai/v1). Its key goes out as `api-key`.
"""

import re
from urllib.parse import urlsplit

DEPLOYMENT = re.compile(r"/openai/deployments/(?P<model>[^/]+)\Z")
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.us")
Pairs = tuple[tuple[str, str], ...]
AZURE_HEADERS = frozenset({"api-key"})


def is_azure(url: str, query: Pairs = ()) -> bool:
    """Whether an address is of Azure's kind, so that the key goes out as `api-key`.

    >>> is_azure("https://x.openai.azure.com/openai/v1"), is_azure("https://api.groq.com/openai/v1")
    (True, False)
    """
    parts = urlsplit(url)
    named = any(name == "api-version" for name, _ in query)
    return named or "/openai/deployments/" in parts.path or (parts.hostname or "").endswith(AZURE_HOSTS)


def key_place(url: str, query: Pairs = ()) -> tuple[str, str]:
    """The header in which the key of an API like OpenAI's goes out, and what stands before it."""
    return ("api-key", "") if is_azure(url, query) else ("authorization", "Bearer ")
