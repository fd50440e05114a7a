"""Money set aside before a call, and settled after it. Job: reserve, settle, tell what was spent; one script each.

A hold counts against every scope at once: the task where the call belongs to one, the run where it has a limit of its
own, the agent's day, the day, everything. So no number of calls at one time can spend more than any limit leaves. A
hold that nobody settles ends by its time, as spent: whoever took it may have made his call. Settled later all the same,
it is corrected.

Not its job: what a call may cost (rates.py, tokens.py), when to call (agents).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ezaigents.budget.errors import BudgetRefused, HoldSettled
from ezaigents.budget.ledger import append_closed
from ezaigents.budget.scopes import MOST_MICROUSD, HoldName, Limits, ScopeState, Settled
from ezaigents.codec import from_pack, to_pack
from ezaigents.errors import InputError
from ezaigents.queue import Queue, Script, read_scripts
from ezaigents.records import Usage

FOLDER = Path(__file__).parent / "lua"
SCRIPTS = ("reserve", "settle", "lapse", "closable", "close", "forget")
_LAPSED_BESIDE = 10
"""Holds whose time has come that one call ends beside its own work: that is about a millisecond."""
_BATCH = 200
_OF_WORK = ("task:", "run:")
_NO_USAGE = Usage()


class Budget:
    """The budgets of one namespace. Any number of these may be at work on it.

    `home`: the data folder, where the ledger lies. `close` waits for what cancelled callers left to be given back.
    """

    def __init__(self, queue: Queue, home: Path, *, scripts: Mapping[str, Script] | None = None) -> None:
        self._queue = queue
        self._ledger = home / "ledger"
        self._scripts = scripts or read_scripts(FOLDER, SCRIPTS)
        self._leaving: set[asyncio.Task[Settled]] = set()

    async def close(self) -> None:
        """Wait for holds that are being given back in the background; the connection stays open."""
        while self._leaving:
            await asyncio.gather(*self._leaving, return_exceptions=True)

    # -- one call ------------------------------------------------------------------------------------------------

    async def reserve(
        self,
        name: HoldName,
        *,
        agent: str,
        run: str,
        amount: int,
        least: int,
        limits: Limits,
        ttl_s: float,
        simulated: bool = False,
        model: str = "",
    ) -> int:
        """Set `amount` micro-dollars aside for one call, or what fits of it, but not below `least`; returns how much.

        All scopes or none. 0 is a free call, which no limit refuses. Repeated, it answers as before. `ttl_s`: longer
        than the call can last; then the hold ends as spent. `simulated`: counted apart from real money. `model`:
        `provider:model`, counted by day, without a limit. A cancelled caller's hold is given back.
        Raises BudgetRefused, HoldSettled, InputError, EngineFull, EngineDown.
        """
        args = [*_reserve_args(name, agent, run, amount, least, limits, ttl_s), int(simulated), _name("model", model)]
        try:
            word, *told = await self._queue.run_script(self._scripts["reserve"], args)
        except asyncio.CancelledError:
            self._give_back(name)
            raise
        if word == b"OK":
            return int(told[0])
        if word == b"SETTLED":
            raise HoldSettled(str(name))
        scope, limit, spent, reserved = told
        raise BudgetRefused(
            scope.decode(), limit=int(limit), spent=int(spent), reserved=int(reserved), wanted=max(1, least)
        )

    async def settle(self, name: HoldName, spent: int | None, usage: Usage | None = None) -> Settled:
        """Put what a call cost in the place of its hold, once, whoever holds the task by now.

        `spent`: micro-dollars; None = not known: all that was held; 0 without `usage` = no call was made: given back.
        `usage` is counted beside the money. Repeated, it answers as before. Raises InputError, EngineDown.
        """
        if spent is not None:
            _check_money("spent", spent)
        used = usage or _NO_USAGE
        calls = int(spent != 0 or usage is not None)
        args: list[Any] = [str(name), "" if spent is None else spent, calls, used.input_total, used.output]
        word, held, counted = await self._queue.run_script(self._scripts["settle"], [*args, _LAPSED_BESIDE])
        return Settled(held=int(held), spent=int(counted), known=word == b"OK")

    def _give_back(self, name: HoldName) -> None:
        """The reservation goes on to its end in the background; settled before or after that, nothing is left of it."""
        task = asyncio.ensure_future(self.settle(name, 0))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    # -- keep in motion ------------------------------------------------------------------------------------------

    async def lapse(self) -> int:
        """End every hold whose time has come, as spent; returns how many. At a host's start, and when it sweeps."""
        ended = 0
        while True:
            count: int = await self._queue.run_script(self._scripts["lapse"], [_BATCH])
            ended += count
            if count < _BATCH:
                return ended

    async def close_days(self) -> int:
        """Move days that are over to the ledger, forget scopes of forgotten tasks; returns how many it moved.

        A day follows when an hour has passed since its last change, so that no late settling can miss it. May be
        repeated, and run beside others; after a crash it goes on. Raises EngineDown, OSError.
        """
        await self.lapse()
        closed = at = 0
        while True:
            packed: bytes = await self._queue.run_script(self._scripts["closable"], [at, _BATCH])
            looked, rows = from_pack(packed, tuple[int, list[tuple[str, list[str]]]])
            gone = await self._close(rows) if rows else 0
            closed += gone
            at += looked - gone
            if looked < _BATCH:
                break
        await self._forget()
        return closed

    async def _close(self, rows: list[tuple[str, list[str]]]) -> int:
        states = [_state(scope, dict(zip(fields[::2], fields[1::2], strict=True)), 0) for scope, fields in rows]
        await asyncio.to_thread(append_closed, self._ledger, states)
        gone: int = await self._queue.run_script(self._scripts["close"], [to_pack(row) for row in rows])
        return gone

    async def _forget(self) -> None:
        at = 0
        while True:
            looked, dropped = await self._queue.run_script(self._scripts["forget"], [at, _BATCH])
            at += looked - dropped
            if looked < _BATCH:
                return

    # -- look ----------------------------------------------------------------------------------------------------

    async def overview(self, *, beyond_tasks: bool = False) -> list[ScopeState]:
        """Every scope that the engine keeps, the one used last first. Raises EngineDown.

        `beyond_tasks`: leave out those of single tasks and runs, of which there may be very many.
        """
        listed = await self._queue.read("ZRANGE", self._queue.keys.budgets(), 0, -1, "REV", "WITHSCORES")
        used = {name.decode(): int(at_ms) for name, at_ms in listed}
        if beyond_tasks:
            used = {name: at_ms for name, at_ms in used.items() if not name.startswith(_OF_WORK)}
        hashes = await self._queue.read_many([("HGETALL", self._queue.keys.budget(name)) for name in used])
        return [_state(name, _text(raw), used[name]) for name, raw in zip(used, hashes, strict=True) if raw]

    async def scopes(self, names: Sequence[str]) -> list[ScopeState]:
        """Scopes by name, in this order; all zeros where nothing was ever set aside in one. Raises EngineDown."""
        hashes = await self._queue.read_many([("HGETALL", self._queue.keys.budget(name)) for name in names])
        return [_state(name, _text(raw), 0) for name, raw in zip(names, hashes, strict=True)]

    async def scope(self, name: str) -> ScopeState:
        """One scope; all zeros where nothing was ever set aside in it. Raises EngineDown."""
        raw = await self._queue.read("HGETALL", self._queue.keys.budget(name))
        return _state(name, _text(raw), 0)


