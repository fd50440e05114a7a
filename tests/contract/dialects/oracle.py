"""The providers' own libraries, answered with our bytes and asked with our bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai


class Wire:
    """A transport that gives one answer and keeps what it was asked."""

    def __init__(self, answer: bytes, *, stream: bool, status: int = 200) -> None:
        self._answer = answer
        self._status = status
        self._type = "text/event-stream" if stream else "application/json"
        self.path = ""
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.path = request.url.path
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.body = json.loads(request.content)
        return httpx2.Response(self._status, content=self._answer, headers={"content-type": self._type})


@contextmanager
def anthropic_client(wire: Wire) -> Iterator[anthropic.Anthropic]:
    with httpx2.Client(transport=httpx2.MockTransport(wire)) as http:
        yield anthropic.Anthropic(api_key="k", base_url="http://anthropic.test", http_client=http, max_retries=0)


@contextmanager
def openai_client(wire: Wire) -> Iterator[openai.OpenAI]:
    with httpx2.Client(transport=httpx2.MockTransport(wire)) as http:
        yield openai.OpenAI(api_key="k", base_url="http://openai.test/v1", http_client=http, max_retries=0)
