"""The files behind the paths of jobs. Job: walk each set of paths once for all who ask within one request.

Kept for one request only: who writes a file and then hands in a job has it in the job.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ezaigents.errors import InputError
from ezaigents.workspace import FoundFile, walk_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FILES = 200_000
_KEPT_MOST = 20_000
"""Files kept in all for those who ask again; a list of large folders is walked again instead."""


class InputFiles:
    """Files of one workspace. It is for one thread at a time, and looks at the disk."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self._workspace = workspace
        self._home = home
        self._walks: dict[tuple[str, ...], _Walk] = {}
        self._kept = 0

    def check(self, paths: tuple[str, ...]) -> None:
        """Refuse paths without files. Raises InputError."""
        if not self._take(paths, 1):
            names = ", ".join(repr(path or ".") for path in paths or ("",))
            raise InputError("path", f"no files in {names} (ignored ones are left out); name a folder with files")

    def size_bytes(self, paths: tuple[str, ...], most: int) -> int:
        """What the first `most` files weigh together."""
        return sum(file.size_bytes for file in self._take(paths, most))

    def all(self, paths: tuple[str, ...]) -> list[FoundFile]:
        """All of them, at least one. Raises InputError for none, and for more than 200,000."""
        self.check(paths)
        files = self._take(paths, MOST_FILES + 1)
        if len(files) > MOST_FILES:
            raise InputError("path", f"more than {MOST_FILES:,} files; name fewer folders")
        return files

    def _take(self, paths: tuple[str, ...], most: int) -> list[FoundFile]:
        walk = self._walks.get(paths)
        if walk is None:
            walk = self._walks[paths] = _Walk(walk_inputs(self._workspace, paths or ("",), home=self._home))
        before = len(walk.found)
        files = walk.first(most)
        self._kept += len(walk.found) - before
        if self._kept > _KEPT_MOST:
            self._walks.clear()
            self._kept = 0
        return files


class _Walk:
    """One walk, as far as it was needed."""

    __slots__ = ("_rest", "found")

    def __init__(self, rest: Iterator[FoundFile]) -> None:
        self._rest = rest
        self.found: list[FoundFile] = []

    def first(self, most: int) -> list[FoundFile]:
        self.found.extend(islice(self._rest, max(0, most - len(self.found))))
        return self.found[:most]
