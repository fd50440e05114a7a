"""From files to tasks.

Job: portions of a sensible size. Not its job: submitting them, or finding the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ezaigents.codec import printable
from ezaigents.policy import clip_bytes
from ezaigents.workspace import FoundFile

ONE_EACH_UP_TO = 200
"""Up to this many files every file is a task of its own: its progress and its result can be seen."""
PORTION_FILES = 50
PORTION_BYTES = 32 * 1024 * 1024
MOST_PORTIONS = 300
"""Beyond about this many tasks the portions grow instead."""
TITLE_MAX_BYTES = 200


class Portion(msgspec.Struct, frozen=True):
    """What one task is given. `title`: one printable line. `paths`: as found, at least one."""

    title: str
    paths: tuple[str, ...]


def plan_tasks(files: Iterable[FoundFile]) -> list[Portion]:
    """Divide files into portions: one file each up to 200 files, beyond that about 50 neighbours each.

    A portion ends with its folder once it is half full, so that most hold whole folders. Each file is in
    exactly one portion. However many files there are, there are at most some 700 portions.
    """
    found = list(files)
    if len(found) <= ONE_EACH_UP_TO:
        return [Portion(_clipped(file.path), (file.path,)) for file in found]
    most_files = max(PORTION_FILES, -(-len(found) // MOST_PORTIONS))
    most_bytes = max(PORTION_BYTES, sum(file.size_bytes for file in found) // MOST_PORTIONS)
    groups: list[list[FoundFile]] = []
    room_bytes = 0
    for file in sorted(found, key=_by_folder):
        group = groups[-1] if groups else []
        is_new_folder = bool(group) and _folder(group[-1]) != _folder(file)
        is_full = len(group) >= most_files or file.size_bytes > room_bytes
        if not group or is_full or (is_new_folder and len(group) * 2 >= most_files):
            group = []
            groups.append(group)
            room_bytes = most_bytes
        group.append(file)
        room_bytes -= file.size_bytes
    return _titled(groups)


def _folder(file: FoundFile) -> str:
    return file.path.rpartition("/")[0]


def _by_folder(file: FoundFile) -> tuple[list[str], str]:
    folder, _, name = file.path.rpartition("/")
    return (folder.split("/") if folder else [], name)


def _titled(groups: Sequence[Sequence[FoundFile]]) -> list[Portion]:
    shared = [_shared_folder(group) for group in groups]
    parts: dict[str, int] = {}
    portions = []
    for folder, group in zip(shared, groups, strict=True):
        parts[folder] = parts.get(folder, 0) + 1
        count = f"{len(group)} file{'' if len(group) == 1 else 's'}"
        part = f", part {parts[folder]}" if shared.count(folder) > 1 else ""
        portions.append(Portion(_clipped(f"{folder or '.'}/ ({count}{part})"), tuple(file.path for file in group)))
    return portions


def _shared_folder(group: Sequence[FoundFile]) -> str:
    first, last = _folder(group[0]).split("/"), _folder(group[-1]).split("/")
    # The group is sorted by folder, so what its ends share all of it shares.
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return "/".join(first[: min(len(first), len(last)) if length is None else length])


def _clipped(text: str) -> str:
    return clip_bytes(printable(text), TITLE_MAX_BYTES)
