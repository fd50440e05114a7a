"""Tasks that wait for others: released by their finish, and what becomes of them when a parent fails."""

from __future__ import annotations

import pytest
from tests.contract.queue.rig import LONG_MS, Rig

from ezaigents.errors import InputError
from ezaigents.records import OnParentFailure, Result, TaskSpec

FAIL, SKIP, WAIT, RUN = OnParentFailure.FAIL, OnParentFailure.SKIP, OnParentFailure.WAIT, OnParentFailure.RUN
every_rule = pytest.mark.parametrize("rule", [FAIL, SKIP, WAIT, RUN])


async def _family(rig: Rig, count: int = 2, **fields: object) -> tuple[list[str], str]:
    """Parents, and one child of all of them."""
    parents = await rig.submit(count)
    return parents, await rig.one(parents=tuple(parents), **fields)


@every_rule
async def test_a_child_waits_for_all_its_parents(rig: Rig, rule: OnParentFailure) -> None:
    """It is blocked until the last parent is done, and then stands where its acceptance puts it."""
    parents, child = await _family(rig, 2, on_parent_failure=rule)
    later = await rig.one()
    assert await rig.finish(await rig.hold(parents[1])) == "OK"
    task = await rig.task(child)
    assert (task.state, task.open_parents) == ("blocked", 1)
    await rig.finish(await rig.hold(parents[0]))
    assert [claim.id for claim in await rig.claim(9)] == [child, later]


async def test_children_are_told_by_promote_and_the_finish_hints_it(rig: Rig) -> None:
    """Finish stays cheap: it notes that children are to be told, and wakes the hosts to do it."""
    parents, child = await _family(rig, 1)
    held = await rig.hold(parents[0])
    async with rig.listening(rig.keys.wake("")) as heard:
        await rig.queue.finish([(held, Result())])
    assert heard == [""]
    assert (await rig.sweep()).fanout
    assert await rig.state(child) == "blocked"
    assert not await rig.queue.promote()
    assert await rig.state(child) == "ready"
    assert not (await rig.sweep()).fanout


@pytest.mark.parametrize(
    ("rule", "expected", "reason"),
    [(FAIL, "dead", "parent"), (SKIP, "skipped", "parent"), (WAIT, "blocked", ""), (RUN, "ready", "")],
)
@pytest.mark.parametrize("end", ["dead", "cancelled"])
async def test_what_a_child_does_when_a_parent_fails(
    rig: Rig, rule: OnParentFailure, expected: str, reason: str, end: str
) -> None:
    """The declared rule decides, for a dead parent as for a cancelled one."""
    parents, child = await _family(rig, 2, on_parent_failure=rule)
    await rig.finish(await rig.hold(parents[1]))
    if end == "dead":
        await rig.queue.fail([(await rig.hold(parents[0]), "e")])
    else:
        await rig.queue.cancel([parents[0]])
    await rig.settle_children()
    task = await rig.task(child)
    assert (task.state, task.error) == (expected, reason)


@pytest.mark.parametrize(("rule", "expected"), [(FAIL, "dead"), (SKIP, "skipped"), (WAIT, "blocked"), (RUN, "ready")])
async def test_a_child_of_a_parent_that_has_failed_already(rig: Rig, rule: OnParentFailure, expected: str) -> None:
    """The same rule holds when the child is submitted after the failure, beside a parent that is open."""
    failed, open_parent, done = await rig.submit(3)
    await rig.queue.cancel([failed])
    await rig.finish(await rig.hold(done))
    assert await rig.state(await rig.one(parents=(done, failed), on_parent_failure=rule)) == expected
    both = await rig.one(parents=(open_parent, failed, done), on_parent_failure=rule)
    assert await rig.state(both) == ("blocked" if expected == "ready" else expected)
    assert await rig.state(await rig.one(parents=(done,), on_parent_failure=rule)) == "ready"


async def test_failure_goes_down_the_generations(rig: Rig) -> None:
    """Grandchildren follow their own rule against what became of the child."""
    (parent,), child = await _family(rig, 1, on_parent_failure=SKIP)
    grandchild = await rig.one(parents=(child,))
    summary = await rig.one(parents=(parent, child, grandchild), on_parent_failure=RUN)
    await rig.queue.cancel([parent])
    await rig.settle_children()
    assert await rig.states([child, grandchild, summary]) == ["skipped", "dead", "ready"]


async def test_a_waiting_child_is_released_by_the_parents_second_life(rig: Rig) -> None:
    """`wait` keeps a child blocked until its dead parent was revived and is done."""
    (parent,), child = await _family(rig, 1, on_parent_failure=WAIT)
    await rig.queue.fail([(await rig.hold(parent), "e")])
    await rig.settle_children()
    assert await rig.queue.purge([parent]) == 0
    await rig.queue.revive([parent])
    await rig.finish(await rig.hold(parent))
    assert await rig.state(child) == "ready"


async def test_a_revived_child_waits_for_its_parents_again(rig: Rig) -> None:
    """Reviving parent and child, in either order, makes the child run after the parent is done."""
    for order in (0, 1):
        (parent,), child = await _family(rig, 1)
        await rig.queue.fail([(await rig.hold(parent), "e")])
        await rig.settle_children()
        family = [parent, child]
        await rig.queue.revive([family[order], family[1 - order]])
        assert await rig.states(family) == ["ready", "blocked"]
        await rig.finish(await rig.hold(parent))
        assert await rig.state(child) == "ready"
        await rig.finish(await rig.hold(child))


