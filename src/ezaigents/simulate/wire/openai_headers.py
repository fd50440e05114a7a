"""What OpenAI sends with every answer. Job: these headers. Not its job: counting."""

from __future__ import annotations

from ezaigents.simulate.wire.form import Allowance


def openai_headers(request_id: str, left: Allowance) -> list[tuple[str, str]]:
    """The request's id, and what the key may still ask for."""
    reset = f"{left.reset_s}s"
    return [
        ("x-request-id", request_id),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "1"),
        ("x-ratelimit-limit-requests", str(left.requests)),
        ("x-ratelimit-limit-tokens", str(left.tokens)),
        ("x-ratelimit-remaining-requests", str(left.requests_left)),
        ("x-ratelimit-remaining-tokens", str(left.tokens_left)),
        ("x-ratelimit-reset-requests", reset),
        ("x-ratelimit-reset-tokens", reset),
    ]
