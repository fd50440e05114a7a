"""Where new contents wait beside their targets, and where replaced ones wait until all is done.

Job: the staging folders of one holder of an intent; taking over those of others. Not its job: exchanging (applying).
In each folder with a target lies one staging folder, so that a file moves between the two by a rename; in it the
file `<n>` belongs to operation n. It holds the whole new content, or what was swapped out, never a part: what is not
yet whole is called `<n>.part`. Whoever knows only a former name of a staging folder reaches nothing in it any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from ezaigents.codec import restored
from ezaigents.workspace.blobs import Blobs
from ezaigents.workspace.changes import FileState
from ezaigents.workspace.errors import FileRefused
from ezaigents.workspace.exchange import settle
from ezaigents.workspace.intent import Holding
from ezaigents.workspace.originals import keep_original
from ezaigents.workspace.tree import Seen, Step, Tree, WayBlocked, look, name_of, parent_of
from ezaigents.workspace.windows import WINDOW_BYTES

_PART = ".part"
_SOMEBODYS = 3


class Staging:
    """The staging folders of one holder."""

    def __init__(self, holding: Holding, tree: Tree, step: Step) -> None:
        self._holding = holding
        self._tree = tree
        self._step = step
        self._blobs = Path(restored(holding.intent.blobs))
        self._operations = holding.intent.operations
        self._paths = [restored(operation.path) for operation in self._operations]
        self._made: list[str] = []
        self._numbers: dict[str, list[int]] = {}
        for number, path in enumerate(self._paths):
            self._numbers.setdefault(parent_of(path), []).append(number)

    @property
    def folders(self) -> list[str]:
        """The folders with a target, each once."""
        return list(self._numbers)

    def name(self, number: int) -> str:
        """The staged file of an operation, seen from its target's folder."""
        return f"{self._holding.staging}/{number}"

    def stage(self, number: int) -> None:
        """Make the staged file of an operation, whole and on the disk; for a deletion only room for what it takes away.

        Raises OSError, FileRefused when the content is gone or damaged.
        """
        folder = parent_of(self._paths[number])
        self._holding.check()
        self._made += self._tree.make(folder, self._step)
        with self._tree.folder(folder) as place:
            self._holding.check()
            self._step(f"make staging folder in {folder or '.'}")
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._holding.staging, 0o700, dir_fd=place)
            after = self._operations[number].after
            if after is None:
                self._remove(place, self.name(number))
            elif look(place, self.name(number)) != after:
                self._write(place, number, after)

    def capture(self) -> None:
        """Take over the staging folders of all other holders: whatever those still do with them fails from now on."""
        for folder, numbers in self._numbers.items():
            with contextlib.suppress(FileNotFoundError, WayBlocked), self._tree.folder(folder) as place:
                for name in self._others(place):
                    self._absorb(place, name, numbers)
                for number in numbers:
                    settle(place, self.name(number), name_of(self._paths[number]))

    def drop(self) -> dict[int, str]:
        """Remove the staging folders. What somebody wrote into a file there is kept; by operation, in words, where."""
        kept: dict[int, str] = {}
        for folder, numbers in self._numbers.items():
            with contextlib.suppress(FileNotFoundError, WayBlocked), self._tree.folder(folder) as place:
                for number in numbers:
                    if words := self._drop(place, number, folder):
                        kept[number] = words
                self._step(f"remove staging folder in {folder or '.'}")
                with contextlib.suppress(OSError):
                    os.rmdir(self._holding.staging, dir_fd=place)
        return kept

    def leave(self) -> None:
        """Remove what this holder alone has made: empty folders, where it noticed late that all is another's."""
        for folder in self._numbers:
            with contextlib.suppress(OSError, WayBlocked), self._tree.folder(folder) as place:
                os.rmdir(self._holding.staging, dir_fd=place)
        for folder in reversed(self._made):
            self._tree.remove_empty(folder, self._step)

    def is_ours(self, number: int, seen: Seen) -> bool:
        """Say whether what was seen is one of the two contents of an operation, or nothing; else it is somebody's."""
        return seen in {None, self._operations[number].before, self._operations[number].after}

    def _write(self, place: int, number: int, after: FileState) -> None:
        path = self._paths[number]
        draft = self.name(number) + _PART
        self._remove(place, draft)
        self._holding.check()
        self._step(f"draft {path}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600, dir_fd=place), "wb") as file:
            self._copy(Blobs(self._blobs).open(after.sha256), file.fileno(), path, after)
            _keep_owner(place, name_of(path), file.fileno())
            os.fchmod(file.fileno(), after.mode)
            os.fsync(file.fileno())
        self._holding.check()
        self._step(f"stage {path}")
        os.rename(draft, self.name(number), src_dir_fd=place, dst_dir_fd=place)

    def _copy(self, source: int, target: int, path: str, after: FileState) -> None:
        digest = hashlib.sha256()
        with os.fdopen(source, "rb", buffering=0) as file:
            while window := file.read(WINDOW_BYTES):
                digest.update(window)
                self._step(f"write {path}")
                _write_all(target, window)
        if (digest.hexdigest(), os.fstat(target).st_size) != (after.sha256, after.size_bytes):
            raise FileRefused(path, "its new content, kept with the task, is damaged; run the task again")

    def _remove(self, place: int, name: str) -> None:
        if look(place, name) is not None:
            self._step(f"remove {name}")
            # Gone already: another holder has the folder now, and with it the file.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=place)

    def _drop(self, place: int, number: int, folder: str) -> str:
        """Remove what is staged for one operation; "" or what became of somebody's content."""
        words = ""
        seen = look(place, self.name(number))
        if isinstance(seen, str):
            return f"{seen} that stood there is kept as {'/'.join(filter(None, (folder, self.name(number))))}"
        if not self.is_ours(number, seen):
            seen = keep_original(place, self.name(number), self._blobs, self._step)
            if isinstance(seen, FileState):
                words = f"another version of theirs is kept as {self._blobs / seen.sha256}"
        for name in (self.name(number), self.name(number) + _PART):
            self._remove(place, name)
        return words

    def _others(self, place: int) -> list[str]:
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries if self._holding.is_staging(entry.name)]
        return sorted(name for name in names if name != self._holding.staging)

    def _absorb(self, place: int, name: str, numbers: list[int]) -> None:
        """Make one staging folder ours, first of all by its name."""
        self._holding.check()
        self._step(f"take over {name}")
        try:
            os.rename(name, self._holding.staging, src_dir_fd=place, dst_dir_fd=place)
        except FileNotFoundError:
            return
        except OSError:
            self._join(place, name, numbers)

    def _join(self, place: int, name: str, numbers: list[int]) -> None:
        """Add a second staging folder to ours: a holder that woke up made it again, or two recoveries met."""
        other = f"{self._holding.staging}.{os.urandom(4).hex()}"
        os.rename(name, other, src_dir_fd=place, dst_dir_fd=place)
        for number in numbers:
            theirs, ours = f"{other}/{number}", self.name(number)
            self._step(f"join {theirs}")
            if self._rank(number, look(place, theirs)) > self._rank(number, look(place, ours)):
                os.rename(theirs, ours, src_dir_fd=place, dst_dir_fd=place)
            else:
                if self._rank(number, look(place, theirs)) == _SOMEBODYS:
                    keep_original(place, theirs, self._blobs, self._step)
                self._remove(place, theirs)
            self._remove(place, theirs + _PART)
        with contextlib.suppress(OSError):
            os.rmdir(other, dir_fd=place)

    def _rank(self, number: int, seen: Seen) -> int:
        """What of two is worth more: somebody's content, what was swapped out, what is staged, nothing."""
        if seen is None:
            return 0
        operation = self._operations[number]
        return 1 if seen == operation.after else 2 if seen == operation.before else _SOMEBODYS


def _keep_owner(place: int, name: str, file: int) -> None:
    # Nobody there yet, or not ours to give away: then the new file is ours.
    with contextlib.suppress(OSError):
        former = os.stat(name, dir_fd=place, follow_symlinks=False)
        os.fchown(file, former.st_uid, former.st_gid)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
