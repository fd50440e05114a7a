"""A child of ours that looks for something and is ended when it takes too long.

Job: start it in a group of its own, take bounded output, leave nothing behind. Not its job: commands that a model asks
for (sandbox); what runs here is chosen by us, and gets no environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec

_CHUNK_BYTES = 64 * 1024
_ERRORS_MOST_BYTES = 8 * 1024


class Ended(msgspec.Struct, frozen=True):
    """`code`: None where it was ended by us. `is_late`: it took too long. `is_cut`: it said more than was taken."""

    code: int | None
    output: bytes
    errors: bytes
    is_late: bool
    is_cut: bool


async def output_of(
    argv: Sequence[str], *, cwd: Path, limit_s: float, most_bytes: int, given: bytes | None = None
) -> Ended:
    """Run `argv`, feed it `given`, and return what it said. Raises OSError when it cannot be started."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    is_late, output, errors = False, bytearray(), bytearray()
    try:
        async with asyncio.timeout(limit_s):
            _, is_whole, _ = await asyncio.gather(
                _feed(process.stdin, given),
                _take_some(process, output, most_bytes),
                _take(process.stderr, errors, _ERRORS_MOST_BYTES),
            )
            code = await process.wait() if is_whole else None
    except TimeoutError:
        is_late, is_whole, code = True, False, None
    finally:
        await _end(process)
    return Ended(code, bytes(output), bytes(errors), is_late, not is_whole)


async def _feed(pipe: asyncio.StreamWriter | None, given: bytes | None) -> None:
    if pipe is None or given is None:
        return
    try:
        pipe.write(given)
        await pipe.drain()
    except ConnectionError:
        return  # it ended before it had read all; how it ended says why
    finally:
        pipe.close()


async def _take_some(process: asyncio.subprocess.Process, into: bytearray, most_bytes: int) -> bool:
    """Take its output, and end it when that is enough; says whether it was all."""
    is_whole = await _take(process.stdout, into, most_bytes)
    if not is_whole:
        _kill(process)
    return is_whole


async def _take(pipe: asyncio.StreamReader | None, into: bytearray, most_bytes: int) -> bool:
    """Read until the end, or until there is enough; says whether that was the end."""
    assert pipe is not None
    while len(into) < most_bytes:
        chunk = await pipe.read(min(_CHUNK_BYTES, most_bytes - len(into)))
        if not chunk:
            return True
        into += chunk
    return False


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the whole group, unless it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process, and no pipe that is open."""
    _kill(process)
    for pipe in (process.stdout, process.stderr):
        while pipe is not None and await pipe.read(_CHUNK_BYTES):
            pass
    await process.wait()
