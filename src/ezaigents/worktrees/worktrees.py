"""Working copies for tasks that run commands: one per attempt, few at once, none lost.

Job: make them, bring them up to date, say what commands changed, take them away. Not its job: running the commands
(sandbox), and what becomes of the changes (the attempt's overlay).
A copy that holds changes which nobody took over is never deleted, but moved to `worktrees/kept/`.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from ezaigents.codec import from_json, restored, storable, to_json
from ezaigents.endings import ended
from ezaigents.workspace import DiskFull, write_whole
from ezaigents.worktrees.dirty import differing
from ezaigents.worktrees.errors import CopiesUsedUp, CopyBusy, CopyTooLarge, GitFailed, KeptUsedUp
from ezaigents.worktrees.ground import Mark
from ezaigents.worktrees.mirror import Content, CopyChanges, Mirror
from ezaigents.worktrees.places import Places, copy_name, locked, remove_tree
from ezaigents.worktrees.source import NotUsable, Source, find_source
from ezaigents.worktrees.store import Store

KEPT_MOST = 20
"""Copies with untaken work that may wait for a person."""
_FILE_BYTES = 10 * 1024 * 1024
_TRIES = 2
"""A checkout that something killed is made once more."""
_T = TypeVar("_T")


class WorkingCopy:
    """One attempt's copy. `note`: why it was copied file by file where the workspace is a repository, else ""."""

    def __init__(self, name: str, path: Path, mirror: Mirror, hold: int) -> None:
        self.name = name
        self.path = path
        self.note = ""
        self.is_disowned = False
        self._mirror = mirror
        self._hold = hold


class Tidied(msgspec.Struct, frozen=True, kw_only=True):
    """What was left by attempts that died. `kept`: all copies that wait for a person now, the oldest first."""

    removed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    kept: tuple[Path, ...] = ()


