"""Where a patch stands: who may apply it, when it counts as applied, and what is kept until then."""

from __future__ import annotations

from pathlib import Path

from tests.contract.queue.rig import LONG_MS, Rig, held

from ezaigents.queue import Held
from ezaigents.records import Answer, PatchState, Result
from ezaigents.runtime.sweep import Sweeper
from ezaigents.settings import Settings

_PROPOSES = Result(summary="s", patch="tasks/x/1/patch.diff")
_DAY_MS = 86_400_000


async def _proposed(rig: Rig, **spec: object) -> str:
    task_id = await rig.one(payload="input", **spec)
    await rig.queue.finish([(await rig.hold(task_id), _PROPOSES)])
    return task_id


async def _stands(rig: Rig, task_id: str) -> PatchState:
    return (await rig.task(task_id)).patch_state


async def test_a_finished_task_with_a_patch_proposes_it_and_keeps_its_input(rig: Rig) -> None:
    """The input is needed again should the patch meet a conflict; it goes when the patch is applied."""
    task_id = await _proposed(rig)
    task = await rig.task(task_id)
    assert (task.patch_state, task.payload) == (PatchState.PROPOSED, "input")
    fence = await rig.queue.new_fence()
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, fence) is Answer.OK
    assert await rig.queue.move_patch(task_id, PatchState.APPLIED, fence) is Answer.OK
    task = await rig.task(task_id)
    assert (task.patch_state, task.payload, task.state.value) == (PatchState.APPLIED, "", "done")


async def test_only_the_newest_apply_may_say_how_it_ended(rig: Rig) -> None:
    """An apply that was overtaken is STALE from then on, and so is one that comes with an older fence."""
    task_id = await _proposed(rig)
    old, new = await rig.queue.new_fence(), await rig.queue.new_fence()
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, old) is Answer.OK
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, new) is Answer.OK
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, old) is Answer.STALE
    assert await rig.queue.move_patch(task_id, PatchState.APPLIED, old) is Answer.STALE
    assert await _stands(rig, task_id) is PatchState.APPLYING
    assert await rig.queue.move_patch(task_id, PatchState.CONFLICT, new, error="a.py changed") is Answer.OK
    assert (await rig.task(task_id)).patch_error == "a.py changed"


async def test_an_applied_patch_is_not_applied_again(rig: Rig) -> None:
    """A repetition of the last word is OK, a new apply is STALE."""
    task_id = await _proposed(rig)
    fence = await rig.queue.new_fence()
    for to in (PatchState.APPLYING, PatchState.APPLIED, PatchState.APPLIED):
        assert await rig.queue.move_patch(task_id, to, fence) is Answer.OK
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, await rig.queue.new_fence()) is Answer.STALE


async def test_a_task_without_a_patch_has_none_to_apply(rig: Rig) -> None:
    """Open tasks, done ones without a patch, and unknown ones are refused."""
    waiting, done = await rig.one(), await rig.one()
    await rig.finish(await rig.hold(done))
    fence = await rig.queue.new_fence()
    assert await rig.queue.move_patch(waiting, PatchState.APPLYING, fence) is Answer.STALE
    assert await rig.queue.move_patch(done, PatchState.APPLYING, fence) is Answer.STALE
    assert await rig.queue.move_patch(rig.make_id(), PatchState.APPLYING, fence) is Answer.GONE


async def test_the_holder_of_a_claim_applies_under_its_fence(rig: Rig) -> None:
    """An attempt applies its own patch before it finishes; nobody else may while it holds the task."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    above = await rig.queue.new_fence()
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, held.fence - 1, result=_PROPOSES) is Answer.STALE
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, held.fence, result=_PROPOSES) is Answer.OK
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, above) is Answer.STALE
    assert await rig.queue.move_patch(task_id, PatchState.APPLIED, held.fence) is Answer.OK
    await rig.queue.finish([(held, Result(summary="s", patch=_PROPOSES.patch, applied=True))])
    assert await _stands(rig, task_id) is PatchState.APPLIED


async def test_the_next_attempt_is_told_that_an_apply_was_interrupted(rig: Rig) -> None:
    """A claim says where the patch stands, so a finished change is not made a second time; its patch is known."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    await rig.queue.move_patch(task_id, PatchState.APPLYING, held.fence, result=_PROPOSES)
    await rig.crash(task_id)
    claim = (await rig.claim())[0]
    assert (claim.id, claim.patch_state) == (task_id, PatchState.APPLYING)
    assert (await rig.task(task_id)).patch == _PROPOSES.patch
    late = await rig.queue.move_patch(task_id, PatchState.APPLIED, held.fence)
    taken = await rig.queue.move_patch(task_id, PatchState.APPLYING, claim.fence)
    assert (late, taken) == (Answer.OK, Answer.STALE), "it had been applied, and then there is nothing to take over"


