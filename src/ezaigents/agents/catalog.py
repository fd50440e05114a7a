"""The agents a host declares: those of the package, the user's own, and the analyst.

Job: their cards, and why one cannot work. Not its job: their work, which files are trusted (wiring).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ezaigents.agents import Agent, AgentFactory, Declared
from ezaigents.agents.definition import Definition, packaged_definitions
from ezaigents.records import AgentCard, AgentState
from ezaigents.settings import Settings

MODEL_TASK_BYTES = 1024 * 1024
"""Memory set aside for a running task of an agent with a model: its history, and what it reads."""


def declared_agents(
    local: Callable[[Settings], Agent] | None = None,
    definitions: Iterable[Definition] | None = None,
    *,
    why_not: Callable[[Definition], str] | None = None,
    factory: Callable[[Definition], AgentFactory] | None = None,
    simulated: bool = False,
) -> dict[str, Declared]:
    """All agents by name, the analyst among them. `local` makes the analyst; None takes the plain one.

    `definitions`: None = those of the package. `why_not`: why an agent cannot work, "" = it can. `factory`: what makes
    one at its first task; without it none of them can work here.
    """
    agents: dict[str, Declared] = {}
    for definition in packaged_definitions() if definitions is None else definitions:
        reason = why_not(definition) if why_not is not None else ""
        agents[definition.name] = Declared(
            model_card(definition, reason, simulated=simulated), factory(definition) if factory is not None else None
        )
    card = AgentCard(
        name="local", slots=8, capabilities=("metrics", "complexity", "findings"), reads=False, kinds=("analyze",)
    )
    agents["local"] = Declared(card, local or _plain_local)
    return agents


def model_card(definition: Definition, reason: str, *, simulated: bool = False) -> AgentCard:
    """The card of an agent with a model. `reason`: why it cannot work, "" = it can."""
    return AgentCard(
        name=definition.name,
        slots=definition.slots,
        state=AgentState.UNAVAILABLE if reason else AgentState.READY,
        reason=reason,
        capabilities=definition.capabilities,
        task_bytes=MODEL_TASK_BYTES,
        whole=True,
        models=definition.chain,
        kinds=definition.kinds,
        simulated=simulated,
    )


def _plain_local(settings: Settings) -> Agent:
    from ezaigents.agents.local import LocalAnalyst

    return LocalAnalyst(settings)
