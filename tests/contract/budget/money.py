"""Budgets over the queue's rig, with short words for scenes. Job: set scenes. Not its job: expectations.

Leaving it asserts that this room's invariants hold too. Time is not waited for: `time_comes` writes the past, and a
budget made with `days_later` runs scripts whose clock is ahead.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from tests.contract.queue.rig import PAST_MS, Rig

from ezaigents.budget.budget import FOLDER, SCRIPTS, Budget
from ezaigents.budget.fsck import judge_budget
from ezaigents.budget.scopes import HoldName, Limits, ScopeState
from ezaigents.engine import Connection
from ezaigents.queue import Queue, Script, read_scripts

PLENTY = 10**12
TTL_S = 600.0
DAY_MS = 86_400_000
_NOW = "math.floor(tonumber(engine_time[2]) / 1000)"


def limits(**given: int) -> Limits:
    """Plenty of everything but what is given."""
    return Limits(**({"task": PLENTY, "agent": PLENTY, "day": PLENTY, "total": PLENTY} | given))


def replaced(
    text: str, by: str, names: Iterable[str] = SCRIPTS, *, of: Mapping[str, Script] | None = None
) -> Mapping[str, Script]:
    """The scripts of this room with another text in some of them. Raises AssertionError when it is in none."""
    scripts = dict(of or read_scripts(FOLDER, SCRIPTS))
    changed = {name: Script(name, scripts[name].text.replace(text, by)) for name in names if text in scripts[name].text}
    assert changed, f"no script holds {text!r}"
    return scripts | changed


def days_later(days: float) -> Mapping[str, Script]:
    """Scripts for which so much time has gone by."""
    return replaced(_NOW, f"{_NOW} + {round(days * DAY_MS)}")


def holds_last(days: float) -> Mapping[str, Script]:
    """The same, where no hold has come to its end meanwhile."""
    return replaced("P .. 'holds', '-inf'", "P .. 'none', '-inf'", of=days_later(days))


class BudgetRig(Rig):
    """A rig with budgets on its own connection, and a data folder."""

    budget: Budget
    home: Path

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._folder = tempfile.TemporaryDirectory(prefix="ez-budget-")
        self.home = Path(self._folder.name)
        self.budget = self.at()
        self.calls = 0
        return self

    async def __aexit__(self, kind: object, *exc_info: object) -> None:
        try:
            await self.budget.close()
            await super().__aexit__(kind, *exc_info)
        finally:
            self._folder.cleanup()

    async def assert_clean(self) -> None:
        await super().assert_clean()
        assert await self.judged() == []

    async def judged(self) -> list[tuple[str, str, str]]:
        """What this room's check finds."""
        found: list[tuple[str, str, str]] = []
        await judge_budget(self.queue, lambda *finding: found.append(finding))
        return found

    def at(self, days: float = 0) -> Budget:
        """The same budgets, so many days later."""
        return Budget(self.queue, self.home, scripts=days_later(days) if days else None)

    @asynccontextmanager
    async def elsewhere(self) -> AsyncIterator[Budget]:
        """The same budgets from another process's connection."""
        async with Connection(self.engine.address) as connection:
            queue = Queue(connection, self.keys)
            yield Budget(queue, self.home)
            await queue.close()

    def name(self, task: str = "t1", fence: int = 7) -> HoldName:
        """The name of a call nobody has made."""
        self.calls += 1
        return HoldName(task, fence, self.calls, 1)

    async def reserve(
        self,
        name: HoldName,
        amount: int,
        *,
        least: int | None = None,
        budget: Budget | None = None,
        by: str = "claude",
        job: str = "r1",
        **given: Any,
    ) -> int:
        """Set money aside `by` an agent, for the run `job`; `least`: all of it unless given. The rest are limits."""
        return await (budget or self.budget).reserve(
            name,
            agent=by,
            run=job,
            amount=amount,
            least=amount if least is None else least,
            limits=limits(**given),
            ttl_s=TTL_S,
        )

    async def held(self, amount: int, *, of: str = "t1", **given: Any) -> HoldName:
        """A hold of this amount, for a task `of` this id."""
        name = self.name(of)
        assert await self.reserve(name, amount, **given) == amount
        return name

    async def time_comes(self, *names: HoldName) -> None:
        """As if these holds had been forgotten by those who took them."""
        for name in names:
            await self.raw("HSET", self.keys.hold(str(name)), "until", PAST_MS)
            await self.raw("ZADD", self.keys.holds(), "XX", PAST_MS, str(name))

    async def money(self) -> dict[str, tuple[int, int]]:
        """Spent and reserved, by scope; of a day's scope without the day."""
        return {short(state): (state.spent, state.reserved) for state in await self.budget.overview()}

    async def everything(self) -> dict[bytes, Any]:
        """All of this room's keys with their content but for times, to be compared."""
        found: dict[bytes, Any] = {}
        for part in ("budget:", "hold:", "settled:"):
            for key in await self.raw("KEYS", f"{self.keys.prefix}{part}*"):
                fields = await self.raw("HGETALL", key)
                found[key] = {field: value for field, value in fields.items() if field != b"until"}
        for index in (self.keys.budgets(), self.keys.holds()):
            found[index.encode()] = sorted(await self.raw("ZRANGE", index, 0, -1))
        return found


def short(state: ScopeState) -> str:
    """A scope's name without its day."""
    return state.scope.removesuffix(f":{state.day}") if state.day else state.scope
