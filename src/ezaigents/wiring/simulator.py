"""The simulated models of a fleet: a process that ends with it. Job: start it, say where it listens, end it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from ezaigents.codec import from_json
from ezaigents.errors import EngineDown
from ezaigents.settings import Settings

_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "PYTHONPYCACHEPREFIX")
"""What a child sees of our environment: it needs no key."""
_READY_WITHIN_S = 30.0
_END_WITHIN_S = 5.0


class Simulator:
    """`start` returns the address; `close` ends a process of our own."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._life = -1

    async def start(self) -> str:
        """Start the simulator, unless one is named. Raises EngineDown when it does not come up."""
        if self._settings.sim_url:
            return self._settings.sim_url
        report_in, report_out = os.pipe()
        life_in, self._life = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "ezaigents.simulate", "--report", str(report_out), "--life", str(life_in)),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(report_out, life_in),
                env={name: self._environ[name] for name in _PASSED if name in self._environ},
            )
        finally:
            os.close(report_out)
            os.close(life_in)
        try:
            return await self._heard(report_in)
        finally:
            os.close(report_in)

    async def _heard(self, report_in: int) -> str:
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                line = await asyncio.to_thread(os.read, report_in, 65536)
        except TimeoutError:
            line = b""
        if not line:
            raise EngineDown("the simulator of models did not start; see the host's log")
        return from_json(line, dict[str, str])["url"]

    async def close(self) -> None:
        """End the process, and wait for it."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if self._process is None:
            return
        try:
            async with asyncio.timeout(_END_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
