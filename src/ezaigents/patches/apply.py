"""Applying the patch of a task. Job: leases, the transition in the engine, the files, in the order that survives kills.

    file leases --> patch: applying --> intent, files (workspace) --> patch: applied or conflict --> leases back

Whatever dies on the way, the next apply, the task's next attempt or the next start of a host finds the intent and
brings it to an end: forward where every file is as it was or as it is to be, else back, with a conflict. Not its job:
what is done to files (workspace), who may hold which lease (team).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ezaigents.codec import printable, restored
from ezaigents.errors import EzError, GiveUp, InputError, RetryLater, TaskGone
from ezaigents.queue import Queue
from ezaigents.records import Answer, Claim, PatchState, Result, Task, TaskState
from ezaigents.settings import Settings
from ezaigents.team import FileLeases, Holder, Kept, keep
from ezaigents.workspace import (
    BLOBS_FOLDER,
    Applied,
    ApplyTakenOver,
    ApplyUnfinished,
    PendingApply,
    Proposal,
    apply_proposal,
    pending_applies,
    read_proposal,
    recover_apply,
)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_ID_LENGTH = 18
_APPLY, _TASK = "apply", "task"


class NotApplicable(GiveUp):
    """The task has no patch that could be applied now; the message says why."""


class LeaseLost(RetryLater):
    """The file leases of an apply ended before it did; nothing is written after that."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"the file leases of task {task_id} ended before its patch was applied; `ez apply {task_id}`")
        self.task_id = task_id


