"""The host's side of the analysis children: few, warm for a moment, gone when there is nothing to do.

Job: start, ask, time out, kill, let go. Not its job: what is asked (analyst).
Each child leads a process group of its own, so that a kill takes what it started with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from ezaigents.agents.local.protocol import (
    FRAME_MAX_BYTES,
    HEADER_BYTES,
    Reply,
    Request,
    framed,
    reply_decoder,
)
from ezaigents.codec import printable

CHILD_MODULE = "ezaigents.agents.local.child"
REQUESTS_PER_LIFE = 500
"""A child leaves after this many, so that nothing it leaks adds up."""
STDERR_KEPT_BYTES = 2048
LEAVE_LIMIT_S = 2.0
"""How long a dismissed child may take to leave before it is killed."""
_Pipe = TypeVar("_Pipe", asyncio.StreamReader, asyncio.StreamWriter)
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PYTHONHOME")
"""All that a child gets to see: no keys."""


class ChildLost(Exception):
    """The child ended, or had to be ended, before it answered. `is_slow`: it took longer than allowed."""

    def __init__(self, reason: str, *, is_slow: bool = False) -> None:
        super().__init__(reason)
        self.is_slow = is_slow


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Choose what of `environ` a child may see; relative entries of PYTHONPATH are made absolute."""
    chosen = {name: environ[name] for name in _ENVIRONMENT if name in environ}
    folders = [folder for folder in environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    if folders:
        chosen["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    # ruff takes one thread per core otherwise, each with its share of the address space.
    return chosen | {"RAYON_NUM_THREADS": "2"}


class _Child:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._requests = _opened(process.stdin)
        self._replies = _opened(process.stdout)
        self._said = b""
        self._listener = asyncio.create_task(self._listen(_opened(process.stderr)))
        self.asked = 0
        self.idle_timer: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, environ: Mapping[str, str]) -> _Child:
        # -P and cwd: nothing is ever imported from a workspace.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            CHILD_MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd="/",
            env=child_environment(environ),
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: Request) -> Reply:
        self.asked += 1
        try:
            self._requests.write(framed(request))
            await self._requests.drain()
            length = int.from_bytes(await self._replies.readexactly(HEADER_BYTES), "big")
            if length > FRAME_MAX_BYTES:
                raise ChildLost(f"its answer was too long ({length} bytes)")
            return reply_decoder.decode(await self._replies.readexactly(length))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise ChildLost(await self._epitaph()) from error
        except msgspec.DecodeError as error:
            raise ChildLost("its answer made no sense") from error

    def kill(self) -> None:
        """End the child and all that it started, at once."""
        if self.is_alive:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    async def leave(self) -> None:
        """Wait until the child is gone, killing it if need be, and close its pipes."""
        self._requests.close()
        try:
            await asyncio.wait_for(self._process.wait(), LEAVE_LIMIT_S)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self._listener

    async def _epitaph(self) -> str:
        self.kill()
        code = await self._process.wait()
        await self._listener
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        lines = self._said.decode("utf-8", "replace").strip().splitlines()
        return f"the analysis process ended ({how})" + (f": {printable(lines[-1][:200])}" if lines else "")

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(STDERR_KEPT_BYTES):
            self._said = (self._said + piece)[-STDERR_KEPT_BYTES:]


def _opened(pipe: _Pipe | None) -> _Pipe:
    if pipe is None:
        raise ChildLost("it has no pipes")
    return pipe


class ChildPool:
    """At most `children` analysis processes; one that had no work for `idle_s` seconds leaves.

    A request that finds all of them busy waits. Belongs to one event loop.
    """

    def __init__(self, environ: Mapping[str, str], children: int = 2, idle_s: float = 3.0) -> None:
        self._environ = environ
        self._idle_s = idle_s
        self._children = children
        self._slots = asyncio.Semaphore(children)
        self._closed = asyncio.Event()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """Process ids of the living children."""
        return [child.pid for child in (*self._idle, *self._busy) if child.is_alive]

    async def ask(self, request: Request, *, time_limit_s: float) -> Reply:
        """Have a child answer. Raises ChildLost; when cancelled, the child is killed."""
        async with self._slots:
            child = await self._taken()
            self._busy.add(child)
            kept = False
            try:
                async with asyncio.timeout(time_limit_s):
                    reply = await child.ask(request)
                kept = True
            except TimeoutError as error:
                raise ChildLost(f"took longer than {time_limit_s:g} s", is_slow=True) from error
            finally:
                self._busy.discard(child)
                if not kept:
                    child.kill()
                self._park(child, kept=kept)
            return reply

    async def close(self) -> None:
        """Kill every child and wait until all are gone."""
        self._closed.set()
        for child in (*self._idle, *self._busy):
            child.kill()
        for child in list(self._idle):
            self._dismiss(child)
        # Whoever holds a slot has a child; with all slots in hand nobody has.
        for _ in range(self._children):
            await self._slots.acquire()
        for _ in range(self._children):
            self._slots.release()
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _taken(self) -> _Child:
        if self._closed.is_set():
            raise ChildLost("the analyst is closing")
        child = self._take_idle() or await _Child.start(self._environ)
        if self._closed.is_set():
            child.kill()
        return child

    def _take_idle(self) -> _Child | None:
        while self._idle:
            child = self._idle.pop()
            if child.idle_timer is not None:
                child.idle_timer.cancel()
            if child.is_alive:
                return child
            self._see_off(child)
        return None

    def _park(self, child: _Child, *, kept: bool) -> None:
        if not kept or child.asked >= REQUESTS_PER_LIFE:
            self._see_off(child)
            return
        self._idle.append(child)
        child.idle_timer = asyncio.get_running_loop().call_later(self._idle_s, self._dismiss, child)

    def _dismiss(self, child: _Child) -> None:
        if child in self._idle:
            self._idle.remove(child)
            if child.idle_timer is not None:
                child.idle_timer.cancel()
            self._see_off(child)

    def _see_off(self, child: _Child) -> None:
        task = asyncio.create_task(child.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
