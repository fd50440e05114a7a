"""`ez run` before it hands in: says which agent, and what it may cost, and asks where that is much.

Not its job: the plan itself (client/planning).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

from ezaigents.cli.talk import say
from ezaigents.client import AgentPresence, Client, Plan, Wish, card_row, check_able, named, plan
from ezaigents.errors import AgentUnavailable, LimitReached

if TYPE_CHECKING:
    from ezaigents.cli.job import Manner
    from ezaigents.settings import Settings


async def settled(client: Client, wish: Wish, manner: Manner) -> Wish:
    """The wish with its agent chosen and allowed. Raises InputError, AgentUnavailable, LimitReached, NotRunning."""
    planned = await plan(client, wish)
    _check_keys(client, planned.agent)
    if planned.choice is not None:
        say(f"agent: {planned.choice.agent} (auto: {planned.choice.why})")
    _say_cost(planned)
    if planned.costs_more_than(client.settings.ask_above_usd) and not manner.yes and not _allowed(planned):
        raise LimitReached(
            "nothing was handed in; --yes does not ask, --budget sets a limit, ask_above_usd when to ask"
        )
    return planned.wish


def check_known(settings: Settings, wish: Wish) -> None:
    """Refuse, before a fleet is started for the job, what none started here could do. Raises InputError."""
    from ezaigents.agents.catalog import declared_agents
    from ezaigents.agents.roster import load_roster
    from ezaigents.trust import Trust

    if wish.agent == "auto":
        return
    roster = load_roster(settings, Trust(settings.config_path).is_trusted)
    cards = [declared.card for declared in declared_agents(None, roster.definitions.values()).values()]
    if wish.agent in roster.faults and wish.agent not in roster.definitions:
        raise AgentUnavailable(wish.agent, roster.faults[wish.agent])
    check_able(named(wish.agent, [card_row(card) for card in cards]), wish)


def _check_keys(client: Client, agent: AgentPresence) -> None:
    """A key that this process was started with and the fleet lacks: say so, and what to type."""
    from ezaigents.providers import load_catalogue

    state, _, reason = agent.state.partition(": ")
    if state != "unavailable" or "key" not in reason:
        return
    catalogue = load_catalogue(msgspec.structs.replace(client.settings, models="real"), os.environ)
    for route in agent.models:
        provider = catalogue.providers.get(route.partition(":")[0])
        for variable in provider.key_variables if provider else ():
            if os.environ.get(variable) and provider is not None:
                raise AgentUnavailable(
                    agent.name,
                    f"the fleet has no key for {provider.name}, and this shell has {variable}: type "
                    f"`printenv {variable} | ez keys set {provider.name}`, then this command again",
                )


def _say_cost(planned: Plan) -> None:
    """What the run may cost."""
    from ezaigents.budget import shown_usd

    expected, budget = planned.forecast, planned.wish.budget_microusd
    if expected is None:
        return
    simulated = " (simulated: costs nothing)" if planned.agent.simulated else ""
    say(
        f"expected cost: {shown_usd(expected.low)} to {shown_usd(expected.high)}, likely {shown_usd(expected.likely)}; "
        f"{expected.basis}{simulated}"
    )
    if budget and expected.low > budget and not simulated:
        say(f"warning: --budget allows {shown_usd(budget)}, less than it is expected to cost")


def _allowed(planned: Plan) -> bool:
    """Ask the person at the terminal; where there is none, the limit stands."""
    from ezaigents.budget import shown_usd

    cost = shown_usd(planned.forecast.high) if planned.forecast is not None else ""
    if not sys.stdin.isatty():
        say(f"this may cost up to {cost}, more than `ask_above_usd`, and nobody can be asked")
        return False
    sys.stderr.write(f"This may cost up to {cost}. Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