def _reserve_args(
    name: HoldName, agent: str, run: str, amount: int, least: int, limits: Limits, ttl_s: float
) -> list[Any]:
    for field, text in (("task", name.task), ("agent", agent), ("run", run)):
        if text.split() != [text] and (text or field != "run"):
            raise InputError(field, f"{text!r} is empty or holds white space")
    for field, money in (("amount", amount), ("least", least)):
        _check_money(field, money)
    if least > amount:
        raise InputError("least", f"is {least}, more than the amount {amount}")
    if not 0 < ttl_s <= 7 * 86_400:
        raise InputError("ttl_s", f"takes a time up to a week, not {ttl_s!r}")
    figures = (limits.task or 0, limits.run, limits.agent, limits.day, limits.total)
    for limit in figures:
        _check_money("limits", limit)
    own_task = "" if limits.task is None else name.task
    own_run = run if limits.run else ""
    return [str(name), own_task, own_run, agent, amount, least, round(ttl_s * 1000) or 1, _LAPSED_BESIDE, *figures]


def _name(field: str, text: str) -> str:
    if text and text.split() != [text]:
        raise InputError(field, f"{text!r} holds white space")
    return text


def _check_money(field: str, amount: int) -> None:
    if type(amount) is not int or not 0 <= amount <= MOST_MICROUSD:
        raise InputError(field, f"takes whole micro-dollars from 0 to {MOST_MICROUSD}, not {amount!r}")


def _text(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    return {field.decode(): value.decode() for field, value in raw.items()}


def _state(scope: str, fields: Mapping[str, str], used_ms: int) -> ScopeState:
    return ScopeState(
        scope=scope,
        limit=int(fields.get("limit", 0)),
        spent=int(fields.get("spent", 0)),
        reserved=int(fields.get("reserved", 0)),
        calls=int(fields.get("calls", 0)),
        input_tokens=int(fields.get("input", 0)),
        output_tokens=int(fields.get("output", 0)),
        used_ms=used_ms,
    )
