"""Which files a model may look at and change.

Job: from a path as a model wrote it to the one name of the file, or a refusal. Not its job: opening it (workspace),
which asks again whether the name leads out. Both the spelling and the name are judged: a link may have any name.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ezaigents.agents.tools.secrecy import why_closed
from ezaigents.codec import printable
from ezaigents.errors import InputError
from ezaigents.workspace import PathProtected, canonical, is_protected

_PATH_MOST = 4096
_SHOWN = 200


class PathClosed(InputError):
    """A file that no model is shown."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("path", f"{printable(path[:_SHOWN])!r} {reason}; it cannot be read or changed")


class Gate:
    """`root`: the workspace. `hidden`: the data folder. `named`: files that the user named for the task."""

    def __init__(self, root: Path, *, hidden: Path | None, named: Collection[str] = ()) -> None:
        self._root = root
        self._hidden = hidden
        self._named = frozenset(named)

    def open_name(self, path: str) -> str:
        """The one name of a file or folder that may be read; "" is the workspace. Raises as `canonical`, PathClosed."""
        if path in {"", ".", "./"}:
            return ""
        path = path.removeprefix("./").rstrip("/") if path.strip("/") else path
        self.check(_short(path))
        name = canonical(self._root, path, hidden=self._hidden)
        if name == ".":
            return ""
        self.check(name)
        return name

    def change_name(self, path: str) -> str:
        """The one name of a file that may be changed. Raises PathProtected too."""
        name = self.open_name(path)
        reason = is_protected(path.removeprefix("./")) or is_protected(name)
        if reason:
            raise PathProtected(path[:_SHOWN], reason)
        return name

    def check(self, path: str) -> None:
        """Raise PathClosed for what no model is shown."""
        reason = self.why_closed(path)
        if reason:
            raise PathClosed(path, reason)

    def why_closed(self, name: str) -> str:
        """As `secrecy.why_closed`, for this task."""
        return why_closed(name, self._named)


def _short(path: str) -> str:
    if len(path) > _PATH_MOST:
        raise PathClosed(path, f"is longer than {_PATH_MOST:,} characters")
    return path
