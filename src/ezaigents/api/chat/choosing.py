"""Which agent a request is for. Job: `model` to an agent's name. Not its job: whether it can answer (calls)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ezaigents.api.chat.errors import UnknownModel
from ezaigents.client import AgentPresence, choose_agent_by_price
from ezaigents.errors import AgentUnavailable, InputError
from ezaigents.policy import nearest_name
from ezaigents.records import AgentCard, TaskKind

if TYPE_CHECKING:
    from ezaigents.client import Client

AUTO = "auto"


async def agent_for(model: str, prompt: str, cards: Sequence[AgentCard], client: Client) -> AgentCard:
    """The agent's card. `auto`, or `auto:KIND`: chosen as `ez run --agent auto` does it, among those that ask models.

    Raises UnknownModel, AgentUnavailable, EngineDown.
    """
    by_name = {card.name: card for card in cards}
    name, _, kind = model.partition(":")
    if name == AUTO:
        rows = [row for row in await client.agents() if row.name in by_name]
        return by_name[await _chosen(_kind(kind), prompt, rows, client)]
    if model not in by_name:
        hint = nearest_name(model, {*by_name, AUTO})
        more = f"; did you mean {hint!r}?" if hint else "; GET /v1/models lists them"
        raise UnknownModel(f"no agent {model[:80]!r} asks models here{more}")
    return by_name[model]


async def _chosen(kind: TaskKind, prompt: str, rows: Sequence[AgentPresence], client: Client) -> str:
    try:
        return (await choose_agent_by_price(client.settings, kind, prompt, rows)).agent
    except InputError as error:
        raise AgentUnavailable(AUTO, error.message) from error


def _kind(word: str) -> TaskKind:
    try:
        return TaskKind(word) if word else TaskKind.ANALYZE
    except ValueError:
        kinds = ", ".join(f"{AUTO}:{kind.value}" for kind in TaskKind)
        raise UnknownModel(f"takes {AUTO}, or one of {kinds}, or an agent's name") from None
