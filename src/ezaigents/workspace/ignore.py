"""Which names `.gitignore` files hide.

Job: the chain of them from the root down. Not its job: walking (walk).
Source: gitignore(5): the deepest file that says anything about a path decides, by its last matching line.
Not read: the user's global excludes file, because a run should not depend on whose machine it is on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LIMIT_BYTES = 1024 * 1024
"""More than this is no list of patterns that somebody wrote."""


class IgnoreChain:
    """The patterns in force in one folder: its own, and those of the folders above."""

    __slots__ = ("_above", "_base", "_spec")

    def __init__(self, base: str, spec: GitIgnoreSpec, above: IgnoreChain | None) -> None:
        self._base = base
        self._spec = spec
        self._above = above

    def hides(self, path: str, *, is_folder: bool) -> bool:
        """Say whether `path` (relative to the root) is ignored; its parent folder is taken as not ignored."""
        link: IgnoreChain | None = self
        # Matching engines other than `re` refuse lone surrogates; the pattern cannot hold them either.
        clean = os.fsencode(path).decode("utf-8", "replace") + ("/" if is_folder else "")
        while link is not None:
            verdict = link._spec.check_file(clean[len(link._base) :]).include
            if verdict is not None:
                return verdict
            link = link._above
        return False


def chain_for(root: Path, folder: str, above: IgnoreChain | None) -> IgnoreChain | None:
    """Add the patterns of `folder` (relative, "" for the root) to those in force above it."""
    lines: list[str] = []
    if not folder:
        lines += _lines_of(f"{root}/.git/info/exclude")
    lines += _lines_of(f"{root}/{folder}/.gitignore")
    spec = _spec_of(lines)
    base = os.fsencode(folder).decode("utf-8", "replace") + "/" if folder else ""
    return above if spec is None else IgnoreChain(base, spec, above)


def _spec_of(lines: list[str]) -> GitIgnoreSpec | None:
    if not lines:
        return None
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines(_valid(lines))


def _valid(lines: Iterable[str]) -> list[str]:
    from pathspec import GitIgnoreSpec

    kept = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        kept.append(line)
    return kept


def _lines_of(path: str) -> list[str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > _LIMIT_BYTES:
            return []
        text = file.read(_LIMIT_BYTES).decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
