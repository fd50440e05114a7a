"""Lost answers, lost scripts, lost engines: budgets are as after one call, and the caller is told the same."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.budget.money import BudgetRig, days_later
from tests.contract.queue.cutting import CuttingProxy
from tests.engines import start_engine

from ezaigents.budget import Budget, BudgetRefused, ScopeState
from ezaigents.budget.budget import SCRIPTS
from ezaigents.budget.fsck import SCRIPTS as FSCK_SCRIPTS
from ezaigents.budget.fsck import judge_budget, mend_budget
from ezaigents.engine import Connection
from ezaigents.queue import Queue

Act = Callable[[Queue], Awaitable[Any]]
Scene = Callable[[BudgetRig], Awaitable[Act]]
SCENES: dict[str, Scene] = {}


def _scene(scene: Scene) -> Scene:
    SCENES[scene.__name__.strip("_")] = scene
    return scene


@_scene
async def _reserve(rig: BudgetRig) -> Act:
    await rig.time_comes(await rig.held(5))
    name = rig.name()
    return lambda queue: rig.reserve(name, 500, least=1, budget=Budget(queue, rig.home), task=130)


@_scene
async def _reserve_refused(rig: BudgetRig) -> Act:
    await rig.held(5)
    name = rig.name()

    async def act(queue: Queue) -> Any:
        with pytest.raises(BudgetRefused) as refused:
            await rig.reserve(name, 6, budget=Budget(queue, rig.home), task=10)
        return refused.value.scope, refused.value.reserved

    return act


@_scene
async def _settle(rig: BudgetRig) -> Act:
    name, other = await rig.held(100, run=1_000), await rig.held(7)
    await rig.time_comes(other)
    return lambda queue: Budget(queue, rig.home).settle(name, 60)


@_scene
async def _settle_late(rig: BudgetRig) -> Act:
    name = await rig.held(100)
    await rig.time_comes(name)
    await rig.budget.lapse()
    return lambda queue: Budget(queue, rig.home).settle(name, 60)


@_scene
async def _settle_unknown(rig: BudgetRig) -> Act:
    name = rig.name()
    return lambda queue: Budget(queue, rig.home).settle(name, 60)


@_scene
async def _lapse(rig: BudgetRig) -> Act:
    await rig.time_comes(await rig.held(100), await rig.held(50))

    async def act(queue: Queue) -> None:
        await Budget(queue, rig.home).lapse()  # how many this call ended differs where its answer was lost

    return act


async def _close_days(rig: BudgetRig) -> Act:
    await rig.budget.settle(await rig.held(100), 60)
    shutil.rmtree(rig.home / "ledger", ignore_errors=True)

    async def act(queue: Queue) -> Any:
        await Budget(queue, rig.home, scripts=days_later(1.1)).close_days()
        return [file.read_bytes() for file in (rig.home / "ledger").iterdir()]

    return act


SCENES |= {"closable": _close_days, "close": _close_days, "forget": _close_days}


@_scene
async def _audit(rig: BudgetRig) -> Act:
    await rig.held(100)
    await rig.raw("HSET", rig.keys.budget("all"), "reserved", 99)

    async def act(queue: Queue) -> Any:
        found: list[tuple[str, ...]] = []
        await judge_budget(queue, lambda *finding: found.append(finding))
        await rig.raw("HSET", rig.keys.budget("all"), "reserved", 100)
        return found

    return act


@_scene
async def _mend(rig: BudgetRig) -> Act:
    await rig.held(100)
    await rig.raw("HSET", rig.keys.budget("all"), "reserved", 99)

    async def act(queue: Queue) -> None:
        await mend_budget(queue)  # what it says that it changed is lost with the answer

    return act


def test_every_script_has_a_scene() -> None:
    """No script is left out of the cutting."""
    assert {name.partition("_")[0] for name in SCENES} == {*SCRIPTS, *FSCK_SCRIPTS}


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_connection_cut_at_each_byte_of_the_reply_has_one_effect(
    rig: BudgetRig, name: str, tmp_path: Path
) -> None:
    """Wherever a reply is cut off, the repeated call answers as before, and the keys are as after one call."""
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy, Connection(proxy.address) as connection:
        queue = Queue(connection, rig.keys)

        async def played(cut: int | None) -> tuple[Any, Any]:
            await rig.raw("FLUSHALL")
            rig.calls = 0
            act = await SCENES[name](rig)
            proxy.cut_after(cut)
            answer = await act(queue)
            return answer, await rig.everything()

        await played(None)  # from here on the engine knows the scripts, and their replies are the only ones
        whole = await played(None)
        length = proxy.passed
        assert length > 0
        for cut in range(length):
            assert await played(cut) == whole, f"cut after {cut} of {length} bytes"
            assert proxy.has_cut or proxy.passed <= cut
            await rig.assert_clean()


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_scripts_that_the_engine_forgot_are_loaded_again(rig: BudgetRig, name: str) -> None:
    """SCRIPT FLUSH in between is not noticed."""
    act = await SCENES[name](rig)
    await rig.raw("SCRIPT", "FLUSH")
    await act(rig.queue)


async def test_money_outlives_the_engine() -> None:
    """Killed and started again, it knows what is spent and held; the hold is settled as if nothing had been."""
    folder = Path(tempfile.mkdtemp(prefix="ez-budget-"))
    extra = ("--appendonly", "yes", "--appendfsync", "always")
    engine = start_engine(folder, extra=extra)
    try:
        async with BudgetRig(engine) as rig:
            await rig.budget.settle(await rig.held(100), 60)
            name = await rig.held(30)
            engine.stop(signal.SIGKILL)
            engine = start_engine(folder, extra=extra)
            assert await rig.budget.scope("task:t1") == ScopeState(
                scope="task:t1", limit=10**12, spent=60, reserved=30, calls=1
            )
            await rig.budget.settle(name, 3)
            assert (await rig.money())["all"] == (63, 0)
    finally:
        engine.stop()
        shutil.rmtree(folder)
