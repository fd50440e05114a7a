"""What an entry becomes here: its files as files of the workspace. Job: say so, or why not. Not its job: opening them.

Names in entries are data from outside: they may lead up and out, over links, or name what nobody may write.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from ezaigents.codec import printable
from ezaigents.errors import EzError
from ezaigents.legacy.building import whole_prompt
from ezaigents.legacy.entries import Asked, OldEntry, Unmapped, read_entry
from ezaigents.settings import Settings
from ezaigents.workspace import PathOutside, canonical, is_protected

_KEPT_MOST = 4096
_FILES_MOST = 1000


class Files:
    """The workspace in which the old entries' files are looked for."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self._workspace = workspace
        self._home = home
        self._root = os.path.realpath(workspace)
        self._name = lru_cache(_KEPT_MOST)(self._named)
        self._folder = lru_cache(_KEPT_MOST)(lambda folder: self._canonical(folder, folder))
        self._is_protected = lru_cache(_KEPT_MOST)(is_protected)

    def placed(self, asked: Asked) -> tuple[Asked, tuple[str, ...]]:
        """The same with its files relative to the workspace; and those of them that are not there yet.

        Raises Unmapped for a file outside the workspace or of a name that cannot be.
        """
        if len(asked.files) > _FILES_MOST:
            raise Unmapped(f"it names {len(asked.files):,} files, limit {_FILES_MOST:,}; name a folder")
        found = [self._name(name) for name in asked.files]
        names = tuple(dict.fromkeys(name for name, _ in found))
        missing = tuple(name for name, there in dict.fromkeys(found) if not there)
        return msgspec.structs.replace(asked, files=names), missing

    def _named(self, name: str) -> tuple[str, bool]:
        """Its one name, and whether it is there."""
        relative = name
        if name.startswith("/"):
            if not name.startswith(f"{self._root}/"):
                raise Unmapped(f"its file {printable(name[:200])!r} lies outside the workspace {self._root}")
            relative = name[len(self._root) + 1 :]
        found = self._in_folder(relative) or self._canonical(relative, name)
        folder, _, last = found.rpartition("/")
        if why := found != "." and (is_protected(last) or (folder and self._is_protected(folder))):
            raise Unmapped(f"its file {printable(name[:200])!r} {why}")
        return found, os.path.lexists(f"{self._root}/{found}")

    def _in_folder(self, relative: str) -> str:
        """The name of a plain file, or of none yet, by the name of its folder, which many entries share; "" = ask."""
        folder, _, last = relative.rpartition("/")
        if not folder or last in ("", ".", ".."):
            return ""
        try:
            place = self._folder(folder)
            found = last if place == "." else f"{place}/{last}"
            mode = os.lstat(f"{self._root}/{found}").st_mode
        except FileNotFoundError:
            return found
        except (Unmapped, OSError, ValueError):
            return ""
        return found if stat.S_ISREG(mode) else ""

    def _canonical(self, relative: str, name: str) -> str:
        shown = printable(name[:200])
        try:
            return canonical(self._workspace, relative, hidden=self._home)
        except PathOutside as error:
            raise Unmapped(f"its file {shown!r}: {error.reason}") from None
        except (EzError, OSError, ValueError) as error:
            raise Unmapped(f"its file {shown!r} cannot be used: {error}") from None


class Mapper:
    """What an entry becomes here, or why it becomes nothing. `more`: names of old queues or models -> agents."""

    def __init__(self, settings: Settings, more: Mapping[str, str]) -> None:
        self._files = Files(settings.workspace_path, settings.home_path)
        self._more = more

    def read(self, entry: OldEntry) -> tuple[Asked, tuple[str, ...]]:
        """What it asks for, and those of its files that are not there yet. Raises Unmapped."""
        asked, missing = self._files.placed(read_entry(entry, self._more))
        whole_prompt(asked, missing)
        return asked, missing