class Worktrees:
    """The working copies of one workspace, in one data folder; several processes may use the same.

    `linked`: folders at the top of the workspace that are not copied: a link in the copy leads to them.
    """

    def __init__(
        self,
        home: Path,
        workspace: Path,
        *,
        most: int,
        max_bytes: int,
        file_bytes: int = _FILE_BYTES,
        linked: Sequence[str] = (),
    ) -> None:
        self._home = home
        self._workspace = workspace
        self._most = most
        self._max_bytes = max_bytes
        self._file_bytes = file_bytes
        self._linked = tuple(linked)
        self._places = Places(home, workspace)
        self._store = Store(self._places.store)

    async def open(
        self,
        task_id: str,
        fence: int,
        wanted: Mapping[str, Content] | None = None,
        *,
        closed: Callable[[str], bool] | None = None,
    ) -> WorkingCopy:
        """Make the copy of one attempt: the workspace as it is now, with `wanted` in it.

        `closed`: files of the workspace that are not to be in it.
        Raises CopiesUsedUp, KeptUsedUp, CopyTooLarge, CopyBusy, DiskFull, GitFailed; then nothing of it is left.
        """
        name = copy_name(task_id, fence)
        self._places.make()
        copy = await self._begun(name, closed)
        try:
            tracked = await self._filled(copy)
            await self._brought(copy, wanted or {}, tracked)
        except BaseException:
            await ended(self._dropped(copy))
            raise
        return copy

    async def bring_up_to_date(self, copy: WorkingCopy, changed: Mapping[str, Content]) -> None:
        """Make the copy equal the workspace as it is now, with `changed` in it; what .gitignore hides in it stays."""
        await self._brought(copy, changed, {})

    async def changes(self, copy: WorkingCopy) -> CopyChanges:
        """What differs from how the copy was last brought up to date, or taken."""
        return await _in_thread(lambda: copy._mirror.changes(self._file_bytes))

    async def content(self, copy: WorkingCopy, path: str) -> tuple[bytes, int] | None:
        """A file of the copy with its permissions, such as one of `CopyChanges.new`; None: none, or too large."""
        return await _in_thread(lambda: copy._mirror.content(path, self._file_bytes))

    async def taken(self, copy: WorkingCopy) -> None:
        """Say that the copy's changes are kept elsewhere now: they are no reason any more not to delete it."""
        await _in_thread(lambda: self._accept(copy))

    async def disown(self, copy: WorkingCopy) -> None:
        """Say that nobody will want what is changed in the copy from here on: however it ends, it is deleted."""
        copy.is_disowned = True
        await _in_thread(lambda: self._places.marks(copy.name).unlink(missing_ok=True))

    async def close(self, copy: WorkingCopy) -> Path | None:
        """Take the copy away; where it went when it holds changes that nobody took, else None."""
        async with locked(self._places.gate):
            touched = not copy.is_disowned and await _in_thread(copy._mirror.is_touched)
            return await ended(self._reclaimed(copy.name, copy._hold, touched=touched))

    async def uncommitted(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of the paths that hold changes which git does not know; none where the workspace is no repository.

        Raises GitFailed.
        """
        try:
            source = await _in_thread(lambda: find_source(self._workspace))
        except NotUsable:
            return ()
        if source is None or not paths:
            return ()
        self._places.make()
        async with locked(self._places.repo_lock):
            await _in_thread(lambda: self._store.prepare(source))
            committed = await self._store.ids(source, paths)
        return await _in_thread(
            lambda: differing(self._workspace, committed, paths, home=self._home, limit_bytes=self._file_bytes)
        )

    async def tidy(self) -> Tidied:
        """Take away what attempts left that died, in all workspaces of this data folder."""
        self._places.make()
        removed: list[str] = []
        moved: list[str] = []
        async with locked(self._places.gate):
            for name in self._places.names():
                hold = self._places.take_hold(name)
                if hold >= 0:
                    where = await ended(self._reclaimed(name, hold, touched=await _in_thread(self._worked_in(name))))
                    (removed if where is None else moved).append(name)
        return Tidied(removed=tuple(removed), moved=tuple(moved), kept=tuple(self._places.kept_copies()))

    async def _begun(self, name: str, closed: Callable[[str], bool] | None) -> WorkingCopy:
        """Hold the name, with nothing there."""
        async with locked(self._places.gate):
            hold = self._places.take_hold(name)
            if hold < 0:
                raise CopyBusy(f"the working copy {name}")
            try:
                if self._places.copy(name).exists():  # an attempt of the same number died here
                    touched = await _in_thread(self._worked_in(name))
                    await ended(self._put_away(name, touched=touched))
                self._check_room(name)
            except BaseException:
                self._places.let_go(name, hold)
                raise
        path = self._places.copy(name)
        mirror = Mirror(path, self._workspace, self._home, {}, self._max_bytes, closed)
        return WorkingCopy(name, path, mirror, hold)

    def _check_room(self, name: str) -> None:
        kept = self._places.kept_copies()
        if len(kept) >= KEPT_MOST:
            raise KeptUsedUp(len(kept), kept[0])
        if len([other for other in self._places.names() if other != name]) >= self._most:
            raise CopiesUsedUp(self._most)

    async def _filled(self, copy: WorkingCopy) -> Mapping[str, int]:
        """Check the commit out, where there is one; the files it has."""
        try:
            source = await _in_thread(lambda: find_source(self._workspace))
            if source is not None:
                return await self._checked_out(copy, source)
        except (NotUsable, GitFailed) as error:
            if isinstance(error, GitFailed) and error.is_full:
                raise DiskFull(str(copy.path)) from error
            copy.note = str(error)
        await _in_thread(lambda: copy._mirror.wanted({}))  # too large: said before anything is copied
        copy.path.mkdir(mode=0o700)
        return {}

    async def _checked_out(self, copy: WorkingCopy, source: Source) -> Mapping[str, int]:
        async with locked(self._places.repo_lock):
            await _in_thread(lambda: self._store.prepare(source))
            sizes = await self._store.sizes(source)
            if sum(sizes.values()) > self._max_bytes:
                raise CopyTooLarge(self._workspace, sum(sizes.values()), self._max_bytes)
            for left in reversed(range(_TRIES)):
                try:
                    await self._store.add(copy.path, source)
                except BaseException as error:
                    await ended(_in_thread(lambda: self._removed(copy.name)))
                    if not left or not isinstance(error, GitFailed):
                        raise
                else:
                    break
        copy.path.chmod(0o700)
        return sizes

    async def _brought(self, copy: WorkingCopy, changed: Mapping[str, Content], tracked: Mapping[str, int]) -> None:
        def bring() -> None:
            for path in tracked:  # what the checkout put there is known, so that it can be taken away again
                mark = copy._mirror.ground.mark(path)
                if mark is not None:
                    copy._mirror.marks[path] = mark
            copy._mirror.bring(changed, tracked, self._linked)
            self._save(copy)

        await _in_thread(bring)

    def _accept(self, copy: WorkingCopy) -> None:
        copy._mirror.accept()
        self._save(copy)

    def _save(self, copy: WorkingCopy) -> None:
        marks = {storable(path): _storable(mark) for path, mark in copy._mirror.marks.items()}
        write_whole(self._places.marks(copy.name), to_json((storable(str(self._workspace)), marks)))

    def _worked_in(self, name: str) -> Callable[[], bool]:
        """Whether there is work in a copy that this process did not make."""

        def look() -> bool:
            path = self._places.copy(name)
            try:
                stored = from_json(self._places.marks(name).read_bytes(), tuple[str, dict[str, Mark]])[1]
            except FileNotFoundError:
                return False  # half made: nothing ever ran in it
            except (OSError, msgspec.DecodeError):
                return path.exists()
            marks = {restored(path): _restored(mark) for path, mark in stored.items()}
            return path.exists() and Mirror(path, self._workspace, self._home, marks, 0).is_touched()

        return look

    async def _dropped(self, copy: WorkingCopy) -> None:
        async with locked(self._places.gate):
            await self._reclaimed(copy.name, copy._hold, touched=False)

    async def _reclaimed(self, name: str, hold: int, *, touched: bool) -> Path | None:
        where = await self._put_away(name, touched=touched)
        self._places.let_go(name, hold)
        return where

    async def _put_away(self, name: str, *, touched: bool) -> Path | None:
        """Remove the copy, or move it where it waits for a person. Behind the gate."""
        async with locked(self._places.repo_lock):
            if not touched:
                await _in_thread(lambda: self._removed(name))
                return None
            where = self._places.kept / name
            number = 1
            while where.exists():
                number += 1
                where = self._places.kept / f"{name}.{number}"
            self._places.copy(name).rename(where)
            os.utime(where)
            for store in self._places.repos.glob("*.git"):
                Store(store).moved(name, where)
            return where

    def _removed(self, name: str) -> None:
        path = self._places.copy(name)
        self._places.marks(name).unlink(missing_ok=True)  # first: a copy that is half removed is no work
        if path.exists():
            remove_tree(path)
        for store in self._places.repos.glob("*.git"):
            Store(store).forget(name)


def _storable(mark: Mark) -> Mark:
    return msgspec.structs.replace(mark, digest=storable(mark.digest))


def _restored(mark: Mark) -> Mark:
    return msgspec.structs.replace(mark, digest=restored(mark.digest))


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Do it beside the loop; when cancelled, wait until it is over: two of them must not meet in one folder.

    Raises DiskFull for the system's word for it.
    """
    try:
        return await ended(asyncio.to_thread(work))
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(str(error.filename or "the data folder")) from error
        raise
