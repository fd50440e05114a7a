"""A process per agent: each is a host of its own beside the first one, which runs none. Job: start, watch, stop them.

Not its job: what a host does (runtime). Each holds the end of a pipe, so that none outlives the first host.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping

import msgspec

from ezaigents.agents import Declared
from ezaigents.codec import from_json
from ezaigents.errors import ConfigError, EngineDown, EzError
from ezaigents.optimize import SWITCHES
from ezaigents.settings import Settings
from ezaigents.wiring.runtimes import HostCommand

_log = logging.getLogger(__name__)
_READY_WITHIN_S = 150.0
_PAUSE_S = (0.5, 1.0, 2.0, 5.0)
"""Before the next try, for a process that ended unasked."""
_LAST_STEP_S = 10.0
_NAME_MOST = 64
"""Of a host's name."""


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
        longest = max(map(len, agents), default=0)
        if len(self._settings.name) + 1 + longest > _NAME_MOST:
            raise ConfigError(
                f"name {self._settings.name}: with a process per agent it may have {_NAME_MOST - 1 - longest} letters, "
                "for each is named after it and its agent"
            )
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
        # Two of the same kind may arrive as one, and `ez down` has sent the first to every host already.
        self._signal(signal.SIGTERM if self._asked_to_stop == 1 else signal.SIGINT)

    async def close(self) -> None:
        if not self._asked_to_stop:
            self.stop()
        for watching in self._watching:
            watching.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        self._signal(signal.SIGTERM)  # for one that was being started again
        waits = [asyncio.ensure_future(process.wait()) for process in self._running.values()]
        if waits:
            limit_s = self._settings.grace_s + self._settings.lease_s + _LAST_STEP_S
            await asyncio.wait(waits, timeout=limit_s)
        for name, process in self._running.items():
            if process.returncode is None:
                _log.error("the process of agent %s does not stop, and is killed", name)
                process.kill()
                await process.wait()
        for descriptor in (self._life_in, self._life_out):
            os.close(descriptor)

    def _is_stopping(self) -> bool:
        return self._asked_to_stop > 0

    def _signal(self, number: signal.Signals) -> None:
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(number)

    async def _watch(self, name: str) -> None:
        """Start the process again whenever it ends, until we are asked to stop."""
        failures = 0
        while not self._is_stopping():
            code = await self._running[name].wait()
            pause_s = _PAUSE_S[min(failures, len(_PAUSE_S) - 1)]
            await asyncio.sleep(pause_s)  # `ez down` asks each host, and we may hear of it last
            if self._is_stopping():
                return
            _log.warning("the process of agent %s ended (code %d), and is started again", name, code)
            try:
                await self._begin(name)
                failures = 0
            except (EzError, OSError, msgspec.DecodeError) as error:
                failures += 1
                _log.warning("%s", error)

    async def _begin(self, name: str) -> None:
        """Start the process and wait for its word. Raises EngineDown with what it says, OSError."""
        report_in, report_out = os.pipe()
        host = f"{self._settings.name}.{name}"
        log = self._settings.home_path / f"host-{host}.log"
        try:
            with log.open("ab") as out:
                self._running[name] = process = await asyncio.create_subprocess_exec(
                    *self._command(host, name, report_out, self._life_in),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=self._environ(),
                    start_new_session=True,
                    pass_fds=(report_out, self._life_in),
                )
        except BaseException:
            os.close(report_in)
            raise
        finally:
            os.close(report_out)
        said = await _heard(report_in)
        why = "it ended before it was ready" if not said else str(from_json(said, dict).get("error") or "")
        if why:
            await process.wait()
            raise EngineDown(f"the process of agent {name} does not start: {why}; see {log}")

    def _environ(self) -> dict[str, str]:
        """Ours; and what only a start can change is as we have it, whatever was chosen since."""
        environ = dict(os.environ)
        for switch in SWITCHES:
            if not switch.is_live:
                environ[switch.variable] = str(getattr(self._settings, switch.setting)).lower()
        if self._simulated_at:
            environ["EZ_SIM_URL"] = self._simulated_at
        return environ


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
