"""The folder tree a task may see.

Job: find its files, open them safely, keep what an attempt changes apart and write it to the tree in the end. Not its
job: what agents make of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader
from ezaigents.workspace.walk import FoundFile, list_folder, walk, walk_inputs  # its file has the name of its function

if TYPE_CHECKING:
    from ezaigents.workspace.applied import Applied, ApplyTakenOver, ApplyUnfinished, IntentDamaged, NoRoomToApply
    from ezaigents.workspace.applying import apply_proposal, forget_apply, recover_apply
    from ezaigents.workspace.beneath import open_beneath, open_by_walk
    from ezaigents.workspace.changes import (
        BLOBS_FOLDER,
        CHANGES_FILE,
        PATCH_FILE,
        FileChange,
        FileState,
        Proposal,
        read_proposal,
    )
    from ezaigents.workspace.difference import changed_spans, lines_of
    from ezaigents.workspace.editing import edited
    from ezaigents.workspace.encoding import Encoding, Sniffer, sniff
    from ezaigents.workspace.errors import (
        DiskFull,
        EditRefused,
        FileMissing,
        FilePresent,
        FileRefused,
        FileTooLarge,
        FileUnreadable,
        NotRegular,
        PathOutside,
        PathProtected,
        StaleWrite,
        TooManyChanges,
        human_size,
    )
    from ezaigents.workspace.inputs import InputResolver, resolve_inputs
    from ezaigents.workspace.intent import PendingApply, pending_applies
    from ezaigents.workspace.merge import merge3
    from ezaigents.workspace.naming import canonical
    from ezaigents.workspace.overlay import Overlay
    from ezaigents.workspace.overlay_log import carry_over
    from ezaigents.workspace.patch import Patch, make_patch
    from ezaigents.workspace.place import place_id
    from ezaigents.workspace.protected import is_protected
    from ezaigents.workspace.storing import sync_folder, told_when_full, write_whole
    from ezaigents.workspace.view import Reading, Window
    from ezaigents.workspace.windows import WINDOW_BYTES, Windows, read_whole, read_windows

__all__ = [
    "BLOBS_FOLDER",
    "CHANGES_FILE",
    "PATCH_FILE",
    "WINDOW_BYTES",
    "Applied",
    "ApplyTakenOver",
    "ApplyUnfinished",
    "DiskFull",
    "EditRefused",
    "Encoding",
    "FileChange",
    "FileMissing",
    "FilePresent",
    "FileRefused",
    "FileState",
    "FileTooLarge",
    "FileUnreadable",
    "FoundFile",
    "InputResolver",
    "IntentDamaged",
    "NoRoomToApply",
    "NotRegular",
    "Overlay",
    "Patch",
    "PathOutside",
    "PathProtected",
    "PendingApply",
    "Proposal",
    "Reading",
    "Sniffer",
    "StaleWrite",
    "TooManyChanges",
    "Window",
    "Windows",
    "apply_proposal",
    "canonical",
    "carry_over",
    "changed_spans",
    "edited",
    "forget_apply",
    "human_size",
    "is_protected",
    "lines_of",
    "list_folder",
    "make_patch",
    "merge3",
    "open_beneath",
    "open_by_walk",
    "pending_applies",
    "place_id",
    "read_proposal",
    "read_whole",
    "read_windows",
    "recover_apply",
    "resolve_inputs",
    "sniff",
    "sync_folder",
    "told_when_full",
    "walk",
    "walk_inputs",
    "write_whole",
]

_FILES = {
    "applied": ("Applied", "ApplyTakenOver", "ApplyUnfinished", "IntentDamaged", "NoRoomToApply"),
    "applying": ("apply_proposal", "forget_apply", "recover_apply"),
    "beneath": ("open_beneath", "open_by_walk"),
    "changes": ("BLOBS_FOLDER", "CHANGES_FILE", "PATCH_FILE", "FileChange", "FileState", "Proposal", "read_proposal"),
    "difference": ("changed_spans", "lines_of"),
    "editing": ("edited",),
    "encoding": ("Encoding", "Sniffer", "sniff"),
    "errors": (
        "DiskFull",
        "EditRefused",
        "FileMissing",
        "FilePresent",
        "FileRefused",
        "FileTooLarge",
        "FileUnreadable",
        "NotRegular",
        "PathOutside",
        "PathProtected",
        "StaleWrite",
        "TooManyChanges",
        "human_size",
    ),
    "inputs": ("InputResolver", "resolve_inputs"),
    "overlay_log": ("carry_over",),
    "intent": ("PendingApply", "pending_applies"),
    "merge": ("merge3",),
    "naming": ("canonical",),
    "overlay": ("Overlay",),
    "patch": ("Patch", "make_patch"),
    "place": ("place_id",),
    "protected": ("is_protected",),
    "storing": ("sync_folder", "told_when_full", "write_whole"),
    "view": ("Reading", "Window"),
    "windows": ("WINDOW_BYTES", "Windows", "read_whole", "read_windows"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
