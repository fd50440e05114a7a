"""What an attempt changed, as records. Job: say it, store it, read it back. Not its job: making or applying it.

`changes.json` in the attempt's folder holds a Proposal; the contents lie in the task's `blobs` folder, each under the
SHA-256 of its bytes, so that attempts share them and none can change another's.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.codec import from_json
from ezaigents.workspace.errors import FileMissing, FileRefused

PATCH_FILE = "patch.diff"
CHANGES_FILE = "changes.json"
BLOBS_FOLDER = "blobs"


class FileState(msgspec.Struct, frozen=True):
    """A file's content and permissions. `sha256`: 64 hex digits of its bytes; `mode`: permission bits (0o644, say)."""

    sha256: str
    mode: int
    size_bytes: int


class FileChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of one path. `before` None: the file is new; `after` None: it is deleted.

    `path`, `renamed_from`: relative to the workspace, parts separated by `/`, in the form of `codec.storable`.
    A rename is one change: `before` is the file as it was at `renamed_from`, `after` as it is to be at `path`.
    """

    path: str
    before: FileState | None = None
    after: FileState | None = None
    renamed_from: str = ""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """All that an attempt hands back: at most one change per path, ordered by path.

    `added`, `removed`: lines, over all text files.
    """

    changes: tuple[FileChange, ...]
    added: int = 0
    removed: int = 0


def read_proposal(folder: Path) -> Proposal:
    """Read the proposal in an attempt's folder. Raises FileMissing, FileRefused when it is damaged."""
    path = folder / CHANGES_FILE
    try:
        return from_json(path.read_bytes(), Proposal)
    except FileNotFoundError as error:
        raise FileMissing(str(path), "the patch's files are gone; run the task again") from error
    except (OSError, msgspec.DecodeError) as error:
        raise FileRefused(str(path), f"the record of the patch cannot be read ({error}); run the task again") from error
