"""A git folder of our own beside each repository we copy from. Job: adding a checkout, and forgetting one.

Not its job: when. It shares the user's objects and nothing else of that repository: no configuration, hooks,
attributes or references. To be used by one process at a time (Worktrees holds the lock).
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ezaigents.workspace import write_whole
from ezaigents.worktrees.git import git
from ezaigents.worktrees.source import NotUsable, Source

_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tfilemode = true
\tbare = true
\thooksPath = /dev/null
\tfsmonitor = false
"""
_SHA256 = "[extensions]\n\tobjectFormat = sha256\n"
_SHA1_DIGITS = 40
_GITLINK = "160000"


class Store:
    """The git folder `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self, source: Source) -> None:
        """Make it where it is missing, and have it share the objects of `source`."""
        for name in ("objects/info", "objects/pack", "refs/heads", "worktrees"):
            (self.path / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        is_long = len(source.commit) > _SHA1_DIGITS
        config = _CONFIG.format(version=1 if is_long else 0) + (_SHA256 if is_long else "")
        write_whole(self.path / "config", config.encode())
        write_whole(self.path / "HEAD", b"ref: refs/heads/none\n")
        write_whole(
            self.path / "objects" / "info" / "alternates", f"{source.objects}\n".encode("utf-8", "surrogateescape")
        )
        if source.shallow is not None:
            write_whole(self.path / "shallow", source.shallow.read_bytes())
        else:
            (self.path / "shallow").unlink(missing_ok=True)

    async def sizes(self, source: Source) -> Mapping[str, int]:
        """The commit's files and links with their sizes; submodules left out. Raises NotUsable, GitFailed."""
        listing = await git(self.path, "ls-tree", "-r", "-l", "-z", "--end-of-options", source.commit)
        found: dict[str, int] = {}
        for line in listing.decode("utf-8", "surrogateescape").split("\0"):
            facts, _, path = line.partition("\t")
            words = facts.split()
            if not words or words[0] == _GITLINK:
                continue
            if not words[3].isdigit():
                raise NotUsable("some of its files were never fetched")
            found[path] = int(words[3])
        return found

    async def ids(self, source: Source, paths: Sequence[str]) -> Mapping[str, str]:
        """What the commit holds at these paths, as the ids of the contents. Raises GitFailed."""
        listing = await git(self.path, "ls-tree", "-z", "--full-tree", source.commit, "--", *paths)
        found: dict[str, str] = {}
        for line in listing.decode("utf-8", "surrogateescape").split("\0"):
            facts, _, path = line.partition("\t")
            if path:
                found[path] = facts.split()[2]
        return found

    async def add(self, path: Path, source: Source) -> None:
        """Check the commit out at `path`, which is not there yet. Raises GitFailed; then some of it may be there."""
        await git(self.path, "worktree", "add", "--detach", "--force", "--", str(path), source.commit)

    def forget(self, name: str) -> None:
        """Let go of what git keeps about the checkout `name`, locks that it left included."""
        shutil.rmtree(self.path / "worktrees" / name, ignore_errors=True)

    def moved(self, name: str, path: Path) -> None:
        """Say where the checkout `name` lies now, and that it is to stay."""
        kept = self.path / "worktrees" / name
        with contextlib.suppress(FileNotFoundError):
            (kept / "gitdir").write_text(f"{path}/.git\n", encoding="utf-8", errors="surrogateescape")
            (kept / "locked").write_text("it holds changes that nobody took over\n", encoding="utf-8")
