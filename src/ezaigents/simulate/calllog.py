"""The log of calls. Job: a JSON line when a request arrived, and one when its answer was sent whole.

Not its job: what was said; no prompt, no answer and no key is in it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from ezaigents.clock import Clock
from ezaigents.errors import ConfigError


class CallLine(msgspec.Struct, frozen=True, kw_only=True, tag="call", tag_field="event"):
    """A request, before anything of the answer is sent. `step`: -1 = it could not be read. `fault`: "" = none.

    `tag`: its `x-ez-call` header. `bytes`: of its body.
    """

    ms: int
    id: str
    dialect: str
    model: str
    tag: str
    step: int
    bytes: int
    stream: bool
    fault: str


class SentLine(msgspec.Struct, frozen=True, kw_only=True, tag="sent", tag_field="event"):
    """The answer left whole. `bytes`: of its body."""

    ms: int
    id: str
    tag: str
    status: int
    bytes: int


class CallLog:
    """Appends lines to a file, each in one write; without a file it does nothing."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._clock = clock
        self._descriptor = -1
        if path is not None:
            try:
                self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise ConfigError(f"{path}: cannot be written: {error.strerror}; mend the path") from error

    def call(
        self, reply: str, dialect: str, model: str, tag: str, step: int, size_bytes: int, *, stream: bool, fault: str
    ) -> None:
        """A request has arrived."""
        self._write(
            CallLine(
                ms=self._clock.wall_ms(), id=reply, dialect=dialect, model=model, tag=tag, step=step,
                bytes=size_bytes, stream=stream, fault=fault,
            )
        )  # fmt: skip

    def sent(self, reply: str, tag: str, status: int, size_bytes: int) -> None:
        """Its answer was sent whole."""
        self._write(SentLine(ms=self._clock.wall_ms(), id=reply, tag=tag, status=status, bytes=size_bytes))

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: CallLine | SentLine) -> None:
        if self._descriptor >= 0:
            os.write(self._descriptor, msgspec.json.encode(line) + b"\n")


def read_log(path: Path) -> list[CallLine | SentLine]:
    """Read a log; for those who prove something by it."""
    return [msgspec.json.decode(line, type=CallLine | SentLine) for line in path.read_bytes().splitlines()]
