"""What an attempt has finished, one line each, on the disk before the next step begins.

Job: append records to this attempt's own file; read what the attempts before it left. Not its job: what the records
come to (conversation).

Each attempt has its own file, `tasks/<id>/<fence>/journal.jsonl`, and nobody else writes there. The first line of a
file says how much of the earlier ones it goes on from. So a host that was frozen while it appended, and wakes up when
another has the task, adds to a file whose end nobody reads any more.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ezaigents.agents.attempts import earlier_attempts
from ezaigents.codec import from_json, to_json
from ezaigents.policy import clip_bytes
from ezaigents.providers.transcript import Reply
from ezaigents.workspace import sync_folder, told_when_full

JOURNAL_FILE = "journal.jsonl"
_HOW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_NEVER_RAN = "refused"
_ENDED = {
    "exited": "was killed by a signal",
    "time": "was ended: it took too long",
    "memory": "was ended: it needed too much memory",
    "output": "was ended: it printed too much",
    "cancelled": "was ended: the task was stopped",
}
_WHY_MOST_BYTES = 200
_READ_MOST_BYTES = 256 * 1024 * 1024


class TryRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try at a model call, as `ez show` tells it."""

    route: str
    outcome: str
    key: int = 0
    status: int = 0
    message: str = ""
    took_s: float = 0.0


class Began(msgspec.Struct, frozen=True, kw_only=True, tag="began"):
    """The first line. `follows`: by the fence of an earlier attempt, how many bytes of its file count.

    `attempt`: 0 = none: somebody went back to an earlier step.
    """

    at_ms: int
    attempt: int
    follows: dict[str, int]


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """Words for the model: the task, a message, a warning. `marks`: warnings in it, so that none comes twice."""

    at_ms: int
    text: str
    marks: tuple[str, ...] = ()


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A finished model call."""

    at_ms: int
    step: int
    reply: Reply
    cost_microusd: int = 0
    tries: tuple[TryRow, ...] = ()


class Tried(msgspec.Struct, frozen=True, tag="tried"):
    """Tries that came to nothing; the step is still to be made."""

    at_ms: int
    step: int
    tries: tuple[TryRow, ...]
    cost_microusd: int = 0


class Meant(msgspec.Struct, frozen=True, tag="meant"):
    """A tool that changes something is about to be used."""

    at_ms: int
    call: str


class Did(msgspec.Struct, frozen=True, kw_only=True, tag="did", omit_defaults=True):
    """What a tool answered. `finish`: it ended the task, with these two texts.

    `files`: how long the attempt's log of changes was then, where this changed any.
    """

    at_ms: int
    call: str
    text: str
    failed: bool = False
    malformed: bool = False
    changed: tuple[str, ...] = ()
    files: int = 0
    finish: tuple[str, str] | None = None


class Folded(msgspec.Struct, frozen=True, tag="folded"):
    """What tools answered in the turns before `turns` is left out from here on, to make room in the window."""

    at_ms: int
    turns: int


class Checked(msgspec.Struct, frozen=True, tag="checked"):
    """The acceptance check ran. `exit_code`: None where it was ended; `ended` says how. `words`: for the model, which
    is to mend what failed; "" = it is not to be asked again.
    """

    at_ms: int
    argv: tuple[str, ...]
    exit_code: int | None
    ended: str
    output: str
    words: str = ""

    @property
    def command(self) -> str:
        """What ran, as one would type it."""
        return shlex.join(self.argv)

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.exit_code is not None:
            return f"ended with exit code {self.exit_code}"
        if self.ended == _NEVER_RAN:
            return f"could not be started: {clip_bytes(self.output.strip(), _WHY_MOST_BYTES)}"
        return _ENDED.get(self.ended, f"was ended ({self.ended})")


class Paused(msgspec.Struct, frozen=True, tag="paused"):
    """The attempt waited so long because its agent was paused."""

    at_ms: int
    for_ms: int


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The attempt with this fence came to its end; its result was handed to the host."""

    at_ms: int
    summary: str
    partial: bool = False
    fence: int = 0


class Reopened(msgspec.Struct, frozen=True, tag="reopened"):
    """The end was taken back, and `text` tells the model why: its patch met a conflict, or a limit was raised."""

    at_ms: int
    text: str


Record = Reopened | Paused | Began | Asked | Answered | Tried | Meant | Did | Folded | Checked | Ended


class Journal:
    """The file of one attempt. One user at a time; `append` waits for the disk.

    `folder`: the attempt's own, `.../<fence>`; it exists. Raises DiskFull, OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE
        self._descriptor = -1
        self._size_bytes = 0

    def append(self, *records: Record) -> None:
        """Bring records to the disk, whole, in order."""
        data = b"".join(to_json(record) + b"\n" for record in records)
        with told_when_full(self._path):
            is_new = self._descriptor < 0
            if is_new:
                self._descriptor = os.open(self._path, _HOW, 0o600)
            try:
                self._write(data)
            except OSError:
                os.ftruncate(self._descriptor, self._size_bytes)  # half a line would spoil the one behind it
                raise
            self._size_bytes += len(data)
            if is_new:
                sync_folder(self._path.parent)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file. May be repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_records(task_folder: Path, *, before: int) -> tuple[list[Record], dict[str, int]]:
    """What the attempts of a task left, oldest first, and how much of each file that was.

    `task_folder`: `tasks/<id>`. `before`: only attempts with a lower fence. The newest attempt with a first line says
    how much of the older ones counts; an attempt that never wrote its first line did nothing that counts. Raises
    OSError, msgspec.DecodeError.
    """
    for folder in reversed(earlier_attempts(task_folder, before)):
        own = _complete_lines(folder / JOURNAL_FILE, None)
        records = [_read(line) for line in own]
        if records and isinstance(records[0], Began):
            counts = {**records[0].follows, folder.name: sum(len(line) + 1 for line in own)}
            return [*_earlier(task_folder, records[0].follows), *records], counts
    return [], {}


def counted_lines(task_folder: Path, counts: Mapping[str, int]) -> Iterator[tuple[str, int, Record]]:
    """Each record that counts: the fence of its attempt, where in that file it begins, and itself.

    `counts`: as `read_records` returns it. Raises OSError, msgspec.DecodeError.
    """
    for fence, size_bytes in sorted(counts.items(), key=lambda one: int(one[0])):
        begins = 0
        for line in _complete_lines(task_folder / fence / JOURNAL_FILE, size_bytes):
            yield fence, begins, _read(line)
            begins += len(line) + 1


def _earlier(task_folder: Path, follows: Mapping[str, int]) -> Iterator[Record]:
    for _, _, record in counted_lines(task_folder, follows):
        yield record


def _read(line: bytes) -> Record:
    record: Record = from_json(line, Record)  # type: ignore[arg-type]
    return record


def _complete_lines(path: Path, size_bytes: int | None) -> list[bytes]:
    """The lines that end; a last one without its end was cut by a crash, and never counted."""
    try:
        with path.open("rb") as file:
            data = file.read(_READ_MOST_BYTES if size_bytes is None else size_bytes)
    except FileNotFoundError:
        return []
    return data.split(b"\n")[:-1]
