"""A data folder and its engine's state as one file, and back; and older states brought up to what this version writes.

Job: make, verify and restore backups; migrate. Not its job: printing (cli), what the state means (queue, budget).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.backup.aside import left_behind
    from ezaigents.backup.errors import Damaged, NotABackup, TooNew
    from ezaigents.backup.making import Made, make_backup
    from ezaigents.backup.manifest import FORMAT, LeftOut, Manifest
    from ezaigents.backup.migrating import MIGRATIONS, Migration, migrate
    from ezaigents.backup.reading import Archive
    from ezaigents.backup.restoring import Restored, restore_backup
    from ezaigents.backup.writing import ArchiveWriter

__all__ = [
    "FORMAT", "MIGRATIONS", "Archive", "ArchiveWriter", "Damaged", "LeftOut", "Made", "Manifest", "Migration",
    "NotABackup", "Restored", "TooNew", "left_behind", "make_backup", "migrate", "restore_backup",
]  # fmt: skip

_FILES = {
    "aside": ("left_behind",),
    "errors": ("Damaged", "NotABackup", "TooNew"),
    "making": ("Made", "make_backup"),
    "manifest": ("FORMAT", "LeftOut", "Manifest"),
    "migrating": ("MIGRATIONS", "Migration", "migrate"),
    "reading": ("Archive",),
    "restoring": ("Restored", "restore_backup"),
    "writing": ("ArchiveWriter",),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