async def test_an_apply_left_behind_by_an_attempt_can_be_taken_over(rig: Rig) -> None:
    """While nobody holds the task, whoever meets its half-applied patch may end it; its holder is then late."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    await rig.queue.move_patch(task_id, PatchState.APPLYING, held.fence, result=_PROPOSES)
    await rig.crash(task_id)
    fence = await rig.queue.new_fence()
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, fence) is Answer.OK
    assert await rig.queue.move_patch(task_id, PatchState.APPLIED, held.fence) is Answer.STALE
    assert await rig.queue.move_patch(task_id, PatchState.APPLIED, fence) is Answer.OK


async def test_a_patch_that_waits_is_not_purged(rig: Rig) -> None:
    """Until it is applied, or as old as the history is kept; one being applied never is."""
    waits, applied, applying = [await _proposed(rig) for _ in range(3)]
    fence = await rig.queue.new_fence()
    for task_id, last in ((applied, PatchState.APPLIED), (applying, PatchState.APPLYING)):
        await rig.queue.move_patch(task_id, PatchState.APPLYING, fence)
        await rig.queue.move_patch(task_id, last, fence)
    assert await rig.queue.purge([waits, applied, applying], keep_patches_ms=_DAY_MS) == 1
    assert await rig.queue.purge([waits, applying], keep_patches_ms=0) == 1
    assert await rig.counts() == {"accepted": 3, "purged": 2, "done": 1}


async def test_a_done_task_in_conflict_can_be_run_again(rig: Rig) -> None:
    """An operator's retry has it done again, and its agent is told of the conflict; other done tasks stay done."""
    task_id, other = await _proposed(rig), await _proposed(rig)
    fence = await rig.queue.new_fence()
    await rig.queue.move_patch(task_id, PatchState.APPLYING, fence)
    await rig.queue.move_patch(task_id, PatchState.CONFLICT, fence, error="a.py changed")
    assert await rig.queue.revive([task_id, other]) == [Answer.OK, Answer.STALE]
    task = await rig.task(task_id)
    assert (task.state.value, task.patch, task.patch_state, task.patch_error) == ("ready", "", PatchState.CONFLICT, "")
    claim = (await rig.claim())[0]
    assert (claim.payload, claim.patch_state) == ("input", PatchState.CONFLICT)
    await rig.finish(Held(claim.id, claim.fence))
    assert (await rig.task(task_id)).patch_state is PatchState.NONE


async def test_a_partial_task_whose_patch_was_applied_can_be_run_again(rig: Rig) -> None:
    """What a limit cut short was put into the tree by the user: the rest is done, with a patch of its own."""
    task_id = await rig.one(payload="input")
    held = await rig.hold(task_id)
    await rig.finish(held, summary="half", patch="tasks/x/1/patch.diff", partial=True)
    fence = await rig.queue.new_fence()
    await rig.queue.move_patch(task_id, PatchState.APPLYING, fence)
    await rig.queue.move_patch(task_id, PatchState.APPLIED, fence)
    assert await rig.queue.revive([task_id]) == [Answer.OK]
    claim = (await rig.claim())[0]
    assert (claim.payload, claim.patch_state) == ("input", PatchState.NONE)
    await rig.finish(Held(claim.id, claim.fence))
    assert not (await rig.task(task_id)).partial


async def test_a_partial_task_whose_apply_died_keeps_its_input(rig: Rig) -> None:
    """`ez retry` ends the apply; the task is partial as before, and can be retried once more."""
    task_id = await rig.one(payload="input")
    await rig.finish(await rig.hold(task_id), summary="half", patch="tasks/x/1/patch.diff", partial=True)
    fence = await rig.queue.new_fence()
    await rig.queue.move_patch(task_id, PatchState.APPLYING, fence)
    assert await rig.queue.revive([task_id]) == [Answer.OK]
    claim = (await rig.claim())[0]
    for state in (PatchState.APPLYING, PatchState.APPLIED):
        assert await rig.queue.move_patch(task_id, state, claim.fence) is Answer.OK
    await rig.queue.finish([(Held(claim.id, claim.fence), Result(applied=True))])
    assert await rig.queue.revive([task_id]) == [Answer.OK]
    assert (await rig.claim())[0].payload == "input"


