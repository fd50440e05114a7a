"""The edges of an apply: interrupted, in somebody's way, with its leases taken, with a record that is damaged."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.chaos.dying_applier import Upper
from tests.integration.coordination.scripted import Scripted, script, scripted, write_files
from tests.integration.runtime.fleets import Yard, make_id, working
from tests.leaks import run, until

from ezaigents.agents import Declared
from ezaigents.patches import Applier
from ezaigents.patches.apply import _uninterrupted
from ezaigents.records import AgentCard, PatchState, Run, Task, TaskKind, TaskSpec
from ezaigents.settings import Settings
from ezaigents.team import Holder, keep

_ROOT = Path(__file__).parents[3]


async def _applied_run(yard: Yard, payload: str = "", **fields: object) -> Task:
    """A task of a run that applies its patches, once it has ended."""
    place = yard.client.place
    of = Run(id=make_id(), prompt="x", agent="a", kind=TaskKind.EDIT, workspace="/w", place=place, apply=True)
    spec = TaskSpec(id=make_id(), agent="a", place=place, run=of.id, payload=payload, **fields)  # type: ignore[arg-type]
    await yard.queue.submit([spec], run=of)
    (task,) = await yard.ended([spec.id])
    return task


def test_an_apply_outlives_every_interruption() -> None:
    """A deadline interrupts twice; whatever comes, the work is carried to its end first, and then the caller stops."""

    async def story() -> None:
        ended = asyncio.Event()
        go = asyncio.Event()

        async def work() -> None:
            await go.wait()
            ended.set()

        caller = asyncio.ensure_future(_uninterrupted(work()))
        for _ in range(3):
            await asyncio.sleep(0)
            caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert ended.is_set()

    run(story())


def test_work_whose_files_stay_taken_is_finished_with_its_patch_proposed(settings: Settings) -> None:
    """The agent is called once: its work waits to be applied, instead of being done again."""
    write_files(settings)
    settings = msgspec.structs.replace(settings, lock_wait_s=0)

    async def story() -> None:
        doing, other = Scripted(), Scripted()
        async with working(settings, scripted(doing), scripted(other, "b")) as yard:
            holder = await yard.hand_in(agent="b", payload=script(["lease", "f0.txt"], ["wait", "go"]))
            await until(lambda: other.working)
            task = await _applied_run(yard, script(["insert", "f0.txt", 1, "x"]))
            assert (task.state.value, task.patch_state, doing.runs) == ("done", PatchState.PROPOSED, [task.id])
            other.gates["go"].set()
            await yard.ended(holder)
            assert (await yard.client.operator.apply(task.id)).state is PatchState.APPLIED

    run(story())


def test_a_damaged_record_of_another_apply_costs_nobody_his_work(settings: Settings) -> None:
    """It is told of in the log, and others go on."""
    write_files(settings)

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            settings.applies_path.mkdir(parents=True)
            (settings.applies_path / "01m88aemfwzm7y18xj-7.json").write_text("torn")
            task = await _applied_run(yard, script(["insert", "f0.txt", 1, "x"]))
            assert (task.state.value, task.patch_state) == ("done", PatchState.APPLIED)

    run(story())


def test_an_apply_that_somebody_is_at_is_not_recovered(settings: Settings) -> None:
    """A host that starts leaves alone what is leased, and takes it when it is free."""
    for name, text in {"a.txt": "a", "b.txt": "b", "sub/c.txt": "c", "e.txt": "e"}.items():
        (settings.workspace_path / name).parent.mkdir(exist_ok=True)
        (settings.workspace_path / name).write_text(text)

    async def story() -> None:
        async with working(settings, Declared(AgentCard(name="a", slots=1), Upper)) as yard:
            (task,) = await yard.ended(await yard.hand_in())
            encoded = msgspec.json.encode(settings).decode()
            command = [sys.executable, "-m", "tests.chaos.dying_applier", "client", encoded, "12", task.id]
            await asyncio.to_thread(subprocess.run, command, cwd=_ROOT, check=False, capture_output=True)
            assert (await yard.task(task.id)).patch_state is PatchState.APPLYING
            applier = Applier(yard.queue, yard.client.team.leases, settings, yard.client.place)
            holder = Holder(yard.client.place, make_id(), await yard.queue.new_fence(), "apply")
            await until(lambda: _is_free(yard))
            async with keep(yard.client.team.leases, holder, ["b.txt"], ttl_s=30, wait_s=0):
                assert await applier.recover() == []
            assert [outcome.state for outcome in await applier.recover()] == [PatchState.APPLIED]
            assert (await yard.task(task.id)).patch_state is PatchState.APPLIED

    run(story())


async def _is_free(yard: Yard) -> bool:
    return not (await yard.client.operator.locks()).held
