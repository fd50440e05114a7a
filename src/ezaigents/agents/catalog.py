"""The six agents every host declares. Job: their cards, and why one cannot work. Not its job: their work."""

from __future__ import annotations

from collections.abc import Callable

from ezaigents.agents import Agent, AgentFactory, Declared
from ezaigents.records import AgentCard, AgentState
from ezaigents.settings import Settings

_NO_MODEL_CALLS = "this version makes no model calls yet; use --agent local"
_CAPABILITIES: dict[str, tuple[str, ...]] = {
    "claude": ("architecture", "refactoring", "review"),
    "gpt": ("backend", "apis"),
    "deepseek": ("tests", "validation"),
    "mistral": ("documentation",),
    "gemini": ("analysis", "large-context"),
}


def declared_agents(local: Callable[[Settings], Agent] | None = None) -> dict[str, Declared]:
    """All six, by name. `local` makes the analyst; None takes the plain one."""
    agents = {
        name: Declared(
            AgentCard(
                name=name,
                state=AgentState.UNAVAILABLE,
                reason=_NO_MODEL_CALLS,
                capabilities=capabilities,
            ),
            None,
        )
        for name, capabilities in _CAPABILITIES.items()
    }
    card = AgentCard(name="local", slots=8, capabilities=("metrics", "complexity", "findings"), reads=False)
    factory: AgentFactory = local or _plain_local
    agents["local"] = Declared(card, factory)
    return agents


def _plain_local(settings: Settings) -> Agent:
    from ezaigents.agents.local import LocalAnalyst

    return LocalAnalyst(settings)
