"""A job before it is handed in: which agent, whether it can, what it may cost. Job: look, and refuse what cannot be.

Not its job: asking a person (cli, dashboard), the rules of the choice (choosing), of the forecast (budget).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from ezaigents.client.choosing import Choice, choose_agent, unknown_agent
from ezaigents.client.inputs import InputFiles
from ezaigents.client.outlook import Outlook, look_out
from ezaigents.client.status import AgentPresence
from ezaigents.client.submit import Wish
from ezaigents.errors import InputError
from ezaigents.records import TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ezaigents.budget import Forecast, Prices
    from ezaigents.client.client import Client
    from ezaigents.settings import Settings

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
    outlook, settings = await look_out(client), client.settings
    files = InputFiles(settings.workspace_path, settings.home_path)
    return await asyncio.to_thread(_planned, outlook, settings, wish, files)


def _planned(outlook: Outlook, settings: Settings, wish: Wish, files: InputFiles) -> Plan:
    return with_forecast(plan_in(outlook, settings, wish, files), outlook, files)


def plan_in(outlook: Outlook, settings: Settings, wish: Wish, files: InputFiles) -> Plan:
    """Name the agent, by one look at the fleet that may serve many jobs; there is no forecast in it yet.

    Looks at the disk: for a thread. Raises InputError.
    """
    choice, agents = None, outlook.agents
    if wish.agent == "auto":
        choice = choose_agent(wish.kind, wish.prompt, agents, lambda route: _price_of(outlook.prices, route))
        wish = msgspec.structs.replace(wish, agent=choice.agent)
    agent = named(wish.agent, agents)
    check_able(agent, wish)
    if wish.check and settings.commands == "off":
        raise InputError("check", "commands are switched off: set commands = 'sandboxed', or leave the check out")
    files.check(wish.paths)
    return Plan(wish=wish, agent=agent, choice=choice)


def with_forecast(planned: Plan, outlook: Outlook, files: InputFiles) -> Plan:
    """The same plan with what it may cost; without where no model or no price is known. For a thread."""
    from ezaigents.budget import forecast_tasks

    agent, wish = planned.agent, planned.wish
    if not agent.models:
        return planned
    provider, _, model = agent.models[0].partition(":")
    price = outlook.prices.price(provider, model, _now_ms())
    if price is None:  # the fleet itself refuses the call
        return planned
    sizes = [files.size_bytes(wish.paths, _FILES_SIZED)]
    past = outlook.costs.get((agent.name, wish.kind.value), ())
    return msgspec.structs.replace(planned, forecast=forecast_tasks(sizes, price, past))


async def choose_agent_by_price(
    settings: Settings, kind: TaskKind, prompt: str, agents: Sequence[AgentPresence]
) -> Choice:
    """Choose as for a job whose agent is left open, by the prices of these settings. Raises InputError."""
    from ezaigents.budget import Prices

    prices = await asyncio.to_thread(Prices.load, settings)
    return choose_agent(kind, prompt, agents, lambda route: _price_of(prices, route))


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
    InputFiles(settings.workspace_path, settings.home_path).check(wish.paths)


# -- money ---------------------------------------------------------------------------------------------------------


def _price_of(prices: Prices, route: str) -> int | None:
    from ezaigents.budget import cost_microusd
    from ezaigents.records import Usage

    provider, _, model = route.partition(":")
    price = prices.price(provider, model, _now_ms())
    if price is None:
        return None
    return cost_microusd(Usage(input=_PRICED_INPUT, output=_PRICED_OUTPUT), price)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
