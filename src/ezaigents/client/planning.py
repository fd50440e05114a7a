"""A job before it is handed in: which agent, whether it can, what it may cost. Job: look, and refuse what cannot be.

Not its job: asking a person (cli, dashboard), the rules of the choice (choosing), of the forecast (budget).
"""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from ezaigents.client.choosing import Choice, choose_agent, unknown_agent
from ezaigents.client.status import AgentPresence
from ezaigents.client.submit import Wish
from ezaigents.errors import InputError
from ezaigents.records import TaskState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ezaigents.budget import Forecast, Prices
    from ezaigents.client.client import Client
    from ezaigents.settings import Settings

_HISTORY = 500
"""So many of the tasks that ended last are looked at for what such a job cost."""
_PRICED_INPUT, _PRICED_OUTPUT = 1_000_000, 200_000
_FILES_SIZED = 2000
_MICRO = 1_000_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A wish with its agent named. `choice`: why, where it was left open. `forecast`: None = no model, or no price."""

    wish: Wish
    agent: AgentPresence
    choice: Choice | None = None
    forecast: Forecast | None = None

    def costs_more_than(self, usd: float) -> bool:
        """Whether it may cost more real money than that."""
        return self.forecast is not None and not self.agent.simulated and self.forecast.high > round(usd * _MICRO)


async def plan(client: Client, wish: Wish) -> Plan:
    """Name the agent, and say what it may cost. Raises InputError, NotRunning."""
    from ezaigents.budget import Prices

    agents = await client.agents(need_host=True)
    prices = await asyncio.to_thread(Prices.load, client.settings)
    choice = None
    if wish.agent == "auto":
        choice = choose_agent(wish.kind, wish.prompt, agents, lambda route: _price_of(prices, route))
        wish = msgspec.structs.replace(wish, agent=choice.agent)
    agent = named(wish.agent, agents)
    check_able(agent, wish)
    if wish.check and client.settings.commands == "off":
        raise InputError("check", "commands are switched off: set commands = 'sandboxed', or leave the check out")
    await asyncio.to_thread(check_files, client.settings, wish)
    forecast = await _forecast(client, wish, agent, prices) if agent.models else None
    return Plan(wish=wish, agent=agent, choice=choice, forecast=forecast)


def named(name: str, agents: Sequence[AgentPresence]) -> AgentPresence:
    """The agent of this name. Raises InputError, with the nearest one."""
    found = next((agent for agent in agents if agent.name == name), None)
    if found is None:
        raise unknown_agent(name, [agent.name for agent in agents])
    return found


def check_able(agent: AgentPresence, wish: Wish) -> None:
    """Refuse what this agent does not do. Raises InputError."""
    if agent.kinds and wish.kind.value not in agent.kinds:
        raise InputError(
            "kind", f"{agent.name} takes tasks of the kind {', '.join(agent.kinds)}, not {wish.kind.value}"
        )
    if not agent.models and (wish.check or wish.apply or wish.record):
        word = "check" if wish.check else "apply" if wish.apply else "record"
        raise InputError("agent", f"{agent.name} asks no model and changes no files: {word} needs another agent")


def check_files(settings: Settings, wish: Wish) -> None:
    """Refuse a job without files. Raises InputError."""
    from ezaigents.workspace import walk_inputs

    files = walk_inputs(settings.workspace_path, wish.paths or ("",), home=settings.home_path)
    if next(iter(files), None) is None:
        names = ", ".join(repr(path or ".") for path in wish.paths or ("",))
        raise InputError("path", f"no files in {names} (ignored ones are left out); name a folder with files")


# -- money ---------------------------------------------------------------------------------------------------------


def _price_of(prices: Prices, route: str) -> int | None:
    from ezaigents.budget import cost_microusd
    from ezaigents.records import Usage

    provider, _, model = route.partition(":")
    price = prices.price(provider, model, _now_ms())
    if price is None:
        return None
    return cost_microusd(Usage(input=_PRICED_INPUT, output=_PRICED_OUTPUT), price)


async def _forecast(client: Client, wish: Wish, agent: AgentPresence, prices: Prices) -> Forecast | None:
    """What the run may cost; None where the price is not known: then the fleet itself refuses the call."""
    from ezaigents.budget import forecast_tasks

    provider, _, model = agent.models[0].partition(":")
    price = prices.price(provider, model, _now_ms())
    if price is None:
        return None
    past = await _past_costs(client, agent.name, wish.kind.value)
    return forecast_tasks([await asyncio.to_thread(_size_bytes, client, wish)], price, past)


async def _past_costs(client: Client, agent: str, kind: str) -> list[int]:
    tasks = await client.last_ended(_HISTORY)
    alike = [task for task in tasks if task.agent == agent and task.kind.value == kind and task.state is TaskState.DONE]
    return [task.cost_microusd for task in alike if task.calls and not task.simulated]


def _size_bytes(client: Client, wish: Wish) -> int:
    from ezaigents.workspace import walk_inputs

    files = walk_inputs(client.settings.workspace_path, wish.paths or ("",), home=client.settings.home_path)
    return sum(file.size_bytes for file in islice(files, _FILES_SIZED))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
