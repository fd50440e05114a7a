"""Lost answers, lost scripts, lost callers: one effect all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.contract.queue.cutting import CuttingProxy
from tests.contract.queue.rig import LANE, LONG_MS, Rig, held, wait_until

from ezaigents.engine import Connection
from ezaigents.errors import EngineDown
from ezaigents.policy import CrashPolicy
from ezaigents.queue import Held, Queue
from ezaigents.queue.scripts import NAMES
from ezaigents.records import Approval, OnParentFailure, PatchState, Result, TaskSpec

Act = Callable[[Queue], Awaitable[Any]]
Scene = Callable[[Rig], Awaitable[Act]]
SCENES: dict[str, Scene] = {}
ANSWERS_MAY_DIFFER = frozenset({"reap", "promote", "purge", "fence"})
"""These tell what this call did; a repeat finds it done, which is no effect more and no effect less. A fence that
nobody heard of is not used."""


def _scene(scene: Scene) -> Scene:
    SCENES[scene.__name__.strip("_")] = scene
    return scene


def _family(rig: Rig) -> tuple[Any, list[TaskSpec]]:
    run = rig.new_run()
    parent = rig.spec(run, key="k", payload="p", deadline_ms=9_000_000_000_000)
    return run, [parent, rig.spec(run, parents=(parent.id,)), rig.spec(run, delay_ms=LONG_MS)]


async def _held_pair(rig: Rig) -> list[Held]:
    ids = await rig.submit(2)
    await rig.one(parents=(ids[0],), on_parent_failure=OnParentFailure.WAIT)
    return [held(claim) for claim in await rig.claim(2)]


@_scene
async def _submit(rig: Rig) -> Act:
    run, specs = _family(rig)
    return lambda queue: queue.submit(specs, run=run)


@_scene
async def _claim(rig: Rig) -> Act:
    await rig.submit(4)
    return lambda queue: queue.claim("nonce", "h1", LONG_MS, [(LANE, 3)])


@_scene
async def _renew(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    await rig.queue.cancel([pair[1].id])
    return lambda queue: queue.renew(LONG_MS, pair)


@_scene
async def _finish(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    return lambda queue: queue.finish([(one, Result(summary="s")) for one in pair])


@_scene
async def _fail(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    return lambda queue: queue.fail([(one, "e") for one in pair])


@_scene
async def _retry(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    return lambda queue: queue.retry([(pair[0], 0, "e"), (pair[1], LONG_MS, "e")])


@_scene
async def _release(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    return lambda queue: queue.release(pair)


@_scene
async def _cancel(rig: Rig) -> Act:
    waiting = await rig.submit(2)
    return lambda queue: queue.cancel(waiting)


@_scene
async def _revive(rig: Rig) -> Act:
    ids = await rig.submit(2)
    await rig.queue.cancel(ids)
    return lambda queue: queue.revive(ids)


@_scene
async def _reap(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    await rig.lease_ends(*[one.id for one in pair])
    return lambda queue: queue.reap(CrashPolicy())


@_scene
async def _promote(rig: Rig) -> Act:
    (first, _) = await _held_pair(rig)
    await rig.queue.finish([(first, Result())])
    await rig.delay_ends(await rig.one(delay_ms=LONG_MS))
    return lambda queue: queue.promote()


@_scene
async def _purge(rig: Rig) -> Act:
    ids = await rig.submit(3, key="")
    await rig.queue.cancel(ids[:2])
    return lambda queue: queue.purge(ids)


@_scene
async def _sweep(rig: Rig) -> Act:
    await rig.submit(2)

    async def lanes(queue: Queue) -> tuple[str, ...]:
        return (await queue.sweep(1, 1)).lanes

    return lanes


@_scene
async def _pause(rig: Rig) -> Act:
    await rig.submit(2)
    return lambda queue: queue.pause(["null", "other"])


@_scene
async def _fence(rig: Rig) -> Act:
    return lambda queue: queue.new_fence()


@_scene
async def _patch(rig: Rig) -> Act:
    (first, _) = await _held_pair(rig)
    return lambda queue: queue.move_patch(first.id, PatchState.APPLYING, first.fence, result=Result(patch="p"))


@_scene
async def _answer(rig: Rig) -> Act:
    (first, _) = await _held_pair(rig)
    await rig.queue.ask([(first, "q", "command: ls")])
    return lambda queue: queue.answer(first.id, "q", Approval.DENY, who="ann", why="no")


@_scene
async def _ask(rig: Rig) -> Act:
    pair = await _held_pair(rig)
    return lambda queue: queue.ask([(one, "q", "command: ls") for one in pair])


async def _picture(rig: Rig) -> Any:
    """All that a transition may leave behind, without ids, times and fences."""
    keys = sorted(key.decode() for key in await rig.raw("KEYS", rig.keys.task("*")))
    tasks = await rig.queue.tasks([key[-18:] for key in keys])
    rows = [
        (
            t.state, t.seq, t.attempts, t.crashes, t.cancel_requested, t.open_parents, t.closed.partition(":")[2],
            t.error, t.patch, t.patch_state, t.asks, t.asks_id, t.answers, t.answer_by, t.answer_why,
        )
        for t in tasks
    ]  # fmt: skip
    return rows, await rig.counts(), await rig.raw("XLEN", rig.keys.events())


def _told(name: str, answer: Any) -> Any:
    """An answer without what differs from one try to the next."""
    if name in ANSWERS_MAY_DIFFER:
        return None
    if name == "submit":
        return len(answer)
    if name == "claim":
        return [(claim.attempt, claim.title) for claim in answer]
    return answer


def test_every_transition_has_a_scene() -> None:
    """No script is left out of the cutting."""
    assert set(SCENES) == {*NAMES, "ask"}


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_connection_cut_at_each_byte_of_the_reply_has_one_effect(rig: Rig, name: str, tmp_path: Path) -> None:
    """Wherever the reply is cut off, the repeated call answers as before and the queue is as after one call."""
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy, Connection(proxy.address) as connection:
        queue = Queue(connection, rig.keys)

        async def played(cut: int | None) -> tuple[Any, Any]:
            await rig.raw("FLUSHALL")
            act = await SCENES[name](rig)
            proxy.cut_after(cut)
            answer = await act(queue)
            return _told(name, answer), await _picture(rig)

        await played(None)  # from here on the engine knows the script, and its reply is the only one
        whole = await played(None)
        length = proxy.passed
        assert length > 0
        for cut in range(length):
            assert await played(cut) == whole, f"cut after {cut} of {length} bytes"
            assert proxy.has_cut
            await rig.assert_clean()


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_scripts_that_the_engine_forgot_are_loaded_again(rig: Rig, name: str) -> None:
    """SCRIPT FLUSH in between is not noticed, by any transition."""
    act = await SCENES[name](rig)
    await rig.raw("SCRIPT", "FLUSH")
    await act(rig.queue)


@pytest.mark.parametrize("name", sorted(set(SCENES) - {"sweep"}))
async def test_a_cancelled_call_goes_to_its_end(rig: Rig, name: str, tmp_path: Path) -> None:
    """Cancelling the caller does not leave the transition half repeated: it is made, once, and `close` waits for it."""
    act = await SCENES[name](rig)
    await act(rig.queue)
    whole = await _picture(rig)
    await rig.raw("FLUSHALL")
    act = await SCENES[name](rig)
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy, Connection(proxy.address) as connection:
        queue = Queue(connection, rig.keys)
        proxy.cut_after(0)
        call = asyncio.ensure_future(act(queue))
        await asyncio.sleep(0)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        await queue.close()
        assert proxy.has_cut
    assert await _picture(rig) == whole


async def test_an_engine_that_is_gone_is_told_after_the_patience(rig: Rig, tmp_path: Path) -> None:
    """A transition is repeated for as long as it was told to, then EngineDown says that its outcome is unknown."""
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy:
        connection = Connection(proxy.address)
        await connection.open()
    queue = Queue(connection, rig.keys, patience_s=0.05)
    with pytest.raises(EngineDown):
        await queue.cancel([rig.make_id()])
    with pytest.raises(EngineDown):
        await queue.counts()
    await connection.close()


async def test_a_transition_outlives_the_engines_absence(rig: Rig, tmp_path: Path) -> None:
    """While nothing answers the call waits; it is made when the engine can be reached again."""
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy:
        connection = Connection(proxy.address)
        await connection.open()
    queue = Queue(connection, rig.keys)
    task_id = await rig.one()
    call = asyncio.ensure_future(queue.cancel([task_id]))

    async def noticed() -> bool:
        return not connection.connected

    await wait_until(noticed)
    assert not call.done()
    async with CuttingProxy(tmp_path, rig.engine.address):
        assert await call == ["OK"]
        await connection.close()
