"""The next step where an API refuses a parameter: the option to set, and nothing where none would help"""

import json

import pytest

from tests.conftest import an_endpoint
from wrapdetect.dialects.body.hints import next_step
from wrapdetect.dialects.body.unpacked import refused_by

LIMIT, OLD, OMIT = "max_completion_tokens", 'token_limit = "max_tokens"', 'token_limit = "omit"'
NEWER = f'token_limit = "{LIMIT}"'
COLD, WHOLE, STREAMED = "send_temperature = false", "stream = false", "stream = true"


def error(message: str, param: str | None = None, **more: object) -> str:
    return json.dumps({"error": {"message": message, "param": param, **more}})


@pytest.mark.parametrize(
    ("more", "status", "body", "step"),
    [
        ({}, 400, error("Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens"), NEWER),
        ({}, 400, error("'max_tokens' is not supported with this model"), NEWER),
        ({}, 422, '{"detail": [{"loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}]}', NEWER),
        ({}, 400, error("Unrecognized request argument supplied: max_tokens"), NEWER),
        ({"token_limit": LIMIT}, 400, error("Unknown parameter: 'max_completion_tokens'", LIMIT), OLD),
        ({"token_limit": LIMIT}, 422, '{"detail": "max_completion_tokens: extra fields not permitted"}', OLD),
        ({"token_limit": "omit"}, 400, error("max_tokens is not supported"), ""),
        ({"dialect": "responses_stream"}, 400, error("Unsupported parameter: 'max_output_tokens'"), OMIT),
        ({"dialect": "gemini_stream"}, 400, error("Unknown name maxOutputTokens: not supported"), OMIT),
        ({"dialect": "anthropic_stream"}, 400, error("max_tokens: must be at least 1"), ""),
        ({}, 400, error("'temperature' does not support 0.0. Only the default (1).", "temperature"), COLD),
        ({"dialect": "anthropic_stream"}, 400, error("`temperature` is deprecated for this model."), COLD),
        ({"dialect": "ollama_plain"}, 400, error("temperature is not supported"), COLD),
        ({"send_temperature": False}, 400, error("temperature is not supported"), ""),
        ({}, 400, error("Your organization must be verified to stream this model.", "stream"), WHOLE),
        ({}, 400, error("Streaming is not supported: stream must be false"), WHOLE),
        ({}, 422, error("unsupported value for stream"), WHOLE),
        ({"dialect": "openai_plain"}, 400, error("This model only supports streaming: stream is required"), STREAMED),
        ({"dialect": "openai_plain"}, 400, error("stream must be true", "stream"), STREAMED),
        ({"dialect": "openai_plain"}, 400, error("unsupported: stream options"), ""),
        ({}, 200, error("Unsupported parameter: 'max_tokens'", "max_tokens"), NEWER),
        ({}, 400, error("The model m-1 does not exist"), ""),
        ({}, 401, error("Unsupported key for max_tokens"), ""),
        ({}, 429, error("only 3 requests with temperature"), ""),
        ({}, 500, error("unsupported temperature"), ""),
        ({}, 400, error("upstream refused: unsupported"), ""),
        ({"url": "https://x.openai.azure.com/openai/deployments/gpt"}, 404, error("Resource not found"), "api-version"),
        ({"url": "https://bot.example/v1"}, 404, error("Resource not found"), ""),
    ],
)  # fmt: skip
def test_a_refusal_names_the_option_to_set(more: dict[str, object], status: int, body: str, step: str) -> None:
    endpoint = an_endpoint("bot", **{"dialect": "openai_stream", **more})  # type: ignore[arg-type]  # any field
    found = next_step(endpoint, status, refused_by(status, "Reason", body.encode()))
    assert step in found if step else found == ""
    assert "\n" not in found
