"""Applying the patch of a task. Job: leases, the transition in the engine, the files, in the order that survives kills.

    file leases --> patch: applying --> intent, files (workspace) --> patch: applied or conflict --> intent forgotten

Whatever dies on the way, the next apply, the task's next attempt or the next start of a host finds the intent and
brings it to an end: forward where every file is as it was or as it is to be, else back, with a conflict. The intent of
an apply that is in the tree stays until the engine has been told. Not its job: what is done to files (workspace), who
may hold which lease (team).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ezaigents.codec import printable, restored, storable
from ezaigents.errors import EzError, GiveUp, InputError, RetryLater, TaskGone
from ezaigents.queue import Queue
from ezaigents.records import Answer, Claim, PatchState, Result, Task, TaskState
from ezaigents.settings import Settings
from ezaigents.team import FileLeases, Holder, Kept, LeaseBusy, keep
from ezaigents.workspace import (
    BLOBS_FOLDER,
    Applied,
    ApplyTakenOver,
    ApplyUnfinished,
    PendingApply,
    Proposal,
    apply_proposal,
    forget_apply,
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


LEFT_APPLYING = (LeaseLost, ApplyUnfinished, ApplyTakenOver)
"""Errors after which a patch may be half applied: whoever comes next goes on with it."""


class ApplyOutcome(msgspec.Struct, frozen=True):
    """How an apply ended. `state`: applied or conflict.

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
        """Apply the patch of a task that has ended. `merge` None: as the settings say.

        Raises TaskGone, NotApplicable, LeaseBusy, LeaseLost, EngineDown, and what writing files raises (a full disk).
        """
        task = await self._queue.task(task_id)
        self._check(task)
        holder = Holder(self._place, task_id, await self._queue.new_fence(), _APPLY)
        try:
            return await self._apply(holder, task.patch, self._merges(merge))
        except ApplyTakenOver:
            if (await self._queue.task(task_id)).patch_state is PatchState.APPLIED:
                return ApplyOutcome(task_id, PatchState.APPLIED)
            raise

    async def apply_held(self, claim: Claim, result: Result, *, holds: Callable[[], bool]) -> ApplyOutcome:
        """Apply what an attempt hands back while it still holds its task, under its claim's fence.

        `holds`: whether the claim is surely held, by our own clock; asked in another thread, before each exchange.
        """
        holder = Holder(claim.place, claim.id, claim.fence, _TASK)
        return await self._apply(holder, result.patch, self._merges(None), result=result, holds=holds)

    async def go_on(self, claim: Claim, *, holds: Callable[[], bool]) -> bool:
        """Bring an apply to its end that a former attempt left half done; say whether its patch is in the tree now.

        False: there is nothing of it in the tree. Raises LeaseBusy, and LEFT_APPLYING where somebody else is at it.
        """
        task = await self._queue.task(claim.id)
        if task.patch_state is PatchState.APPLYING and task.patch:
            holder = Holder(claim.place, claim.id, claim.fence, _TASK)
            try:
                outcome = await self._apply(holder, task.patch, self._merges(None), holds=holds)
            except NotApplicable:
                task = await self._queue.task(claim.id)
                if task.patch_state is PatchState.APPLYING:
                    raise ApplyTakenOver(claim.id) from None
            else:
                return outcome.state is PatchState.APPLIED
        return task.patch_state is PatchState.APPLIED

    async def recover(self) -> list[ApplyOutcome]:
        """Bring to an end what was left half applied here and is nobody's any more. For the start of a host."""
        outcomes = []
        for pending in await self._pending():
            try:
                outcome = await self._recover(pending)
            except LeaseBusy:
                continue  # somebody is at work on these files, perhaps on this very apply
            except EzError as error:
                _log.warning("the apply of task %s was left half done: %s", _task_of(pending), error)
            else:
                outcomes += [outcome] if outcome else []
        return outcomes

    # -- one apply -----------------------------------------------------------------------------------------------

    async def _apply(
        self,
        holder: Holder,
        patch: str,
        merge: bool,
        *,
        result: Result | None = None,
        holds: Callable[[], bool] = lambda: True,
    ) -> ApplyOutcome:
        folder = (self._settings.home_path / patch).parent
        proposal = await asyncio.to_thread(read_proposal, folder)
        paths = _paths_of(proposal)
        async with self._kept(holder, paths, self._settings.lock_wait_s) as kept:
            may_write = _guard(holder.task, kept, holds)
            await self._clear_the_way(holder.task, paths, may_write)
            return await _uninterrupted(self._carry_out(holder, patch, proposal, merge, result, may_write))

    async def _carry_out(
        self,
        holder: Holder,
        patch: str,
        proposal: Proposal,
        merge: bool,
        result: Result | None,
        may_write: Callable[[], None],
    ) -> ApplyOutcome:
        await self._begin(holder, patch, result)
        blobs = self._settings.home_path / Path(patch).parent.parent / BLOBS_FOLDER
        try:
            applied = await asyncio.to_thread(self._write, holder, proposal, blobs, merge, may_write)
        except LEFT_APPLYING:
            raise  # it stays `applying`: whoever comes next goes on
        except EzError:
            await self._queue.move_patch(holder.task, PatchState.PROPOSED, holder.fence)
            raise
        return await self._end(holder.task, holder.fence, applied)

    async def _begin(self, holder: Holder, patch: str, result: Result | None) -> None:
        meant = "" if result else patch
        answer = await self._queue.move_patch(
            holder.task, PatchState.APPLYING, holder.fence, meant=meant, result=result
        )
        if answer is Answer.GONE:
            raise TaskGone(holder.task)
        if answer is not Answer.OK:
            raise NotApplicable(
                f"the patch of task {holder.task} was applied, or is being applied, by somebody else, or the task was "
                f"done again; `ez show {holder.task}` says how it stands"
            )

    def _write(
        self, holder: Holder, proposal: Proposal, blobs: Path, merge: bool, may_write: Callable[[], None]
    ) -> Applied:
        for pending in pending_applies(self._applies):
            if _task_of(pending) == holder.task:
                left_behind = recover_apply(pending.intent, may_write=may_write, step=self._step, keep_record=True)
                if left_behind is not None:
                    return left_behind
        tag = f"{holder.task}-{holder.fence}"
        return apply_proposal(
            self._settings.workspace_path,
            proposal,
            blobs,
            intent=self._applies / f"{tag}.json",
            tag=tag,
            hidden=self._settings.home_path,
            merge=merge,
            may_write=may_write,
            step=self._step,
            keep_record=True,
        )

    async def _end(self, task_id: str, fence: int, applied: Applied) -> ApplyOutcome:
        """Tell the engine, and only then forget what would say the same to whoever comes next."""
        state = PatchState(applied.state)
        conflicts = tuple((restored(path), reason) for path, reason in applied.conflicts)
        merged, written = tuple(map(restored, applied.merged)), tuple(map(restored, applied.written))
        outcome = ApplyOutcome(task_id, state, conflicts, merged, written)
        answer = await self._queue.move_patch(task_id, state, fence, error=outcome.why)
        if answer is not Answer.OK:
            _log.warning("the patch of task %s is %s, and somebody else has said so first (%s)", task_id, state, answer)
        await asyncio.to_thread(self._forget, task_id)
        return outcome

    def _forget(self, task_id: str) -> None:
        for pending in pending_applies(self._applies):
            if _task_of(pending) == task_id:
                forget_apply(self._applies, pending.tag, step=self._step)

    # -- what others left behind ---------------------------------------------------------------------------------

    async def _clear_the_way(self, task_id: str, paths: Sequence[str], may_write: Callable[[], None]) -> None:
        """Bring to an end other applies over the same files: their leases have ended, or we would not hold ours."""
        wanted = set(paths)
        for pending in await self._pending():
            other = _task_of(pending)
            if other == task_id or not wanted.intersection(map(restored, pending.paths)):
                continue
            try:
                ended = await self._take_over(pending, await self._queue.new_fence(), may_write)
            except ApplyTakenOver:
                ended = None
            if ended is None:
                raise RetryLater(f"task {other} is in the middle of changing the same files; try again in a moment")

    async def _recover(self, pending: PendingApply) -> ApplyOutcome | None:
        holder = Holder(self._place, _task_of(pending), await self._queue.new_fence(), _APPLY)
        if not pending.paths:
            return await self._take_over(pending, holder.fence, lambda: None)
        async with self._kept(holder, list(map(restored, pending.paths)), 0) as kept:
            return await _uninterrupted(self._take_over(pending, holder.fence, _guard(holder.task, kept)))

    async def _take_over(self, pending: PendingApply, fence: int, may_write: Callable[[], None]) -> ApplyOutcome | None:
        """Go on with an apply that somebody left; None when it is still somebody's."""
        task_id = _task_of(pending)
        answer = await self._queue.move_patch(task_id, PatchState.APPLYING, fence)
        if answer is Answer.STALE and not await self._has_ended(task_id):
            return None
        applied = await asyncio.to_thread(
            recover_apply, pending.intent, may_write=may_write, step=self._step, keep_record=True
        )
        if applied is None:
            # It had not begun, or somebody else has just ended it: whoever applies it next finds out which.
            return ApplyOutcome(task_id, PatchState.APPLYING)
        _log.info("the apply of task %s, left half done, is now %s", task_id, applied.state)
        return await self._end(task_id, fence, applied)

    async def _has_ended(self, task_id: str) -> bool:
        """True when the engine says that this patch is not being applied: only its files are left to be tidied."""
        try:
            task = await self._queue.task(task_id)
        except TaskGone:
            return True
        return task.patch_state is not PatchState.APPLYING and task.state is not TaskState.LEASED

    async def _pending(self) -> list[PendingApply]:
        """What was left in this workspace; a record that cannot be read is told of, and stays."""
        root = storable(str(self._settings.workspace_path))
        found = await asyncio.to_thread(pending_applies, self._applies)
        for pending in found:
            if pending.damaged:
                _log.warning("%s", pending.damaged)
        return [pending for pending in found if not pending.damaged and pending.root in ("", root)]

    # -- small questions -----------------------------------------------------------------------------------------

    def _kept(self, holder: Holder, paths: Sequence[str], wait_s: float) -> AbstractAsyncContextManager[Kept]:
        return keep(self._leases, holder, paths, ttl_s=self._settings.lease_s, wait_s=wait_s)

    def _merges(self, merge: bool | None) -> bool:
        return self._settings.merge == "clean" if merge is None else merge

    def _check(self, task: Task) -> None:
        if task.place != self._place:
            raise InputError("id", f"task {task.id} belongs to another workspace; go there, then `ez apply {task.id}`")
        if task.patch_state is PatchState.APPLIED:
            raise NotApplicable(f"the patch of task {task.id} is applied already")
        if not task.state.terminal and task.patch_state is not PatchState.APPLYING:
            raise NotApplicable(f"task {task.id} is {task.state} and has not ended; `ez show {task.id}` says more")
        if not task.patch:
            raise NotApplicable(f"task {task.id} has no patch: it changed no files")


def _guard(task_id: str, kept: Kept, holds: Callable[[], bool] = lambda: True) -> Callable[[], None]:
    """What an apply asks before each exchange."""

    def may_write() -> None:
        if not (kept.surely_ours and holds()):
            raise LeaseLost(task_id)

    return may_write


async def _uninterrupted(work: Coroutine[Any, Any, _T]) -> _T:
    """Carry the work to its end, which is near, before a cancellation passes: half an apply has to be mended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as interruption:
            if task.cancelled():
                raise
            cancelled = interruption
        except Exception:  # noqa: BLE001 - told below, or when it is asked for
            break
    if cancelled is not None:
        if error := task.exception():
            _log.warning("an apply that was interrupted ended with: %s", error)
        raise cancelled
    return task.result()


def _paths_of(proposal: Proposal) -> list[str]:
    names = {restored(change.path) for change in proposal.changes}
    return sorted(names | {restored(change.renamed_from) for change in proposal.changes if change.renamed_from})


def _task_of(pending: PendingApply) -> str:
    return pending.tag[:_ID_LENGTH]
