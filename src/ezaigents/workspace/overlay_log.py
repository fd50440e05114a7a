"""The log of one attempt: each change it made, one JSON record a line, on the disk before the change counts.

Job: append, and read back what is whole. Not its job: what the changes are about (overlay), contents (blobs).
A crash may tear the last line: it never counted, and is cut off by the attempt itself and passed over by others.
The first record of a log says all that the attempt has changed then, also what it took over from earlier ones. So what
those were at that moment counts, and a former holder that was frozen and writes on in its own log is not heard.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from ezaigents.codec import from_json, to_json
from ezaigents.workspace.entries import Entry
from ezaigents.workspace.storing import sync_folder, told_when_full

LOG_FILE = "overlay.jsonl"


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the log: the paths that changed together. `whole`: these are all; what was before does not count."""

    entries: tuple[Entry, ...]
    whole: bool = False


class OverlayLog:
    """The log in the attempt's own folder. `records`: what it held when it was opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_FILE
        self.records, self.size_bytes = _read(self._path)
        if self._path.exists():
            os.truncate(self._path, self.size_bytes)

    def append(self, record: Record) -> None:
        """Bring `record` to the disk. Raises DiskFull, and OSError; nothing is left of it then."""
        line = to_json(record) + b"\n"
        with told_when_full(self._path.parent):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                self._write(descriptor, line)
            finally:
                os.close(descriptor)
            if self.size_bytes == 0:
                sync_folder(self._path.parent)
        self.size_bytes += len(line)

    def _write(self, descriptor: int, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, self.size_bytes)
            raise


def read_log(folder: Path) -> list[Record]:
    """Read the log of an attempt that is over, or should be, as far as it is whole now; it is not touched."""
    return _read(folder / LOG_FILE)[0]


def carry_over(folders: Sequence[Path], last_bytes: int, into: Path) -> None:
    """Begin a log in `into` with what the logs of `folders`, oldest first, come to; of the last so many bytes count.

    What that one took over from the others when it began counts in any case. Raises DiskFull.
    """
    entries: dict[str, Entry] = {}
    for folder in folders[:-1]:
        replay(read_log(folder), entries)
    for folder in folders[-1:]:
        records, _ = _read(folder / LOG_FILE)
        taken = [record for record, end in zip(records, _ends(records), strict=True) if end <= last_bytes]
        if len(folders) > 1 and not taken:
            taken = records[:1]
        replay(taken, entries)
    OverlayLog(into).append(Record(tuple(entries.values()), whole=True))


def _ends(records: Iterable[Record]) -> Iterator[int]:
    return itertools.accumulate(len(to_json(record)) + 1 for record in records)


def replay(records: Iterable[Record], entries: dict[str, Entry]) -> None:
    """Bring `entries`, by path, from where `records` begin to where they end."""
    for record in records:
        if record.whole:
            entries.clear()
        entries.update((entry.path, entry) for entry in record.entries)


def _read(path: Path) -> tuple[list[Record], int]:
    """The records up to the first line that is torn or damaged, and how many bytes they take."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    records: list[Record] = []
    size_bytes = 0
    for line in data.split(b"\n")[:-1]:
        try:
            records.append(from_json(line, Record))
        except msgspec.DecodeError:
            break
        size_bytes += len(line) + 1
    return records, size_bytes
