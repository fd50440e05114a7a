"""One queue with a bit of everything: each state, each key, each field. Job: set it up. Not its job: expectations."""

from __future__ import annotations

from tests.contract.queue.rig import LANE, LONG_MS, Rig

from ezaigents.records import Approval, OnParentFailure, PatchState, Result, TaskKind

FAR_MS = 9_000_000_000_000


async def everything(rig: Rig) -> dict[str, str]:
    """Make it; returns a task's id by what it shows."""
    run = rig.new_run(prompt_file="runs/p", summary_task=rig.make_id(), apply=True, budget_microusd=2**60, record=True)
    named: dict[str, str] = {}
    named["suspect"] = await rig.one(run=run, title="suspect")
    for _ in range(2):
        await rig.hold(named["suspect"])
        await rig.crash(named["suspect"])
    await rig.hold(named["suspect"], lane=LANE + "!")
    await rig.crash(named["suspect"])
    named["done"] = await rig.one(run=run, key="k-done", kind=TaskKind.EDIT, payload="gone when done")
    await rig.finish(
        await rig.hold(named["done"]), summary="s", report="r", patch="p", cost_microusd=5, simulated=True,
        partial=True, calls=2, tokens=3,
    )  # fmt: skip
    fence = await rig.queue.new_fence()
    await rig.queue.move_patch(named["done"], PatchState.APPLYING, fence)
    await rig.queue.move_patch(named["done"], PatchState.CONFLICT, fence, error="a.py was changed")
    named["dead"] = await rig.one(run=run, max_attempts=1, key="k-dead")
    await rig.queue.retry([(await rig.hold(named["dead"]), 0, "e")])
    named["asking"] = await rig.one(run=run)
    await rig.queue.ask([(await rig.hold(named["asking"]), "q1", "command: ls")])
    await rig.queue.answer(named["asking"], "q1", Approval.DENY, who="ann", why="not now")
    await rig.settle_children()
    await rig.queue.ask([(await rig.hold(named["asking"]), "q2", "command: ls -l")])
    named["skipped"] = await rig.one(run=run, parents=(named["dead"],), on_parent_failure=OnParentFailure.SKIP)
    named["waits"] = await rig.one(run=run, parents=(named["dead"],), on_parent_failure=OnParentFailure.WAIT)
    named["cancelled"] = await rig.one(run=run)
    await rig.queue.cancel([named["cancelled"]])
    named["leased"] = await rig.one(run=run, payload="in", deadline_ms=FAR_MS)
    named["leased too"] = await rig.one(run=run)
    await rig.claim(2)
    await rig.queue.cancel([named["leased"]])
    named["blocked"] = await rig.one(run=run, parents=(named["leased too"], named["done"]), deadline_ms=FAR_MS)
    named["parent"] = await rig.one(run=run)
    named["child"] = await rig.one(run=run, parents=(named["parent"], named["leased too"]))
    await rig.queue.finish([(await rig.hold(named["parent"]), Result())])  # and its child is not told yet
    named["delayed"] = await rig.one(run=run, delay_ms=LONG_MS)
    named["ready"] = await rig.one(run=run, priority=2, key="k-ready", deadline_ms=FAR_MS)
    named["ready too"] = await rig.one(run=run)
    purged = await rig.one(run=run)
    await rig.queue.cancel([purged])
    await rig.queue.purge([purged])
    return named
