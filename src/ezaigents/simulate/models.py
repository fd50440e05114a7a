"""The models the server lists. Job: GET /v1/models, as Anthropic and as OpenAI. Any other name is answered too."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

UNKNOWN_MODEL = "no-such-model"
"""The one name that is refused."""
_MODELS = ("claude-sonnet-5-5", "gpt-6.1-sol", "deepseek-flash", "mistral-large-4", "gemini-3.8-flash")
_CREATED_S = 1_767_225_600


def model_list(headers: Mapping[str, str]) -> bytes:
    """The list, in Anthropic's form for whoever says its version."""
    if "anthropic-version" in headers:
        made = "2026-01-01T00:00:00Z"
        found = [{"type": "model", "id": name, "display_name": name, "created_at": made} for name in _MODELS]
        body: object = {"data": found, "has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]}
    else:
        owner = {"object": "model", "created": _CREATED_S, "owned_by": "simulated"}
        body = {"object": "list", "data": [{"id": name, **owner} for name in _MODELS]}
    return msgspec.json.encode(body)
