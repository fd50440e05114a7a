"""Which agent does a job that names none, and why."""

from __future__ import annotations

from typing import Any

import pytest

from ezaigents.agents.catalog import declared_agents
from ezaigents.client import AgentPresence, choose_agent
from ezaigents.errors import InputError
from ezaigents.records import TaskKind


def _agents(**changed: Any) -> list[AgentPresence]:
    rows = []
    for name, declared in declared_agents().items():
        values: dict[str, object] = {
            "name": name,
            "state": "ready",
            "slots": 4,
            "busy": 0,
            "health": "healthy",
            "why": "",
            "capabilities": declared.card.capabilities,
            "kinds": declared.card.kinds,
            "models": declared.card.models,
        }
        rows.append(AgentPresence(**(values | changed.get(name, {}))))
    return rows


def _price(route: str) -> int | None:
    return {"anthropic": 4_000_000, "openai": 4_000_000, "gemini": 1_500_000}.get(route.partition(":")[0])


@pytest.mark.parametrize(
    ("kind", "prompt", "agent"),
    [
        (TaskKind.ANALYZE, "Where are the hot spots?", "local"),
        (TaskKind.ANALYZE, "How does the whole thing hang together?", "gemini"),
        (TaskKind.EDIT, "Split this class", "claude"),
        (TaskKind.EDIT, "Add an endpoint to the API", "gpt"),
        (TaskKind.TEST, "Cover the parser", "deepseek"),
        (TaskKind.DOCUMENT, "Explain the settings", "mistral"),
        (TaskKind.REVIEW, "Look at this change", "claude"),
    ],
)
def test_the_agent_that_is_good_at_it_is_chosen(kind: TaskKind, prompt: str, agent: str) -> None:
    """Kind and words of a job lead to the agent whose capabilities they name, and the choice says so."""
    choice = choose_agent(kind, prompt, _agents(), _price)
    assert choice.agent == agent
    assert "fits: " in choice.why


def test_one_that_cannot_work_is_never_chosen() -> None:
    """An unavailable agent is passed over for the next best."""
    agents = _agents(mistral={"state": "unavailable: no key"})
    assert choose_agent(TaskKind.DOCUMENT, "Explain", agents, _price).agent != "mistral"


def test_the_analyst_is_never_asked_to_edit() -> None:
    """An agent that takes one kind of task gets no other, even when it is the only one."""
    only_local = [agent for agent in _agents() if agent.name == "local"]
    with pytest.raises(InputError, match="ez agents"):
        choose_agent(TaskKind.EDIT, "Fix it", only_local, _price)


def test_health_comes_before_price_and_price_before_load() -> None:
    """Of two that fit alike the healthy one is taken, then the cheaper, then the one with less to do."""
    same: Any = {"capabilities": ("refactoring", "backend")}
    agents = [
        agent for agent in _agents(claude=same, gpt=same, gemini=same) if agent.name in ("claude", "gpt", "gemini")
    ]
    assert choose_agent(TaskKind.EDIT, "x", agents, _price).agent == "gemini"
    ill = {"health": "degraded"}
    agents = [a for a in _agents(claude=same, gpt=same, gemini=same | ill) if a.name in ("claude", "gpt", "gemini")]
    assert choose_agent(TaskKind.EDIT, "x", agents, _price).agent == "claude"
    busy = {"busy": 4}
    agents = [
        a for a in _agents(claude=same | busy, gpt=same, gemini=same | ill) if a.name in ("claude", "gpt", "gemini")
    ]
    assert choose_agent(TaskKind.EDIT, "x", agents, _price).agent == "gpt"


def test_an_unknown_price_counts_as_the_dearest() -> None:
    """What nobody knows the price of is not taken for free."""
    same: Any = {"capabilities": ("refactoring",)}
    agents = [a for a in _agents(claude=same, mistral=same) if a.name in ("claude", "mistral")]
    assert choose_agent(TaskKind.EDIT, "x", agents, _price).agent == "claude"
