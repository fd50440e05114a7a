"""A place to work at: a workspace, a data folder, and an attempt whose files are real. Its other ends keep a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from ezaigents.agents.tools import CommandResult, Outcome, Toolbox
from ezaigents.errors import InputError
from ezaigents.providers.transcript import ToolCall
from ezaigents.settings import Settings
from ezaigents.workspace import Overlay

LIMIT_BYTES = 256 * 1024


class Desk:
    """What the tools use of a Context. `means`: what was announced; `learned`: what was noted."""

    def __init__(self, place: Path, *, home: Path | None = None) -> None:
        self.workspace = place / "repo"
        self.workspace.mkdir()
        home = home or place / "data"
        self.settings = Settings(workspace=str(self.workspace), home=str(home), file_limit_bytes=LIMIT_BYTES)
        self._folder = home / "tasks" / "t1" / "1"
        self._folder.mkdir(parents=True)
        self.files = Overlay(self.workspace, self._folder, hidden=home, limit_bytes=LIMIT_BYTES)
        self.means: list[str] = []
        self.learned: list[str] = []

    def put(self, path: str, data: bytes | str) -> Path:
        """Write a file of the workspace, as a person would."""
        place = self.workspace / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data if isinstance(data, bytes) else data.encode())
        return place

    def task_folder(self) -> Path:
        return self._folder

    async def means_to_change(self, *paths: str) -> object:
        self.means += paths
        return None

    async def learn(self, text: str) -> None:
        if len(text.encode()) > 500:
            raise InputError("text", "takes at most 500 bytes")
        self.learned.append(text)


class Ran:
    """Commands that run nothing: `asked` holds what would have been run, `result` is what each answers."""

    def __init__(self, result: CommandResult | None = None) -> None:
        self.asked: list[tuple[tuple[str, ...], str, float]] = []
        self.result = result or CommandResult(exit_code=0, ended="exited", output=b"")

    async def run(self, argv: Sequence[str], *, cwd: str, timeout_s: float) -> CommandResult:
        self.asked.append((tuple(argv), cwd, timeout_s))
        return self.result


def call(name: str, arguments: str | None = None, **fields: object) -> ToolCall:
    """A call as a model would make it: `arguments` as they are, or the fields as JSON."""
    return ToolCall(id="c1", name=name, arguments=json.dumps(fields) if arguments is None else arguments)


def use(box: Toolbox, name: str, arguments: str | None = None, **fields: object) -> Outcome:
    return told(box.use(call(name, arguments, **fields)))


def told(story: Coroutine[Any, Any, Outcome]) -> Outcome:
    return asyncio.run(story)


def _lives(pid: str) -> bool:
    """Whether a process is more than an entry that nobody has collected, such as other tests leave in this process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def children() -> set[str]:
    """Our child processes that live."""
    while True:
        try:
            tasks = list(Path("/proc/self/task").iterdir())
            found = {pid for task in tasks for pid in (task / "children").read_text().split()}
            return {pid for pid in found if _lives(pid)}
        except FileNotFoundError:
            continue  # a thread has ended; its children are another's now