async def test_a_task_handed_back_with_a_delay_waits_and_spends_no_attempt(rig: Rig) -> None:
    """What a task needs may be taken for a while: it comes back later, as it was."""
    task_id = await rig.one()
    await rig.queue.release_for([(await rig.hold(task_id), LONG_MS, "nobody answers")])
    task = await rig.task(task_id)
    assert (task.state.value, task.attempts, task.error) == ("delayed", 0, "nobody answers")
    await rig.delay_ends(task_id)
    await rig.queue.promote()
    assert await rig.state(task_id) == "ready"


async def test_a_task_whose_patch_may_be_in_the_tree_goes_on_with_it_when_it_is_tried_again(rig: Rig) -> None:
    """Dead in the middle of its apply, or after it: an operator's retry does not forget what was written."""
    for state in (PatchState.APPLYING, PatchState.APPLIED):
        task_id = await rig.one()
        held = await rig.hold(task_id)
        await rig.queue.move_patch(task_id, PatchState.APPLYING, held.fence, result=_PROPOSES)
        await rig.queue.move_patch(task_id, state, held.fence)
        await rig.queue.fail([(held, "e")])
        assert await rig.queue.revive([task_id]) == [Answer.OK]
        claim = (await rig.claim())[0]
        assert (claim.id, claim.patch_state) == (task_id, state)
        assert (await rig.task(task_id)).patch == _PROPOSES.patch
        await rig.queue.finish([(Held(claim.id, claim.fence), Result(applied=True))])
        assert await _stands(rig, task_id) is PatchState.APPLIED


async def test_only_the_patch_that_is_meant_is_applied(rig: Rig) -> None:
    """Whoever waited for files while the task was done again does not apply what it had read before."""
    task_id = await _proposed(rig)
    fence = await rig.queue.new_fence()
    other = await rig.queue.move_patch(task_id, PatchState.APPLYING, fence, meant="tasks/x/9/patch.diff")
    assert (other, await _stands(rig, task_id)) == (Answer.STALE, PatchState.PROPOSED)
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, fence, meant=_PROPOSES.patch) is Answer.OK


async def test_an_attempt_that_changed_nothing_takes_back_the_patch_before_it(rig: Rig) -> None:
    """What an earlier attempt proposed and could not apply is not left to be applied by somebody later."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    for to in (PatchState.APPLYING, PatchState.CONFLICT):
        await rig.queue.move_patch(task_id, to, held.fence, result=_PROPOSES if to is PatchState.APPLYING else None)
    await rig.queue.retry([(held, 0, "conflict")])
    await rig.queue.finish([(await rig.hold(task_id), Result(summary="nothing to do"))])
    task = await rig.task(task_id)
    assert (task.patch, task.patch_state) == ("", PatchState.NONE)


async def test_the_patch_of_a_task_that_died_can_be_applied(rig: Rig) -> None:
    """The work may have been paid for: a task that is dead for another reason gives up nothing."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    for to in (PatchState.APPLYING, PatchState.CONFLICT):
        await rig.queue.move_patch(task_id, to, held.fence, result=_PROPOSES if to is PatchState.APPLYING else None)
    await rig.queue.fail([(held, "e")])
    assert await rig.queue.move_patch(task_id, PatchState.APPLYING, await rig.queue.new_fence()) is Answer.OK


async def test_what_is_put_off_is_kept_whatever_its_age(rig: Rig) -> None:
    """It counts as ended now, and is looked at again when that is old; only what was written down is forgotten."""
    task_id = await _proposed(rig)
    before = (await rig.task(task_id)).ended_ms
    await rig.raw("ZADD", rig.keys.ended(), 1, task_id)
    await rig.queue.put_off([task_id])
    assert await rig.raw("ZSCORE", rig.keys.ended(), task_id) >= before
    assert await rig.counts() == {"accepted": 1, "done": 1}


async def test_a_sweep_that_could_forget_nothing_does_not_spin(rig: Rig, tmp_path: Path) -> None:
    """More patches wait than ended tasks should be kept: they stay, and are looked at again with the next sweep."""
    count = 600  # more than one batch, after which a sweep that forgot something goes on at once
    await rig.submit(count)
    await rig.queue.finish([(held(claim), _PROPOSES) for claim in await rig.claim(count)])
    settings = Settings(home=str(tmp_path), ended_keep_count=1, sweep_s=20)
    sweeper = Sweeper(rig.queue, settings, notice=lambda lane: None, paused=lambda names: None)
    assert await sweeper.sweep_once() == 20
    assert await rig.counts() == {"accepted": count, "done": count}
