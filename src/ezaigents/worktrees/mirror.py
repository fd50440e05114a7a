"""A working copy against the workspace. Job: make the one equal the other, and say what was changed in it since.

Not its job: where the copy came from (Worktrees), what becomes of the changes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from ezaigents.workspace import FileRefused, open_beneath, walk
from ezaigents.worktrees.errors import CopyTooLarge
from ezaigents.worktrees.ground import PERMISSIONS, Ground, Mark, marked, windows_of

Content = bytes | tuple[bytes, int] | None
"""What a file is to hold, with its permissions if they matter; None: there is to be no such file."""
NEW_MOST = 1000
"""More new files than this are not named one by one; somebody forgot a .gitignore."""
_PLAIN = 0o644


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A known file that a command changed. `content`: None, it was deleted. `mode`: its permissions."""

    path: str
    content: bytes | None
    mode: int


class CopyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a command made of a working copy. What .gitignore hides is not in it.

    `new`: files that were not known, by name, `NEW_MOST` of them at most. `left_out`: path and why its content is not
    handed back (too large, now a link or a folder).
    """

    changed: tuple[ChangedFile, ...] = ()
    new: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing was changed."""
        return not (self.changed or self.new or self.left_out)


class Mirror:
    """One copy of one workspace. `marks`: every file that the copy was given, as it was left.

    `closed`: files of the workspace that the copy is not given.
    """

    def __init__(
        self,
        copy: Path,
        workspace: Path,
        home: Path,
        marks: dict[str, Mark],
        most_bytes: int,
        closed: Callable[[str], bool] | None = None,
    ) -> None:
        self.ground = Ground(copy)
        self.marks = marks
        self._workspace = workspace
        self._home = home
        self._most_bytes = most_bytes
        self._closed = closed
        self._sources: dict[str, Mark] = {}

    def bring(
        self, changed: Mapping[str, Content], tracked: Mapping[str, int] | None = None, linked: Sequence[str] = ()
    ) -> None:
        """Make the copy equal the workspace, with `changed` in the place of those files. Raises CopyTooLarge, OSError.

        `tracked`: further files that may be there, whatever .gitignore says. What .gitignore hides in the copy stays:
        builds and caches, without which each command would begin anew. `linked`: folders at the top of the workspace;
        where none of their files is wanted, a link stands for them, and changes beneath are not brought.
        """
        wanted = self.wanted(tracked or {})
        links = {name for name in linked if self._may_link(name, wanted)}
        changed = {path: content for path, content in changed.items() if path.partition("/")[0] not in links}
        for path in {*self.marks, *self._unknown()} - wanted - set(changed):
            self.ground.remove(path)
            self.marks.pop(path, None)
        for path in sorted(wanted - set(changed)):
            self._bring_one(path)
        for path, content in changed.items():
            self._give(path, content)
        for name in links:
            if self.ground.facts(name) is None:
                self.ground.put_link(name, str(self._workspace / name))

    def _may_link(self, name: str, wanted: set[str]) -> bool:
        facts = self._facts(name)
        is_folder = facts is not None and stat.S_ISDIR(facts.st_mode)
        return is_folder and not any(path == name or path.startswith(f"{name}/") for path in wanted)

    def wanted(self, tracked: Mapping[str, int]) -> set[str]:
        """The workspace's files. Raises CopyTooLarge."""
        sizes = {found.path: found.size_bytes for found in walk(self._workspace, home=self._home)}
        for path in {*tracked, *self.marks} - set(sizes):
            facts = self._facts(path)
            if facts is not None and (stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode)):
                sizes[path] = facts.st_size
        if self._closed is not None:
            sizes = {path: size_bytes for path, size_bytes in sizes.items() if not self._closed(path)}
        total_bytes = sum(sizes.values())
        if total_bytes > self._most_bytes:
            raise CopyTooLarge(self._workspace, total_bytes, self._most_bytes)
        return set(sizes)

    def changes(self, most_bytes: int) -> CopyChanges:
        """What differs from how the copy was left. `most_bytes`: per file; one with more is named only."""
        changed: list[ChangedFile] = []
        left_out: list[tuple[str, str]] = []
        for path, mark in sorted(self.marks.items()):
            now = self._now(path, mark)
            if mark.is_same(now):
                continue
            facts = self.ground.facts(path)
            if facts is None:
                changed.append(ChangedFile(path=path, content=None, mode=0))
            elif not stat.S_ISREG(facts.st_mode) or not stat.S_ISREG(mark.mode):
                left_out.append((path, "a link or a folder stands where a file was, or a link was changed"))
            else:
                content = self.ground.content(path, most_bytes)
                if content is None:
                    left_out.append((path, f"holds more than {most_bytes:,} bytes"))
                else:
                    changed.append(ChangedFile(path=path, content=content, mode=facts.st_mode & PERMISSIONS))
        return CopyChanges(changed=tuple(changed), new=tuple(self._unknown()), left_out=tuple(left_out))

    def content(self, path: str, most_bytes: int) -> tuple[bytes, int] | None:
        """A file with its permissions; None where there is none, or one that holds more."""
        facts = self.ground.facts(path)
        if facts is None or not stat.S_ISREG(facts.st_mode):
            return None
        content = self.ground.content(path, most_bytes)
        return None if content is None else (content, facts.st_mode & PERMISSIONS)

    def is_touched(self) -> bool:
        """Say whether anything differs from how the copy was left."""
        if any(not mark.is_same(self._now(path, mark)) for path, mark in self.marks.items()):
            return True
        return next(self._unknown(), None) is not None

    def accept(self) -> None:
        """Take the copy as it is now for how it was left: its changes are kept elsewhere."""
        for path in (*self.marks, *self._unknown()):
            mark = self.ground.mark(path)
            if mark is None:
                self.marks.pop(path, None)
            else:
                self.marks[path] = mark

    def _now(self, path: str, mark: Mark) -> Mark | None:
        facts = self.ground.facts(path)
        if facts is not None and mark.is_untouched(facts):
            return mark
        now = self.ground.mark(path)
        if now is not None and mark.is_same(now):
            self.marks[path] = now  # so that it is not read again
        return now

    def _unknown(self) -> Iterator[str]:
        count = 0
        for found in walk(self.ground.root):
            if found.path not in self.marks:
                yield found.path
                count += 1
                if count >= NEW_MOST:
                    return

    def _facts(self, path: str) -> os.stat_result | None:
        return Ground(self._workspace).facts(path)

    def _bring_one(self, path: str) -> None:
        facts = self._facts(path)
        if facts is None:  # gone since it was listed
            self.ground.remove(path)
            self.marks.pop(path, None)
        elif stat.S_ISLNK(facts.st_mode):
            self._bring_link(path)
        else:
            self._bring_file(path, facts)

    def _bring_link(self, path: str) -> None:
        target = os.readlink(self._workspace / path)  # noqa: PTH115 - a Path would tidy what the link says
        mark = self.marks.get(path) or self.ground.mark(path)
        if mark is None or mark.digest != f"-> {target}" or not mark.is_same(self._now(path, mark)):
            mark = self.ground.put_link(path, target)
        self.marks[path] = mark

    def _bring_file(self, path: str, facts: os.stat_result) -> None:
        source = self._sources.get(path)
        if source is None or not source.is_untouched(facts):
            source = self._source(path)
            if source is None:
                self.ground.remove(path)
                self.marks.pop(path, None)
                return
            self._sources[path] = source
        mark = self.marks.get(path)
        now = self._now(path, mark) if mark is not None else self.ground.mark(path)
        if now is None or now.digest != source.digest or (now.mode ^ source.mode) & PERMISSIONS:
            try:
                descriptor = open_beneath(self._workspace, path, hidden=self._home)
            except FileRefused:
                return  # gone, or not to be read, since it was looked at; it is not there next time
            now = self.ground.put(path, windows_of(descriptor), facts.st_mode)
        self.marks[path] = now

    def _source(self, path: str) -> Mark | None:
        """The workspace's own file; None where it may not be read."""
        try:
            descriptor = open_beneath(self._workspace, path, hidden=self._home)
        except FileRefused:
            return None
        facts = os.fstat(descriptor)
        digest = hashlib.sha256()
        for window in windows_of(descriptor):
            digest.update(window)
        return marked(facts, digest.hexdigest())

    def _give(self, path: str, content: Content) -> None:
        if content is None:
            self.ground.remove(path)
            self.marks.pop(path, None)
            return
        data, permissions = content if isinstance(content, tuple) else (content, self._permissions(path))
        self.marks[path] = self.ground.put(path, iter((data,)), permissions)

    def _permissions(self, path: str) -> int:
        facts = self._facts(path)
        return facts.st_mode & PERMISSIONS if facts is not None and stat.S_ISREG(facts.st_mode) else _PLAIN