async def test_a_revived_child_is_not_counted_down_twice(rig: Rig) -> None:
    """A parent that was done, and had not told its children yet, does not release a revived child from another."""
    failed, done = await rig.submit(2)
    child = await rig.one(parents=(failed, done))
    holds = [await rig.hold(failed), await rig.hold(done)]
    await rig.queue.cancel([child])
    await rig.queue.finish([(holds[1], Result())])
    await rig.queue.revive([child])
    await rig.settle_children()
    assert await rig.state(child) == "blocked"
    await rig.finish(holds[0])
    assert await rig.state(child) == "ready"


async def test_a_parent_named_twice_counts_once(rig: Rig) -> None:
    """A child of (a, a) waits for one parent, and is released by it."""
    parent = await rig.one()
    child = await rig.one(parents=(parent, parent))
    await rig.finish(await rig.hold(parent))
    assert await rig.state(child) == "ready"


async def test_a_blocked_task_that_ends_leaves_no_trace_with_its_parents(rig: Rig) -> None:
    """A cancelled child is forgotten by its parents, which can be purged; so is one that dies by its deadline."""
    (parent, other), child = await _family(rig, 2, on_parent_failure=WAIT)
    late = await rig.one(parents=(parent, other), deadline_ms=9_000_000_000_000)
    await rig.deadline_passes(late)
    await rig.queue.promote()
    await rig.queue.cancel([child, parent])
    await rig.settle_children()
    assert await rig.states([child, late]) == ["cancelled", "dead"]
    assert await rig.queue.purge([parent, child]) == 2
    assert await rig.raw("EXISTS", rig.keys.waiters(other), rig.keys.children(other)) == 0


async def test_a_delayed_child_waits_for_both(rig: Rig) -> None:
    """A child whose parents are done before its delay is over is delayed then, not ready."""
    (parent,), child = await _family(rig, 1, delay_ms=LONG_MS)
    await rig.finish(await rig.hold(parent))
    assert await rig.state(child) == "delayed"
    await rig.delay_ends(child)
    await rig.queue.promote()
    assert await rig.state(child) == "ready"


async def test_parents_may_come_in_any_order_in_one_submit(rig: Rig) -> None:
    """A family is handed in children first, over several batches, and keeps its links."""
    run = rig.new_run()
    parents = [rig.spec(run) for _ in range(120)]
    child = rig.spec(run, parents=tuple(spec.id for spec in parents))
    await rig.queue.submit([child, *parents], run=run)
    assert (await rig.task(child.id)).open_parents == 120


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_circles_are_refused(rig: Rig, size: int) -> None:
    """A self-dependency or a circle is an InputError that names its tasks, and nothing is accepted."""
    run = rig.new_run()
    ids = [rig.make_id() for _ in range(size)]
    ring = [rig.spec(run, id=task_id, parents=(ids[number - 1],)) for number, task_id in enumerate(ids)]
    with pytest.raises(InputError) as refusal:
        await rig.queue.submit([rig.spec(run), *ring], run=run)
    assert refusal.value.field == "parents"
    assert all(task_id in str(refusal.value) for task_id in ids)
    assert await rig.counts() == {}


async def test_unknown_parents_are_refused(rig: Rig) -> None:
    """A parent that nobody knows is an InputError that names it, and its whole batch is not accepted."""
    run = rig.new_run()
    with pytest.raises(InputError, match="0" * 18) as refusal:
        await rig.queue.submit([rig.spec(run), rig.spec(run, parents=("0" * 18,))], run=run)
    assert refusal.value.field == "parents"
    assert await rig.counts() == {}


async def test_ten_thousand_children_are_told_in_batches(rig: Rig) -> None:
    """A finish with 10,000 children blocks nobody for long: each promote tells at most as many as it was asked to."""
    run = rig.new_run()
    parent = rig.spec(run)
    children: list[TaskSpec] = [rig.spec(run, parents=(parent.id,)) for _ in range(10_000)]
    await rig.queue.submit([parent, *children], run=run)
    await rig.queue.finish([(await rig.hold(parent.id), Result())])
    calls = 0
    more = True
    while more:
        more = await rig.queue.promote(100)
        calls += 1
        assert (await rig.counts())["ready"] <= 100 * calls
    assert await rig.counts() == {"accepted": 10_001, "ready": 10_000, "done": 1}
    assert calls >= 100


async def test_ten_thousand_parents_are_counted_down(rig: Rig) -> None:
    """A summary over 10,000 tasks is ready after the last of them, whatever became of each."""
    run = rig.new_run()
    parents = [rig.spec(run) for _ in range(10_000)]
    ids = [spec.id for spec in parents]
    summary = rig.spec(run, parents=tuple(ids), on_parent_failure=RUN)
    await rig.queue.submit([*parents, summary], run=run)
    await rig.queue.cancel(ids[1:])
    await rig.settle_children()
    assert (await rig.task(summary.id)).open_parents == 1
    await rig.queue.fail([(await rig.hold(ids[0]), "e")])
    await rig.settle_children()
    assert await rig.state(summary.id) == "ready"
