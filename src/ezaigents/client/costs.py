"""What was spent, by day, agent and model. Job: the engine's scopes and the ledger's as rows; sums are pure.

Simulated money has rows of its own, and is never added to real money. Not its job: counting (budget).
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ezaigents.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from ezaigents.budget import ScopeState
    from ezaigents.client.client import Client

DAYS_MOST = 366
_SIMULATED = "sim-"
_NAMED = ("agent", "model")


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """What calls cost. `name`: an agent, or `provider:model`; "" = all. `day`: `yyyy-mm-dd` UTC; "" = all of them."""

    day: str = ""
    name: str = ""
    simulated: bool
    spent_microusd: int
    calls: int
    input_tokens: int
    output_tokens: int


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that calls of now count against. `scope`: `all`, `day`, or `agent:NAME`, the last two for today."""

    scope: str
    simulated: bool
    limit_microusd: int
    spent_microusd: int
    reserved_microusd: int
    left_microusd: int


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent from `since` to `until`, both included. Days without a call have no row."""

    since: str
    until: str
    days: list[CostRow]
    agents: list[CostRow]
    models: list[CostRow]
    agent_days: list[CostRow]
    limits: list[LimitRow]


async def costs_of(client: Client, days: int) -> Costs:
    """What the last days (1 to 366, today included) cost. Raises InputError, EngineDown."""
    from ezaigents.budget import Budget

    if not 1 <= days <= DAYS_MOST:
        raise InputError("days", f"takes 1 to {DAYS_MOST}, not {days}")
    today = await _today(client)
    since = today - dt.timedelta(days=days - 1)
    open_scopes = await Budget(client.queue, client.settings.home_path).overview(beyond_tasks=True)
    closed = await asyncio.to_thread(_closed, client.settings.home_path / "ledger", since, today)
    # A day that was corrected after it was written down is open again: what the engine knows is newer.
    scopes = closed | {state.scope: state for state in open_scopes}
    return summed(scopes.values(), since.isoformat(), today.isoformat())


async def spent_today(client: Client, agents: Sequence[str], *, simulated: bool) -> dict[str, int]:
    """What each of these agents cost today, in micro-dollars. Raises EngineDown."""
    from ezaigents.budget import Budget

    today = (await _today(client)).isoformat()
    names = [f"{_SIMULATED if simulated else ''}agent:{agent}:{today}" for agent in agents]
    states = await Budget(client.queue, client.settings.home_path).scopes(names)
    return {agent: state.spent for agent, state in zip(agents, states, strict=True)}


def summed(scopes: Iterable[ScopeState], since: str, until: str) -> Costs:
    """The rows of those days, from what scopes have counted; biggest spender first, oldest day first."""
    states = list(scopes)
    parts: dict[str, list[CostRow]] = {"day": [], "agent": [], "model": []}
    for state in states:
        sort, name, simulated = _sort_of(state)
        if sort in parts and since <= state.day <= until and (state.calls or state.spent):
            parts[sort].append(_row(state, name, simulated=simulated))
    return Costs(
        since=since,
        until=until,
        days=sorted(parts["day"], key=lambda row: (row.day, row.simulated)),
        agents=_by_name(parts["agent"]),
        models=_by_name(parts["model"]),
        agent_days=sorted(parts["agent"], key=lambda row: (row.day, row.name, row.simulated)),
        limits=[_limit(state) for state in states if _is_of_now(state, until)],
    )


def _by_name(rows: Iterable[CostRow]) -> list[CostRow]:
    sums: dict[tuple[str, bool], CostRow] = {}
    for row in rows:
        before = sums.get((row.name, row.simulated))
        sums[row.name, row.simulated] = row if before is None else _added(before, row)
    whole = [msgspec.structs.replace(row, day="") for row in sums.values()]
    return sorted(whole, key=lambda row: (row.simulated, -row.spent_microusd, row.name))


def _added(one: CostRow, other: CostRow) -> CostRow:
    return msgspec.structs.replace(
        one,
        spent_microusd=one.spent_microusd + other.spent_microusd,
        calls=one.calls + other.calls,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
    )


def _sort_of(state: ScopeState) -> tuple[str, str, bool]:
    """What kind of scope it is, whose, and whether of simulated models."""
    bare = state.scope.removeprefix(_SIMULATED)
    sort, _, rest = bare.partition(":")
    name = rest.rpartition(":")[0] if sort in _NAMED else ""
    return sort, name, bare != state.scope


def _row(state: ScopeState, name: str, *, simulated: bool) -> CostRow:
    return CostRow(
        day=state.day,
        name=name,
        simulated=simulated,
        spent_microusd=state.spent,
        calls=state.calls,
        input_tokens=state.input_tokens,
        output_tokens=state.output_tokens,
    )


def _is_of_now(state: ScopeState, today: str) -> bool:
    sort = _sort_of(state)[0]
    return sort == "all" or (sort in ("day", "agent") and state.day == today)


def _limit(state: ScopeState) -> LimitRow:
    sort, name, simulated = _sort_of(state)
    return LimitRow(
        scope=f"{sort}:{name}" if name else sort,
        simulated=simulated,
        limit_microusd=state.limit,
        spent_microusd=state.spent,
        reserved_microusd=state.reserved,
        left_microusd=state.left,
    )


def _closed(folder: Path, since: dt.date, until: dt.date) -> dict[str, ScopeState]:
    """What the ledger has of the months from one day to another."""
    from ezaigents.budget import read_ledger

    found: dict[str, ScopeState] = {}
    month = since.replace(day=1)
    while month <= until:
        found |= read_ledger(folder, f"{month:%Y-%m}")
        month = (month + dt.timedelta(days=32)).replace(day=1)
    return found


async def _today(client: Client) -> dt.date:
    """The UTC day by the engine's clock, by which days are counted."""
    seconds, _ = await client.queue.read("TIME")
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).date()
