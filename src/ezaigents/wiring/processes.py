"""A process per agent: each is a host of its own beside the first one, which runs none. Job: start, watch, stop them.

Not its job: what a host does (runtime). Each holds the end of a pipe, so that none outlives the first host.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping

from ezaigents.agents import Declared
from ezaigents.codec import from_json
from ezaigents.errors import ConfigError, EngineDown
from ezaigents.settings import Settings
from ezaigents.wiring.runtimes import HostCommand

_log = logging.getLogger(__name__)
_READY_WITHIN_S = 150.0
_PAUSE_S = (0.5, 1.0, 2.0, 5.0)
"""Before the next try, for a process that ended unasked."""
_LAST_STEP_S = 10.0


class OneAgent:
    """This process is one of those that run a single agent."""

    def __init__(self, name: str) -> None:
        self._name = name

    def own(self, agents: Mapping[str, Declared]) -> Mapping[str, Declared]:
        if self._name not in agents:
            raise ConfigError(f"there is no agent {self._name!r} to run here; see `ez agents`")
        return {self._name: agents[self._name]}

    async def start(self, simulated_at: str) -> None:
        pass

    def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


class ProcessPerAgent:
    """Hosts named after this one and their agent, such as `main.claude`."""

    def __init__(self, settings: Settings, command: HostCommand) -> None:
        self._settings = settings
        self._command = command
        self._names: tuple[str, ...] = ()
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._watching: list[asyncio.Task[None]] = []
        self._simulated_at = ""
        self._asked_to_stop = 0
        self._life_in, self._life_out = os.pipe()

    def own(self, agents: Mapping[str, Declared]) -> Mapping[str, Declared]:
        self._names = tuple(agents)
        return {}

    async def start(self, simulated_at: str) -> None:
        self._simulated_at = simulated_at
        if self._settings.start == "sequential":
            for name in self._names:
                await self._begin(name)
        else:
            ends = await asyncio.gather(*map(self._begin, self._names), return_exceptions=True)
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
        self._watching = [asyncio.create_task(self._watch(name)) for name in self._names]

    def stop(self) -> None:
        self._asked_to_stop += 1
        number = signal.SIGTERM if self._asked_to_stop == 1 else signal.SIGINT
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(number)

    async def close(self) -> None:
        if not self._asked_to_stop:
            self.stop()
        waits = [asyncio.ensure_future(process.wait()) for process in self._running.values()]
        if waits:
            limit_s = self._settings.grace_s + self._settings.lease_s + _LAST_STEP_S
            await asyncio.wait(waits, timeout=limit_s)
        for name, process in self._running.items():
            if process.returncode is None:
                _log.error("the process of agent %s does not stop, and is killed", name)
                process.kill()
                await process.wait()
        for watching in self._watching:
            watching.cancel()
        for descriptor in (self._life_in, self._life_out):
            os.close(descriptor)

    async def _watch(self, name: str) -> None:
        """Start the process again whenever it ends unasked."""
        failures = 0
        while not self._asked_to_stop:
            code = await self._running[name].wait()
            if self._asked_to_stop or code == 0:  # `ez down` asks each host
                return
            pause_s = _PAUSE_S[min(failures, len(_PAUSE_S) - 1)]
            _log.warning("the process of agent %s ended (code %d); again in %g s", name, code, pause_s)
            await asyncio.sleep(pause_s)
            try:
                await self._begin(name)
                failures = 0
            except EngineDown as error:
                failures += 1
                _log.warning("%s", error)

    async def _begin(self, name: str) -> None:
        """Start the process and wait for its word. Raises EngineDown with what it says."""
        report_in, report_out = os.pipe()
        host = f"{self._settings.name}.{name}"
        command = self._command(host, name, report_out, self._life_in)
        log = self._settings.home_path / f"host-{host}.log"
        environ = dict(os.environ)
        if self._simulated_at:
            environ["EZ_SIM_URL"] = self._simulated_at
        try:
            with log.open("ab") as out:
                self._running[name] = process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=environ,
                    start_new_session=True,
                    pass_fds=(report_out, self._life_in),
                )
        finally:
            os.close(report_out)
        said = await _heard(report_in)
        why = "it ended before it was ready" if not said else str(from_json(said, dict).get("error") or "")
        if why:
            await process.wait()
            raise EngineDown(f"the process of agent {name} does not start: {why}; see {log}")


async def _heard(descriptor: int) -> bytes:
    """What is written to a pipe until its other end is closed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            return await reader.read()
    except TimeoutError:
        return b""
    finally:
        transport.close()
