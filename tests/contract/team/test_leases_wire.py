"""Lost answers, lost scripts, lost engines: file leases are as after one call, and the holder is told the truth."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.queue.cutting import CuttingProxy
from tests.contract.team.lease_rig import PLACE, TTL_S, LeaseRig
from tests.engines import Engine, start_engine

from ezaigents.engine import Connection
from ezaigents.queue import Queue
from ezaigents.team.lease_records import LeaseBusy
from ezaigents.team.leases import SCRIPTS, FileLeases
from ezaigents.team.radar import SCRIPTS as RADAR_SCRIPTS
from ezaigents.team.radar import Radar

Act = Callable[[Queue], Awaitable[Any]]
Scene = Callable[[LeaseRig], Awaitable[Act]]
SCENES: dict[str, Scene] = {}


@pytest.fixture
def rig(engine: Engine) -> LeaseRig:
    return LeaseRig(engine)


def _scene(scene: Scene) -> Scene:
    SCENES[scene.__name__.strip("_")] = scene
    return scene


@_scene
async def _lock(rig: LeaseRig) -> Act:
    holder = await rig.holder()
    await rig.take(holder, "b")

    async def act(queue: Queue) -> Any:
        return (await FileLeases(queue).acquire(holder, ["a", "b", "c/**"], ttl_s=TTL_S)).patterns

    return act


@_scene
async def _lock_busy(rig: LeaseRig) -> Act:
    first, second = await rig.holders(2)
    await rig.take(first, "b")

    async def act(queue: Queue) -> Any:
        with pytest.raises(LeaseBusy) as busy:
            await FileLeases(queue).acquire(second, ["a", "b"], ttl_s=TTL_S)
        return busy.value.pattern

    return act


@_scene
async def _lock_waits(rig: LeaseRig) -> Act:
    first, second = await rig.holders(2)
    await rig.take(first, "b")

    async def act(queue: Queue) -> Any:
        leases = FileLeases(queue)
        waiting = rig.waiter(leases, second, ["a", "b"])
        await rig.in_line(second.task)
        waiting.cancel()
        await asyncio.wait([waiting])
        await leases.close()
        return await rig.everything_of_the_line()

    return act


@_scene
async def _unlock(rig: LeaseRig) -> Act:
    holder = await rig.holder()
    await rig.take(holder, "a", "b")
    return lambda queue: FileLeases(queue).release(holder, ["b", "c"])


@_scene
async def _relock(rig: LeaseRig) -> Act:
    first, second = await rig.holders(2)
    grants = [await rig.take(first, "a"), await rig.take(second, "b")]
    await rig.leases_end("b")
    return lambda queue: FileLeases(queue).renew(grants, TTL_S)


@_scene
async def _held(rig: LeaseRig) -> Act:
    await rig.take(await rig.holder(), "a", "b")

    async def act(queue: Queue) -> Any:
        return [lease.pattern for lease in await FileLeases(queue).held()]

    return act


@_scene
async def _rivals(rig: LeaseRig) -> Act:
    await rig.take(await rig.holder(), "a/*")
    return rig.judged


@_scene
async def _touch(rig: LeaseRig) -> Act:
    first, second = await rig.holders(2)
    await rig.radar.touch(first.task, first.fence, "null", PLACE, writes=["a"])

    async def act(queue: Queue) -> Any:
        found = await Radar(queue).touch(second.task, second.fence, "null", PLACE, means=["a"], reads=["b"])
        return [(overlap.path, overlap.theirs, overlap.ours) for overlap in found]

    return act


@_scene
async def _untouch(rig: LeaseRig) -> Act:
    holder = await rig.holder()
    await rig.radar.touch(holder.task, holder.fence, "null", PLACE, writes=["a"])
    return lambda queue: Radar(queue).leave(holder.task, holder.fence)


@_scene
async def _nearby(rig: LeaseRig) -> Act:
    holder = await rig.holder()
    await rig.radar.touch(holder.task, holder.fence, "null", PLACE, writes=["a"])

    async def act(queue: Queue) -> Any:
        return [overlap.path for overlap in await Radar(queue).look(PLACE, ["a"])]

    return act


async def _picture(rig: LeaseRig) -> Any:
    """All that a call may leave behind, without ids, times and fences."""
    held = [(lease.pattern, lease.since_ms < lease.until_ms) for lease in await rig.leases.held()]
    ids = [key.decode()[-18:] for key in sorted(await rig.raw("KEYS", rig.keys.task("*")))]
    said = [(one.means, one.reads, one.writes) for one in (await rig.radar.files(ids)).values()]
    return sorted(held), said, await rig.everything_of_the_line()


def test_every_script_has_a_scene() -> None:
    """No script is left out of the cutting."""
    assert {name.partition("_")[0] for name in SCENES} == set(SCRIPTS) | set(RADAR_SCRIPTS)


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_connection_cut_at_each_byte_of_the_reply_has_one_effect(
    rig: LeaseRig, name: str, tmp_path: Path
) -> None:
    """Wherever a reply is cut off, the repeated call answers as before, and the keys are as after one call."""
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy, Connection(proxy.address) as connection:
        queue = Queue(connection, rig.keys)

        async def played(cut: int | None) -> tuple[Any, Any]:
            await rig.raw("FLUSHALL")
            act = await SCENES[name](rig)
            proxy.cut_after(cut)
            answer = await act(queue)
            return answer, await _picture(rig)

        await played(None)  # from here on the engine knows the scripts, and their replies are the only ones
        whole = await played(None)
        length = proxy.passed
        assert length > 0
        for cut in range(length):
            assert await played(cut) == whole, f"cut after {cut} of {length} bytes"
            assert proxy.has_cut or proxy.passed <= cut  # a reply that tells times may be a digit shorter
        await rig.assert_clean()


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_scripts_that_the_engine_forgot_are_loaded_again(rig: LeaseRig, name: str) -> None:
    """SCRIPT FLUSH in between is not noticed."""
    act = await SCENES[name](rig)
    await rig.raw("SCRIPT", "FLUSH")
    await act(rig.queue)


async def test_a_request_that_is_repeated_is_granted_once(rig: LeaseRig, tmp_path: Path) -> None:
    """The reply of the grant is lost: the repetition gets the same leases, under the same fence."""
    holder = await rig.holder()
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy, Connection(proxy.address) as connection:
        leases = FileLeases(Queue(connection, rig.keys))
        await leases.held()
        proxy.cut_after(0)
        grant = await leases.acquire(holder, ["a"], ttl_s=TTL_S)
        assert proxy.has_cut
    (lease,) = await rig.leases.held()
    assert lease.fence == grant.fence == int(await rig.raw("GET", rig.keys.fence()))


async def test_a_caller_cancelled_while_the_engine_is_away_leaves_nothing(rig: LeaseRig, tmp_path: Path) -> None:
    """The request goes on until its outcome is known, and is then taken back."""
    holder = await rig.holder()
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy, Connection(proxy.address) as connection:
        leases = FileLeases(Queue(connection, rig.keys))
        await leases.held()
        proxy.cut_after(0)
        asking = rig.waiter(leases, holder, ["a"])
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await leases.close()
    assert await rig.everything() == {b"locks": []}
    assert await rig.everything_of_the_line() == []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, so that an engine that is started again listens where it did."""
    path = Path(tempfile.mkdtemp(prefix="ez-leases-"))
    yield path
    shutil.rmtree(path)


async def test_leases_outlive_the_engine(folder: Path) -> None:
    """Killed and started again, it knows who holds what; the holder goes on, others are shut out, fences rise."""
    extra = ("--appendonly", "yes", "--appendfsync", "always")
    engine = start_engine(folder, extra=extra)
    try:
        async with LeaseRig(engine) as rig:
            first, second = await rig.holders(2)
            grant = await rig.take(first, "a", "src/**")
            waiting = rig.waiter(rig.leases, second, ["a"])
            await rig.in_line(second.task)
            engine.stop(signal.SIGKILL)
            engine = start_engine(folder, extra=extra)
            assert await rig.leases.renew([grant], TTL_S) == ["OK"]
            with pytest.raises(LeaseBusy):
                await rig.take(await rig.holder(), "src/b")
            await rig.leases.release(first, ["a"])
            rig.leases.on_heard()
            assert (await waiting).fence > grant.fence
    finally:
        engine.stop()
