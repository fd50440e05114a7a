"""The folder tree a task may see.

Job: find its files and open them safely. Not its job: what agents make of them.
"""

from __future__ import annotations

from ezaigents.workspace.beneath import open_beneath, open_by_walk
from ezaigents.workspace.encoding import Encoding, Sniffer, sniff
from ezaigents.workspace.errors import (
    FileMissing,
    FileRefused,
    FileTooLarge,
    FileUnreadable,
    NotRegular,
    PathOutside,
    human_size,
)
from ezaigents.workspace.inputs import resolve_inputs
from ezaigents.workspace.place import place_id
from ezaigents.workspace.walk import FoundFile, walk, walk_inputs
from ezaigents.workspace.windows import WINDOW_BYTES, Windows, read_windows

__all__ = [
    "WINDOW_BYTES",
    "Encoding",
    "FileMissing",
    "FileRefused",
    "FileTooLarge",
    "FileUnreadable",
    "FoundFile",
    "NotRegular",
    "PathOutside",
    "Sniffer",
    "Windows",
    "human_size",
    "open_beneath",
    "open_by_walk",
    "place_id",
    "read_windows",
    "resolve_inputs",
    "sniff",
    "walk",
    "walk_inputs",
]
