"""Running things inside a sandbox. Job: short words for it. Not its job: what is checked."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.leaks import run, until

from ezaigents.sandbox import CommandOutcome, Sandbox

T = TypeVar("T")
MIB = 1024 * 1024


class Inside:
    """One sandbox and one folder."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder

    def run(
        self,
        *argv: str,
        cwd: str = "",
        timeout_s: float = 30.0,
        memory_bytes: int = 512 * MIB,
        output_bytes: int = 64 * 1024,
        environ: Mapping[str, str] | None = None,
    ) -> CommandOutcome:
        """Run a command to its end."""
        command = self.sandbox.run(
            argv,
            folder=self.folder,
            cwd=cwd,
            timeout_s=timeout_s,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            environ=environ or {},
        )
        return run(settled(command))

    def python(self, code: str, *words: str, timeout_s: float = 30.0, memory_bytes: int = 512 * MIB) -> CommandOutcome:
        """Run Python code."""
        return self.run("python3", "-c", code, *words, timeout_s=timeout_s, memory_bytes=memory_bytes)

    def fails(self, code: str, *words: str) -> bool:
        """Say whether the code ends with an OSError rather than well; anything else is a mistake of the test."""
        wrapped = "import sys\ntry:\n exec(sys.argv.pop(1))\nexcept OSError as error:\n print('refused:', error)"
        done = self.run("python3", "-c", wrapped, code, *words)
        assert done.is_success, done.output
        return done.output.startswith(b"refused:")


async def settled(story: Coroutine[Any, Any, T]) -> T:
    """Tell the story, and wait for the threads by which asyncio awaits processes: they end a moment after these."""
    try:
        return await story
    finally:
        await until(lambda: not any(thread.name.startswith("asyncio-waitpid") for thread in threading.enumerate()))


def processes_named(word: str) -> list[int]:
    """The living processes of this machine whose command line holds `word`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in line:
                found.append(int(folder.name))
    return found
