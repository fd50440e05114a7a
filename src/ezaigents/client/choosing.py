"""Which agent does a job when the user leaves it open. Job: a choice, and why; pure.

By what it can do first, then by how it is, then by what it costs, then by how much it has to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from ezaigents.client.status import AgentPresence
from ezaigents.errors import InputError
from ezaigents.policy import nearest_name
from ezaigents.records import TaskKind

_WANTED: dict[TaskKind, tuple[str, ...]] = {
    TaskKind.ANALYZE: ("analysis", "metrics"),
    TaskKind.EDIT: ("refactoring", "backend"),
    TaskKind.TEST: ("tests", "validation"),
    TaskKind.DOCUMENT: ("documentation",),
    TaskKind.REVIEW: ("review",),
}
_WORDS: dict[str, str] = {
    "metrics": r"hot ?spots?|complexity|metrics?|lines of code|todos?|secrets?|findings?",
    "apis": r"apis?|endpoints?|routes?|rest|http",
    "backend": r"backend|server|database|queue",
    "architecture": r"architecture|modules?|structure|dependenc(y|ies)",
    "large-context": r"whole|every|across|all files",
    "tests": r"tests?|coverage",
    "validation": r"validat\w*|inputs?",
    "documentation": r"docs?|document\w*|readme",
}
"""What in a prompt speaks for which capability."""
PriceOf = Callable[[str], int | None]
"""Route -> micro-dollars for a million tokens of input and a fifth as much output; None = not known."""


class Choice(msgspec.Struct, frozen=True):
    """An agent, and why it was taken, in words."""

    agent: str
    why: str


def choose_agent(kind: TaskKind, prompt: str, agents: Sequence[AgentPresence], price_of: PriceOf) -> Choice:
    """Choose among those that can work now. Raises InputError where none can, saying what is missing."""
    able = [agent for agent in agents if agent.state in ("ready", "paused") and _takes(agent, kind)]
    if not able:
        raise InputError("agent", f"no agent here can {kind.value} now; `ez agents` says why of each")
    wanted = _wanted(kind, prompt)
    costs = {agent.name: _cost(agent, price_of) for agent in able}

    def rank(agent: AgentPresence) -> tuple[float, int, float, float, str]:
        fits = sum(weight for word, weight in wanted.items() if word in agent.capabilities)
        return (-fits, _health_rank(agent), costs[agent.name], agent.busy / max(1, agent.slots), agent.name)

    best = min(able, key=rank)
    fitting = [word for word in wanted if word in best.capabilities]
    cost = costs[best.name]
    money = (
        "asks no model"
        if not best.models
        else f"{best.models[0]}" + ("" if cost < float("inf") else ", price not known")
    )
    reasons = [
        f"fits: {', '.join(fitting)}" if fitting else f"none fits {kind.value} better",
        best.health,
        f"{best.busy} of {best.slots} slots busy",
        money,
    ]
    return Choice(best.name, "; ".join(reasons))


_LOOKED_AT_CHARS = 10_000
"""What is wanted stands at the beginning; a megabyte of it would take seconds, and the loop with it."""


def unknown_agent(name: str, known: Sequence[str]) -> InputError:
    """The error for an agent that is not there, with the nearest name."""
    hint = nearest_name(name, set(known))
    more = f"; did you mean {hint!r}?" if hint else "; `ez agents` lists them"
    return InputError("agent", f"no agent {name[:80]!r}{more}")


def _takes(agent: AgentPresence, kind: TaskKind) -> bool:
    return not agent.kinds or kind.value in agent.kinds


def _wanted(kind: TaskKind, prompt: str) -> dict[str, int]:
    """Capabilities that speak for an agent, with their weight: the prompt's words count double."""
    wanted = dict.fromkeys(_WANTED[kind], 1)
    for capability, pattern in _WORDS.items():
        if re.search(rf"\b({pattern})\b", prompt[:_LOOKED_AT_CHARS], re.IGNORECASE):
            wanted[capability] = wanted.get(capability, 0) + 2
    return wanted


def _health_rank(agent: AgentPresence) -> int:
    return {"healthy": 0, "busy": 0, "degraded": 1, "paused": 2}.get(agent.health, 3)


def _cost(agent: AgentPresence, price_of: PriceOf) -> float:
    if not agent.models:
        return 0.0
    price = price_of(agent.models[0])
    return float("inf") if price is None else float(price)
