"""Running git on the host. Job: that it never runs anything of the repository's. Not its job: what for.

It always works on a git folder of ours, whose configuration we wrote: the user's is not read, so neither hooks nor
filters, drivers and monitors that it names can run. What is asked for here says the same once more.
Source: git-config(1), gitattributes(5), git(1) "Environment Variables", git 2.39.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from ezaigents.worktrees.errors import GitFailed

TIMEOUT_S = 120.0
_OUTPUT_BYTES = 256 * 1024 * 1024
"""A listing of a million files; more is refused."""
_ENVIRON = {
    "LANG": "C",
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "",
}
_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "protocol.file.allow=never",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "diff.external=",
    "gc.auto=0",
    "maintenance.auto=false",
    "checkout.workers=1",
    "advice.detachedHead=false",
)


async def git(git_dir: Path, *words: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """Run git on `git_dir` and return what it prints. Raises GitFailed; when cancelled or late, git is killed whole."""
    options = [part for option in _OPTIONS for part in ("-c", option)]
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *options,
            f"--git-dir={git_dir}",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), **_ENVIRON},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise GitFailed(words[0], "git is not installed") from error
    try:
        async with asyncio.timeout(timeout_s):
            output, trouble = await _said(process)
    except TimeoutError as error:
        raise GitFailed(words[0], f"it took longer than {timeout_s:g} s") from error
    finally:
        await _gone(process)
    if process.returncode:
        lines = trouble.decode("utf-8", "replace").strip().splitlines()
        reason = next((line for line in lines if line.startswith(("fatal:", "error:"))), (lines or ["no word"])[-1])
        is_full = b"No space left on device" in trouble
        raise GitFailed(words[0], f"exit {process.returncode}: {reason}", is_full=is_full)
    return output


async def _said(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    output, trouble = await asyncio.gather(_read(process.stdout), _read(process.stderr))
    await process.wait()
    return output, trouble


async def _read(stream: asyncio.StreamReader) -> bytes:
    kept = bytearray()
    while window := await stream.read(65536):
        kept += window
        if len(kept) > _OUTPUT_BYTES:
            raise GitFailed("output", f"it printed more than {_OUTPUT_BYTES:,} bytes")
    return bytes(kept)


async def _gone(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
