"""What comes of a call, and the seams: what the tools need of an attempt, and whatever runs commands.

Job: the records and Protocols. Not its job: making them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from ezaigents.settings import Settings

if TYPE_CHECKING:
    from ezaigents.workspace import Overlay


class Finish(msgspec.Struct, frozen=True):
    """The model says that the task is done. `evidence`: what it offers as proof; nobody has checked it."""

    summary: str
    evidence: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: for the model, always valid Unicode and bounded. `changed`: paths of the workspace.

    `failed`: it did not do what was asked. `malformed`: the call itself was wrong: no such tool, no JSON, or not the
    arguments that the tool takes. `finish`: the task is to end with this.
    """

    text: str
    failed: bool = False
    changed: tuple[str, ...] = ()
    finish: Finish | None = None
    malformed: bool = False


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """`exit_code`: None where it was killed. `ended`: how, in a word or two. `output`: both streams, as they came.

    `changed`, `new`: paths of the workspace that it changed and made.
    """

    exit_code: int | None
    ended: str
    output: bytes
    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


class Commands(Protocol):
    """Runs a command where it can do no harm."""

    async def run(self, argv: Sequence[str], *, cwd: str, timeout_s: float) -> CommandResult:
        """Run `argv` (never a shell's line) in the folder `cwd` of the workspace, "" for its root.

        Raises errors of the tree of `ezaigents.errors`.
        """


class Attempt(Protocol):
    """The part of `ezaigents.agents.Context` that the tools use."""

    @property
    def settings(self) -> Settings: ...

    @property
    def workspace(self) -> Path: ...

    @property
    def files(self) -> Overlay: ...

    def task_folder(self) -> Path: ...

    async def means_to_change(self, *paths: str) -> object: ...

    async def learn(self, text: str) -> None: ...
