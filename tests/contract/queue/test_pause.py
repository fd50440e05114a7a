"""Pausing: nothing new is begun, nothing is lost, and it goes on as it stood."""

from __future__ import annotations

from tests.contract.queue.rig import LANE, Rig


async def test_a_paused_agent_takes_no_tasks(rig: Rig) -> None:
    """Its tasks are accepted and stay ready; others are claimed as ever."""
    other = rig.new_run(agent="other")
    mine, theirs = await rig.one(), await rig.one(run=other)
    assert await rig.queue.pause(["null"]) == ["null"]
    assert await rig.claim() == []
    assert [claim.id for claim in await rig.claim(lane="other@p0")] == [theirs]
    assert await rig.state(mine) == "ready"
    assert set(await rig.queue.paused()) == {"null"}


async def test_everything_can_be_paused(rig: Rig) -> None:
    """The star stands for every agent, also those that nobody has heard of yet."""
    await rig.one()
    await rig.queue.pause(["*"])
    assert await rig.claim() == []
    assert await rig.queue.resume(["null"]) == ["*"]
    assert await rig.claim() == []
    assert await rig.queue.resume() == []
    assert len(await rig.claim()) == 1


async def test_running_tasks_end_as_they_would(rig: Rig) -> None:
    """A claim made before the pause is renewed, finished, or handed back to where it waits."""
    first, second = await rig.submit(2)
    held_first = await rig.hold(first)
    held_second = await rig.hold(second)
    await rig.queue.pause(["*"])
    assert await rig.finish(held_first) == "OK"
    await rig.queue.release([held_second])
    assert await rig.state(second) == "ready"
    assert await rig.claim() == []


async def test_hosts_are_told_to_look(rig: Rig) -> None:
    """Pausing and resuming are pushed, and a sweep says who is paused: an idle host need not ask."""
    await rig.one()
    async with rig.listening(rig.keys.wake("")) as heard:
        await rig.queue.pause(["null"])
        await rig.queue.resume(["null"])
    assert heard == ["", ""]
    await rig.queue.pause(["null"])
    sweep = await rig.sweep()
    assert (sweep.paused, sweep.lanes) == (("null",), (LANE,))


async def test_a_pause_survives_the_last_task(rig: Rig) -> None:
    """It ends by a word only: not by time, not by an empty queue; a second pause keeps the time of the first."""
    await rig.queue.pause(["null"])
    since = await rig.queue.paused()
    await rig.queue.pause(["null"])
    assert await rig.queue.paused() == since
    await rig.queue.cancel([await rig.one()])
    assert (await rig.sweep()).paused == ("null",)
    assert await rig.raw("PTTL", rig.keys.paused()) == -1
