"""Data of messages that is too long for the engine: `mail/<day>/<id>.txt` in the data folder.

Job: write it durably before its letter is sent, read it, delete it when no message can name it any more.
Blocking: called in a thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ezaigents.errors import RetryLater
from ezaigents.ids import id_wall_ms, is_id

_DAY_MS = 86_400_000


class MailFiles:
    """The files of one data folder; a file's name is an id (ids.IdMaker), which says its day."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "mail"

    def write(self, texts: Mapping[str, str]) -> None:
        """Write texts under new names, whole and fsynced. Raises RetryLater naming what could not be written."""
        for name, text in texts.items():
            path = self._path_of(name)
            try:
                self._write(path, text.encode())
            except OSError as error:
                raise RetryLater(
                    f"a letter's data could not be written to {path}: {error.strerror}; mend that and send it again"
                ) from error

    def read(self, names: Iterable[str]) -> dict[str, str]:
        """The texts by name, those that are gone left out."""
        texts = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                texts[name] = self._path_of(name).read_bytes().decode("utf-8", "replace")
        return texts

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, as far as they are there."""
        for name in names:
            self._path_of(name).unlink(missing_ok=True)

    def delete_older(self, than_ms: int) -> None:
        """Delete what was written before a time (ms), and the folders of days before it that are empty then.

        What cannot be deleted, or is being deleted by another process, is left to the next time.
        """
        days = list(self._folder.iterdir()) if self._folder.is_dir() else []
        for day in days:
            with contextlib.suppress(OSError):
                self._delete_older_of(day, than_ms)

    @staticmethod
    def _delete_older_of(day: Path, than_ms: int) -> None:
        if not day.name.isdigit() or int(day.name) > than_ms // _DAY_MS:
            return
        for path in day.iterdir():
            if is_id(path.stem) and id_wall_ms(path.stem) < than_ms:
                path.unlink(missing_ok=True)
        if int(day.name) < than_ms // _DAY_MS:  # nobody writes there any more
            day.rmdir()

    def _path_of(self, name: str) -> Path:
        if not is_id(name):
            raise ValueError(f"{name!r} does not name a mail file")
        return self._folder / f"{id_wall_ms(name) // _DAY_MS:05d}" / f"{name}.txt"

    def _write(self, path: Path, data: bytes) -> None:
        for folder in (self._folder, path.parent):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
                _fsync_folder(folder.parent)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _fsync_folder(path.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
