"""Where scorecards lie. Job: write one whole, find the newest. Not its job: what is in it.

A folder for each, named after its time; what another version wrote in another form is told, not guessed at.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.codec import from_json, to_pretty_json
from ezaigents.errors import ConfigError
from ezaigents.scorecard.card import Kept
from ezaigents.scorecard.markdown import to_markdown
from ezaigents.scorecard.webpage import to_html
from ezaigents.workspace import write_whole

FOLDER = "scorecards"
_DATA, _TEXT, _PAGE = "scorecard.json", "scorecard.md", "scorecard.html"
_MOST_BYTES = 32 * 1024 * 1024


def folder_of(home: Path, at: str) -> Path:
    """Where the scorecard of this time belongs in a data folder."""
    return home / FOLDER / at.replace(":", "").replace("-", "")


def keep(kept: Kept, folder: Path) -> list[Path]:
    """Write it down in three forms; returns the files. Raises ConfigError where that cannot be."""
    written = []
    for name, data in (
        (_TEXT, to_markdown(kept.card).encode()),
        (_PAGE, to_html(kept.card).encode()),
        (_DATA, to_pretty_json(kept)),  # last: what is found by it is whole
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(folder / name, data)
        except OSError as error:
            raise ConfigError(
                f"{folder / name}: cannot be written: {error.strerror}; name a folder with --out"
            ) from error
        written.append(folder / name)
    return written


def newest(home: Path) -> Path | None:
    """The folder of the newest scorecard that is whole in its files; None = there is none."""
    try:
        found = sorted(path.parent for path in (home / FOLDER).glob(f"*/{_DATA}"))
    except OSError:
        return None
    return found[-1] if found else None


def read_kept(folder: Path) -> Kept:
    """Read one. Raises ConfigError naming the file."""
    path = folder / _DATA
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: is larger than a scorecard is; delete its folder")
        return from_json(path.read_bytes(), Kept)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is no scorecard of this version ({error}); make one with `ez scorecard`") from error
