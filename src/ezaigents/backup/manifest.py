"""What a backup says of itself: its first member. Job: the record, and which formats are understood.

Its name and the fields `format` and `program` are for ever: an older program must be able to say that it is too old.
"""

from __future__ import annotations

import msgspec

FORMAT = 1
"""The form of the file: how members follow one another, and what they are called."""
MANIFEST = "ez-backup.json"
KIND_LOG = "log"
KIND_KEYS = "keys"


class LeftOut(msgspec.Struct, frozen=True):
    """Something of the data folder that is not in the backup, and why."""

    name: str
    why: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The first member. `state`: version of what the data folder and the engine hold (home.py).

    `engine`: log (the embedded engine's own log), keys (the records of one namespace), or "" (there was none yet).
    `engine_version`: as the engine said it, "" where it did not run or answer.
    """

    format: int
    program: str
    state: int
    made_ms: int
    id: str
    namespace: str
    engine: str
    engine_version: str = ""
    left_out: tuple[LeftOut, ...] = ()