class ApplyOutcome(msgspec.Struct, frozen=True):
    """How an apply ended. `state`: applied, conflict, or proposed: it had not begun.

    `conflicts`: (path, reason). `merged`: paths that both had changed. `written`: paths that now differ from before.
    """

    task: str
    state: PatchState
    conflicts: tuple[tuple[str, str], ...] = ()
    merged: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The conflicts in one line; "" when there is none."""
        return "; ".join(f"{printable(path)}: {reason}" for path, reason in self.conflicts)


class Applier:
    """Applies the patches of one workspace. Any number may work on it at once, in any number of processes.

    `step` is told the name of each step that changes a file; tests end the process there.
    """

    def __init__(
        self,
        queue: Queue,
        leases: FileLeases,
        settings: Settings,
        place: str,
        *,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._settings = settings
        self._place = place
        self._step = step
        self._applies = settings.applies_path

    async def apply(self, task_id: str, *, merge: bool | None = None) -> ApplyOutcome:
        """Apply the patch of a task that is done. `merge` None: as the settings say.

        Raises TaskGone, NotApplicable, LeaseBusy, LeaseLost, EngineDown, and what writing files raises (a full disk).
        """
        task = await self._queue.task(task_id)
        self._check(task)
        holder = Holder(self._place, task_id, await self._queue.new_fence(), _APPLY)
        return await self._apply(holder, task.patch, merge, None)

    async def apply_held(self, claim: Claim, result: Result) -> ApplyOutcome:
        """Apply what an attempt hands back while it still holds its task, under its claim's fence."""
        return await self._apply(Holder(claim.place, claim.id, claim.fence, _TASK), result.patch, None, result)

    async def go_on(self, claim: Claim) -> ApplyOutcome | None:
        """Bring an apply to its end that a former attempt left half done; None when there is nothing to go on with."""
        task = await self._queue.task(claim.id)
        if task.patch_state is PatchState.APPLIED:
            return ApplyOutcome(claim.id, PatchState.APPLIED)
        if task.patch_state is not PatchState.APPLYING or not task.patch:
            return None
        return await self._apply(Holder(claim.place, claim.id, claim.fence, _TASK), task.patch, None, None)

    async def recover(self) -> list[ApplyOutcome]:
        """Bring to an end what was left half applied and is nobody's any more. For the start of a host."""
        outcomes = []
        for pending in await asyncio.to_thread(pending_applies, self._applies):
            try:
                outcome = await self._take_over(pending)
            except EzError as error:
                _log.warning("the apply of task %s was left half done: %s", _task_of(pending), error)
            else:
                outcomes += [outcome] if outcome else []
        return outcomes

    # -- one apply -----------------------------------------------------------------------------------------------

    async def _apply(self, holder: Holder, patch: str, merge: bool | None, result: Result | None) -> ApplyOutcome:
        folder = (self._settings.home_path / patch).parent
        proposal = await asyncio.to_thread(read_proposal, folder)
        paths = _paths_of(proposal)
        async with AsyncExitStack() as leaving:
            kept = await leaving.enter_async_context(
                keep(self._leases, holder, paths, ttl_s=self._settings.lease_s, wait_s=self._settings.lock_wait_s)
            )
            await self._clear_the_way(holder.task, paths)
            return await _uninterrupted(self._carry_out(holder, proposal, folder, kept, self._merges(merge), result))

    async def _carry_out(
        self, holder: Holder, proposal: Proposal, folder: Path, kept: Kept, merge: bool, result: Result | None
    ) -> ApplyOutcome:
        await self._begin(holder, result)
        try:
            applied = await asyncio.to_thread(self._write, holder, proposal, folder, kept, merge)
        except (LeaseLost, ApplyUnfinished, ApplyTakenOver):
            raise  # it stays `applying`: whoever comes next goes on
        except EzError:
            await self._queue.move_patch(holder.task, PatchState.PROPOSED, holder.fence)
            raise
        return await self._end(holder.task, holder.fence, applied)

    async def _begin(self, holder: Holder, result: Result | None) -> None:
        answer = await self._queue.move_patch(holder.task, PatchState.APPLYING, holder.fence, result=result)
        if answer is Answer.GONE:
            raise TaskGone(holder.task)
        if answer is not Answer.OK:
            raise NotApplicable(f"the patch of task {holder.task} was applied, or is being applied, by somebody else")

    def _write(self, holder: Holder, proposal: Proposal, folder: Path, kept: Kept, merge: bool) -> Applied:
        tag = f"{holder.task}-{holder.fence}"

        def may_write() -> None:
            if not kept.surely_ours:
                raise LeaseLost(holder.task)

        for pending in pending_applies(self._applies):
            if _task_of(pending) == holder.task:
                left_behind = recover_apply(pending.intent, may_write=may_write, step=self._step)
                if left_behind is not None:
                    return left_behind
        return apply_proposal(
            self._settings.workspace_path,
            proposal,
            folder.parent / BLOBS_FOLDER,
            intent=self._applies / f"{tag}.json",
            tag=tag,
            hidden=self._settings.home_path,
            merge=merge,
            may_write=may_write,
            step=self._step,
        )

    async def _end(self, task_id: str, fence: int, applied: Applied) -> ApplyOutcome:
        state = PatchState(applied.state)
        conflicts = tuple((restored(path), reason) for path, reason in applied.conflicts)
        merged, written = tuple(map(restored, applied.merged)), tuple(map(restored, applied.written))
        outcome = ApplyOutcome(task_id, state, conflicts, merged, written)
        answer = await self._queue.move_patch(task_id, state, fence, error=outcome.why)
        if answer is not Answer.OK:
            _log.warning("the patch of task %s is %s, and somebody else has said so first (%s)", task_id, state, answer)
        return outcome

    # -- what others left behind ---------------------------------------------------------------------------------

    async def _clear_the_way(self, task_id: str, paths: Sequence[str]) -> None:
        """Bring to an end other applies over the same files: their leases have ended, or we would not hold ours."""
        wanted = set(paths)
        for pending in await asyncio.to_thread(pending_applies, self._applies):
            other = _task_of(pending)
            if other == task_id or not wanted.intersection(map(restored, pending.paths)):
                continue
            if await self._take_over(pending) is None:
                raise RetryLater(f"task {other} is in the middle of changing the same files; try again in a moment")

    async def _take_over(self, pending: PendingApply) -> ApplyOutcome | None:
        """Go on with an apply that somebody left; None when it is still somebody's."""
        task_id, fence = _task_of(pending), await self._queue.new_fence()
        answer = await self._queue.move_patch(task_id, PatchState.APPLYING, fence)
        if answer is Answer.STALE and not await self._has_ended(task_id):
            return None
        applied = await asyncio.to_thread(recover_apply, pending.intent, may_write=lambda: None, step=self._step)
        if applied is None:
            # It had not begun, or somebody else has just ended it: another apply finds out which.
            await self._queue.move_patch(task_id, PatchState.PROPOSED, fence)
            return ApplyOutcome(task_id, PatchState.PROPOSED)
        _log.info("the apply of task %s, left half done, is now %s", task_id, applied.state)
        return await self._end(task_id, fence, applied)

    async def _has_ended(self, task_id: str) -> bool:
        """True when the engine says that this patch is not being applied: only its files are left to be tidied."""
        try:
            task = await self._queue.task(task_id)
        except TaskGone:
            return True
        return task.patch_state is not PatchState.APPLYING and task.state is not TaskState.LEASED

    # -- small questions -----------------------------------------------------------------------------------------

    def _merges(self, merge: bool | None) -> bool:
        return self._settings.merge == "clean" if merge is None else merge

    def _check(self, task: Task) -> None:
        if task.place != self._place:
            raise InputError("id", f"task {task.id} belongs to another workspace; go there, then `ez apply {task.id}`")
        if task.patch_state is PatchState.APPLIED:
            raise NotApplicable(f"the patch of task {task.id} is applied already")
        if task.state is TaskState.DONE and not task.patch:
            raise NotApplicable(f"task {task.id} has no patch: it changed no files")
        if task.state is not TaskState.DONE and task.patch_state is not PatchState.APPLYING:
            raise NotApplicable(f"task {task.id} is {task.state}, not done; `ez show {task.id}` says more")


async def _uninterrupted(work: Coroutine[Any, Any, _T]) -> _T:
    """Carry the work to its end, which is near, before a cancellation passes: half an apply would have to be mended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            _log.warning("an apply that was interrupted ended with: %s", error)
        raise


def _paths_of(proposal: Proposal) -> list[str]:
    names = {restored(change.path) for change in proposal.changes}
    return sorted(names | {restored(change.renamed_from) for change in proposal.changes if change.renamed_from})


def _task_of(pending: PendingApply) -> str:
    return pending.tag[:_ID_LENGTH]
