"""A fleet of simulated models with its site open, and OpenAI's own client in front of it.

async with open_models_site(tmp_path, rules) as site:
    answer = await site.openai().chat.completions.create(model="claude", messages=[...])
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncOpenAI
from tests.integration.models.scene import Scene, at_work

from ezaigents.access import Access, Role
from ezaigents.api import LazyListener, bind_listener
from ezaigents.budget import Budget, ScopeState

HELLO = '[[rule]]\nmatch = "hello"\n[[rule.steps]]\ntext = "Hello to you, and a good day."\n'
ANSWER = "Hello to you, and a good day."
ANSWER_S = 30.0


class ModelsSite:
    """What a test sees: the fleet, and ways to ask its site."""

    def __init__(self, scene: Scene, listener: LazyListener, leaving: AsyncExitStack) -> None:
        self.scene = scene
        self.listener = listener
        self.origin = f"http://127.0.0.1:{listener.port}"
        self.access = Access(scene.settings.home_path)
        self.http = httpx2.AsyncClient(base_url=self.origin, timeout=ANSWER_S, trust_env=False)
        self._leaving = leaving

    def token(self, role: Role = Role.OPERATE) -> str:
        """A token of this role."""
        return self.access.give(role, f"a {role.value}").text

    def openai(self, token: str | None = None, *, retries: int = 0) -> AsyncOpenAI:
        """OpenAI's client with this token, or one that may operate."""
        made = AsyncOpenAI(
            base_url=f"{self.origin}/v1",
            api_key=self.token() if token is None else token,
            max_retries=retries,
            timeout=ANSWER_S,
            http_client=httpx2.AsyncClient(trust_env=False),
        )
        self._leaving.push_async_callback(made.close)
        return made

    async def post(self, body: Any, *, token: str | None = None, **headers: str) -> httpx2.Response:
        """Ask by hand."""
        given = {"authorization": f"Bearer {self.token() if token is None else token}"} | headers
        return await self.http.post("/v1/chat/completions", json=body, headers=given)

    async def scopes(self) -> dict[str, ScopeState]:
        """What each budget has counted, without the day in its name."""
        states = await Budget(self.scene.client.queue, self.scene.settings.home_path).overview()
        return {state.scope.replace(f":{state.day}", "") if state.day else state.scope: state for state in states}

    async def reserved(self) -> int:
        """Micro-dollars held for calls on their way."""
        scopes = await self.scopes()
        return scopes["sim-all"].reserved if "sim-all" in scopes else 0


@asynccontextmanager
async def open_models_site(
    folder: Path, rules: str = HELLO, *, faults: Sequence[str] = (), **changed: Any
) -> AsyncIterator[ModelsSite]:
    """A fleet at work over simulated models, and its site; `changed`: settings."""
    async with at_work(folder, rules, faults=faults, port=0, **changed) as scene:
        listener = bind_listener(scene.settings)
        listener.open(scene.fleet.model_calls)
        try:
            async with AsyncExitStack() as leaving:
                site = ModelsSite(scene, listener, leaving)
                await leaving.enter_async_context(site.http)
                yield site
        finally:
            await listener.close()
