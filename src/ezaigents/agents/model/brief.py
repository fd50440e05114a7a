"""What a task carries for an agent with a model, besides the run's prompt.

Job: the JSON in the task, and the file for one that does not fit. Not its job: reading the prompt, choosing an agent.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.codec import from_json, restored, storable, to_json
from ezaigents.errors import InputError
from ezaigents.policy import PAYLOAD_MAX_BYTES
from ezaigents.workspace import FileRefused, PathOutside, read_windows, write_whole

_BRIEF_MAX_BYTES = 4 * 1024 * 1024


class Brief(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`paths`: files and folders the user named, relative to the workspace, as the file system has them; none = all.

    `check`: a command that must succeed for the work to count as finished, as its arguments; () = none.
    """

    paths: tuple[str, ...] = ()
    check: tuple[str, ...] = ()


class _Stored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="brief", tag_field="role"):
    brief: Brief = Brief()
    file: str = ""


def encode_brief(home: Path, run: str, brief: Brief) -> str:
    """Encode a brief as a task's payload; one that does not fit goes to `runs/<run>/brief.json` beneath `home` first.

    Raises OSError when that file cannot be written.
    """
    brief = msgspec.structs.replace(brief, paths=tuple(map(storable, brief.paths)))
    inline = to_json(_Stored(brief=brief))
    if len(inline) <= PAYLOAD_MAX_BYTES:
        return inline.decode()
    name = f"runs/{run}/brief.json"
    write_whole(home / name, to_json(brief))
    return to_json(_Stored(file=name)).decode()


def decode_brief(home: Path, text: str) -> Brief:
    """Decode a payload. Raises InputError naming what is wrong with it."""
    try:
        stored = from_json(text or "{}", _Stored)
        brief = stored.brief
        if stored.file:
            brief = from_json(b"".join(read_windows(home, stored.file, _BRIEF_MAX_BYTES)), Brief)
        return msgspec.structs.replace(brief, paths=tuple(map(restored, brief.paths)))
    except (FileRefused, PathOutside) as error:
        raise InputError("payload", f"the task's brief is gone: {error}; submit the run again") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InputError("payload", f"not one for an agent with a model: {error}") from error
