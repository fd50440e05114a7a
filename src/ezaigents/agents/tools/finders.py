"""Where a pattern is: ripgrep where it is installed, else a child of ours.

Job: path, line and offset of each hit. Not its job: the text of it, which is read through the workspace room: whatever
a name leads to while the child runs, nothing that it read itself is ever shown.
Both take so long at most. ripgrep's patterns need time linear in the text; Python's may not, so they run in a child
that is killed, never in the host.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ezaigents.agents.tools.process import Ended, output_of
from ezaigents.agents.tools.quoting import bounded, several_lines
from ezaigents.errors import InputError

SEARCH_S = 20.0
_OUTPUT_MOST_BYTES = 1024 * 1024
_PROBLEM_MOST_BYTES = 600
_FILE_MOST = "64M"
_ROW = re.compile(rb"(?:\./)?([^\0]+)\0(\d+):(\d+):.*", re.DOTALL)
_RIPGREP_OPTIONS = (
    # A configuration could name a program to run; ignored names are the same as in `list`.
    *("--no-config", "--hidden", "--glob=!.git", "--no-ignore-global", "--no-ignore-parent", "--no-ignore-dot"),
    *("--no-require-git", "--no-follow", "--sort=path", "--encoding=none", f"--max-filesize={_FILE_MOST}"),
    # Only where a line is, not the line.
    *("--null", "--line-number", "--byte-offset", "--with-filename", "--no-heading", "--max-columns=1"),
    *("--color=never", "--no-messages"),
)


class Hit(msgspec.Struct, frozen=True):
    """`path`: relative to the folder that was searched. `line` from 1, `offset` of its first byte from 0."""

    path: str
    line: int
    offset: int


class Hits(msgspec.Struct, frozen=True):
    """`note`: why there may be more, "" where these are all."""

    hits: tuple[Hit, ...]
    note: str = ""


def ripgrep(workspace: Path, folders: Iterable[str]) -> str:
    """Find the program in `folders`; "" when there is none. What lies in the workspace was put there by anybody."""
    import shutil

    folders = [folder for folder in folders if Path(folder).is_absolute()]
    outside = [folder for folder in folders if not Path(folder).resolve().is_relative_to(workspace.resolve())]
    found = shutil.which("rg", path=os.pathsep.join(outside)) if outside else None
    return found if found and not Path(found).resolve().is_relative_to(workspace.resolve()) else ""


class Finder(msgspec.Struct, frozen=True):
    """`program`: ripgrep's path, "" = search in a child of ours. `limit_s`: how long one search may take."""

    program: str
    limit_s: float = SEARCH_S

    async def find(
        self, pattern: str, folder: Path, names: Sequence[str], most: int, hidden: Path | None = None
    ) -> Hits:
        """Search `names` beneath `folder`, at most `most` hits in each file. Raises InputError, OSError.

        With ripgrep a name may be a folder, "" is `folder` itself, and the folder `hidden` is left out.
        """
        argv, given = _with_child(pattern, names, most)
        if self.program:
            starts = [f"./{name}" for name in names]
            options = [*_RIPGREP_OPTIONS, *_without(folder, hidden), f"--max-count={most}"]
            argv, given = [self.program, *options, "--", pattern, *starts], None
        ended = await output_of(argv, cwd=folder, limit_s=self.limit_s, most_bytes=_OUTPUT_MOST_BYTES, given=given)
        return _hits(ended, self.limit_s)


def _with_child(pattern: str, names: Iterable[str], most: int) -> tuple[list[str], bytes | None]:
    argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("finder_child.py")), str(most)]
    return argv, b"".join(part + b"\0" for part in [pattern.encode(), *map(os.fsencode, names)])


def _without(folder: Path, hidden: Path | None) -> list[str]:
    """Spares the time; what is found there is not shown anyway."""
    if hidden is None or not hidden.is_relative_to(folder) or hidden == folder:
        return []
    return ["--glob=!/" + re.sub(r"([*?\[\]{}\\])", r"\\\1", str(hidden.relative_to(folder)))]


def _hits(ended: Ended, limit_s: float) -> Hits:
    rows = map(_ROW.fullmatch, ended.output.split(b"\n"))
    hits = tuple(Hit(os.fsdecode(row[1]), int(row[2]), int(row[3])) for row in rows if row)
    if ended.is_late:
        return Hits(hits, f"ended after {limit_s:g} s; search a smaller folder, or for a simpler pattern")
    if ended.code and ended.errors and not hits:
        problem = several_lines(ended.errors.decode("utf-8", "replace"))
        raise InputError("pattern", bounded(problem, _PROBLEM_MOST_BYTES))
    return Hits(hits, "there are more hits" if ended.is_cut else "")
