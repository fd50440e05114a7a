"""What a task of the analyst carries: which files, or that it is the summary.

Job: the JSON in the task, and the file for lists that do not fit. Not its job: choosing the files (plan).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from ezaigents.codec import from_json, restored, storable, to_json
from ezaigents.errors import InputError
from ezaigents.policy import PAYLOAD_MAX_BYTES
from ezaigents.workspace import FileRefused, PathOutside, read_windows, write_whole

_LIST_MAX_BYTES = 16 * 1024 * 1024
"""A list of paths larger than this was not written by `encode_payload`."""


class Role(StrEnum):
    """What the task is for: looking at files, or adding up what the others found."""

    FILES = "files"
    SUMMARY = "summary"


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decoded payload. `paths`: relative to the workspace, as the file system has them.

    `paths_file`: where the list lies beneath the data folder when it is too long for the engine, "" = inline.
    """

    role: Role
    paths: tuple[str, ...] = ()
    paths_file: str = ""


def encode_payload(home: Path, run: str, number: int, paths: Sequence[str]) -> str:
    """Encode a portion's paths as a task's payload, at most PAYLOAD_MAX_BYTES long.

    A longer list goes to the file `runs/<run>/<number>.json` beneath `home`, written before this returns.
    `number` tells the portions of one run apart. Raises OSError when the file cannot be written.
    """
    listed = tuple(storable(path) for path in paths)
    inline = to_json(Payload(role=Role.FILES, paths=listed))
    if len(inline) <= PAYLOAD_MAX_BYTES:
        return inline.decode()
    name = f"runs/{run}/{number}.json"
    write_whole(home / name, to_json(listed))
    return to_json(Payload(role=Role.FILES, paths_file=name)).decode()


def summary_payload() -> str:
    """Encode the payload of a run's summary task."""
    return to_json(Payload(role=Role.SUMMARY)).decode()


def decode_payload(home: Path, text: str) -> Payload:
    """Decode a payload, fetching its list of paths from the data folder where it lies there.

    Raises InputError naming what is wrong with it.
    """
    try:
        payload = from_json(text, Payload)
        listed = payload.paths
        if payload.paths_file:
            data = b"".join(read_windows(home, payload.paths_file, _LIST_MAX_BYTES))
            listed = from_json(data, tuple[str, ...])
        paths = tuple(restored(path) for path in listed)
    except (FileRefused, PathOutside) as error:
        raise InputError("payload", f"the list of paths is gone: {error}; submit the run again") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InputError("payload", f"not one of the local analyst's: {error}") from error
    if payload.role is Role.FILES and not paths:
        raise InputError("payload", "names no files")
    return msgspec.structs.replace(payload, paths=paths)
