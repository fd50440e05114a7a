"""A whole fleet under fire. Job: hosts, submitters, proxy on one data folder; break them as planned; bring them back.

Not its job: choosing what to break (faultplan.py), judging what came of it (checker.py), reporting (drive.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from tests.chaos.children import Notice, Nursery, processes_left
from tests.chaos.faultplan import Action, Kind
from tests.chaos.history import Event, EventLog, Fault, now_s, read_history
from tests.chaos.proxy import ProxyOptions
from tests.chaos.setup import Setup, host_options, settings_of, submitter_options
from tests.chaos.submitter import submit_once
from tests.chaos.worker import HostOptions
from tests.chaos.workload import PlannedTask

from ezaigents.engine import BlockingConnection, find_living
from ezaigents.errors import EzError
from ezaigents.home import home_id
from ezaigents.queue import Keys
from ezaigents.settings import Settings

_WAIT_S = 30.0
_STEP_S = 0.02
_BEHIND_MOST_S = 0.5
STUCK_S = 90.0
"""A task that was under many dying hosts waits so long for its next attempt."""
_BROKEN = 1
"""The exit code of a process that ended by an exception nobody expected."""


class _Host:
    """A name under which a host is kept alive."""

    def __init__(self, options: HostOptions) -> None:
        self.options = options
        self.pid = 0
        self.up: Notice | None = None
        self.frozen_until = 0.0
        self.starts = 0
        self.wanted = False


class Cluster:
    """`with Cluster(folder, setup) as cluster`: hosts and submitters run; on leaving everything is killed.

    `done`: how often each kind of fault was carried out whole. `adoptions`: killed host sets that came back to the
    same living engine. `exits`: exit codes of hosts that were asked to stop. `tick` is called again and again.
    """

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.setup = setup
        self.folder = folder
        self.home = folder / "home"
        self.done = dict.fromkeys(Kind, 0)
        self.adoptions = 0
        self.exits: list[int] = []
        for path in (folder / "history", folder / "logs", folder / "workspace"):
            path.mkdir(parents=True)
        self.log = EventLog(folder / "history" / "driver.jsonl", "driver")
        self.nursery = Nursery(folder / "logs")
        self.hosts = {f"w{n}": _Host(host_options(folder, setup, n)) for n in range(setup.hosts)}
        self._submitters: dict[str, int] = {}
        self._engine_killed = 0
        self.tick: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        try:
            for name in self.hosts:
                self.start_host(name)
            self.wait(lambda: all(host.up for host in self.hosts.values()), "every host is up")
            for number in range(self.setup.submitters):
                self._start_submitter(f"s{number}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.nursery.__exit__(kind, error, trace)
        self.log.close()

    # -- who there is --------------------------------------------------------------------------------------------

    def settings(self, name: str) -> Settings:
        """Settings of a host of this cluster."""
        return settings_of(self.folder, self.setup, name)

    def start_host(self, name: str) -> None:
        """Start a host, and from now on again whenever it ends."""
        host = self.hosts[name]
        options = host.options
        if host.starts and options.crash_at:
            options = msgspec.structs.replace(options, crash_at="")
        if options.proxy and not Path(options.proxy).exists():
            self._start_proxy()
        host.up, host.wanted, host.starts = None, True, host.starts + 1
        host.pid = self.nursery.start("host", name, options)

    def _start_proxy(self) -> None:
        path, setup = str(self.folder / "proxy.sock"), self.setup
        options = ProxyOptions(
            path=path, engine=str(self.home / "engine.sock"), seed=setup.seed, mean_bytes=setup.proxy_bytes
        )
        self.nursery.start("proxy", "proxy", options)
        self.wait(Path(path).exists, "the proxy listens")

    def _start_submitter(self, name: str) -> None:
        options = submitter_options(self.folder, self.setup, name)
        self._submitters[name] = self.nursery.start("submitter", name, options)

    def submit(self, tasks: Sequence[PlannedTask]) -> None:
        """Hand in tasks at once, in one call."""
        asyncio.run(submit_once(self.settings("driver"), tasks, self.log))

    # -- time passes ---------------------------------------------------------------------------------------------

    def pump(self, timeout_s: float) -> None:
        """Hear what happened, wake whoever was frozen long enough, start again whoever ended."""
        self.tick()
        for notice in self.nursery.notices(timeout_s):
            self._hear(notice)
        now = time.monotonic()
        for name, host in self.hosts.items():
            if host.frozen_until and now >= host.frozen_until:
                host.frozen_until = 0.0
                self._fault("cont", name)
                self.nursery.send_signal(host.pid, signal.SIGCONT)
                self.done[Kind.STOP] += 1

    def pump_until(self, at_s: float) -> None:
        """Pump until a monotonic time."""
        while (left_s := at_s - time.monotonic()) > 0:
            self.pump(min(left_s, _STEP_S))

    def wait(self, holds: Callable[[], bool], what: str, limit_s: float = _WAIT_S) -> None:
        """Pump until `holds()`. Raises TimeoutError naming `what`."""
        end_s = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > end_s:
                raise TimeoutError(f"waited {limit_s:g} s in vain until {what}; see {self.folder}")
            self.pump(_STEP_S)

    def _hear(self, notice: Notice) -> None:
        for name, host in self.hosts.items():
            if notice.up and notice.up == host.pid:
                host.up = notice
            elif notice.ended and notice.ended == host.pid:
                host.pid, host.up = 0, None
                self._fault("gone", name)
                if notice.code == _BROKEN:
                    raise AssertionError(f"{name} broke; see {self.folder}/logs/{name}.log")
                if host.wanted:
                    self.start_host(name)
                else:
                    self.exits.append(notice.code)
        for name, pid in list(self._submitters.items()):
            if notice.ended and notice.ended == pid:
                if notice.code == 0:
                    del self._submitters[name]
                else:
                    self._start_submitter(name)

    # -- break things --------------------------------------------------------------------------------------------

    def carry_out(self, plan: Sequence[Action]) -> None:
        """Do everything that is planned, in order."""
        due_s = time.monotonic()
        for action in plan:
            due_s = max(due_s + action.gap_s, time.monotonic() - _BEHIND_MOST_S)
            self.pump_until(due_s)
            self._do(action)
        self.wait(lambda: not any(host.frozen_until for host in self.hosts.values()), "nobody is frozen")

    def _do(self, action: Action) -> None:
        match action.kind:
            case Kind.KILL:
                self.kill_host(self._choose(action.target))
            case Kind.STOP:
                self.freeze(self._choose(action.target, must_be_up=True), action.hold_s)
            case Kind.ENGINE:
                self.kill_engine()
            case Kind.HOSTS:
                self.kill_all_hosts()
            case Kind.SUBMITTER:
                self._kill_submitter(action.target)
            case Kind.TERM:
                self._storm(self._choose(action.target, must_be_up=True), action.hold_s)

    def _choose(self, target: int, *, must_be_up: bool = False) -> str:
        """The target-th host, or the next one that lives, is awake, and is up where it must be."""
        names = sorted(self.hosts)
        order = names[target % len(names) :] + names[: target % len(names)]

        def fit() -> list[str]:
            hosts = ((name, self.hosts[name]) for name in order)
            return [n for n, h in hosts if h.pid and not h.frozen_until and (h.up or not must_be_up)]

        self.wait(lambda: bool(fit()), "a host is up and awake")
        return fit()[0]

    def kill_host(self, name: str) -> None:
        """kill -9; it is started again when it has ended."""
        host = self.hosts[name]
        self._fault("kill", name)
        self.nursery.send_signal(host.pid, signal.SIGKILL)
        self.done[Kind.KILL] += 1
        pid = host.pid
        self.wait(lambda: host.pid != pid, f"{name} has ended")

    def thaw(self, name: str) -> None:
        """Let a frozen host go on now."""
        self.hosts[name].frozen_until = time.monotonic()
        self.pump(0)

    def freeze(self, name: str, hold_s: float) -> None:
        """Stop a host where it stands; it goes on after `hold_s`, or when it is thawed."""
        self._fault("stop", name)
        self.nursery.send_signal(self.hosts[name].pid, signal.SIGSTOP)
        self.hosts[name].frozen_until = time.monotonic() + hold_s

    def engine_pid(self) -> int:
        """The living engine's process id; waits for one that answers."""
        found: list[int] = []

        def lives() -> bool:
            try:
                engine = find_living(self.settings("driver"))
            except EzError:
                return False
            if engine is not None and engine.pid and engine.pid != self._engine_killed:
                found.append(engine.pid)
            return bool(found)

        self.wait(lives, "an engine answers")
        return found[0]

    def kill_engine(self) -> None:
        """kill -9 of the engine; the hosts have to start it again."""
        pid = self.engine_pid()
        self._fault("engine", "*")
        os.kill(pid, signal.SIGKILL)
        self._engine_killed = pid
        self.done[Kind.ENGINE] += 1

    def kill_all_hosts(self) -> None:
        """kill -9 of every host while the engine lives; whoever comes back has to adopt that engine."""
        self.wait(lambda: not any(host.frozen_until for host in self.hosts.values()), "nobody is frozen")
        engine = self.engine_pid()
        before = {name: host.pid for name, host in self.hosts.items()}
        self._fault("hosts", "*")
        for pid in before.values():
            self.nursery.send_signal(pid, signal.SIGKILL)
        self.wait(
            lambda: all(host.pid != before[name] and host.up for name, host in self.hosts.items()), "all hosts are back"
        )
        self.done[Kind.HOSTS] += 1
        ups = [host.up for host in self.hosts.values() if host.up]
        self.adoptions += all(up.adopted and up.engine_pid == engine for up in ups)

    def _storm(self, name: str, hold_s: float) -> None:
        """Ask a host to stop, and do not wait until it has."""
        host = self.hosts[name]
        self._fault("term", name)
        pid = host.pid
        self.nursery.send_signal(pid, signal.SIGTERM)
        self.pump_until(time.monotonic() + hold_s)
        self._fault("kill", name)
        self.nursery.send_signal(pid, signal.SIGKILL)
        self.wait(lambda: host.pid != pid, f"{name} has ended")
        self.done[Kind.TERM] += 1

    def _kill_submitter(self, target: int) -> None:
        names = sorted(self._submitters)
        if names:
            self._fault("submitter", names[target % len(names)])
            self.nursery.send_signal(self._submitters[names[target % len(names)]], signal.SIGKILL)
            self.done[Kind.SUBMITTER] += 1

    def _fault(self, kind: str, target: str) -> None:
        self.log.write(Fault(at=now_s(), who="driver", kind=kind, target=target))

    # -- come to rest --------------------------------------------------------------------------------------------

    def wait_submitted(self, limit_s: float) -> None:
        """Wait until every submitter has all its tasks acknowledged."""
        self.wait(lambda: not self._submitters, "every task is acknowledged", limit_s)

    def drain(self, *, stuck_s: float = STUCK_S, limit_s: float = 900.0) -> None:
        """Wait until no task is open, or until nothing has moved for `stuck_s`: the checker then says what is stuck."""
        last, moved_s, end_s = b"", time.monotonic(), time.monotonic() + limit_s
        while time.monotonic() < end_s:
            counts = self.counters()
            if counts and sum(counts.get(s, 0) for s in ("blocked", "ready", "delayed", "leased")) == 0:
                return
            if (seen := repr(sorted(counts.items())).encode()) != last:
                last, moved_s = seen, time.monotonic()
            if time.monotonic() - moved_s > stuck_s:
                return
            self.pump(_STEP_S)

    def counters(self) -> dict[str, int]:
        """The engine's counters; empty while it does not answer."""
        try:
            engine = find_living(self.settings("driver"))
            if engine is None:
                return {}
            with BlockingConnection(engine.address) as connection:
                raw = connection.call("HGETALL", Keys(home_id(self.home)).counters())
        except EzError:
            return {}
        return {name.decode(): int(value) for name, value in raw.items()}

    def stop(self, *, signals: int = 1) -> None:
        """SIGTERM to every host; wait until all have ended. `signals`: 2 sends another once the first was heard."""
        for host in self.hosts.values():
            host.wanted = False
        self.pump(0)
        for number in range(signals):
            for name, host in self.hosts.items():
                if number:
                    log = self.folder / "logs" / f"{name}.log"
                    self.wait(lambda log=log: b"stopping" in log.read_bytes(), f"{name} has heard the first signal")  # type: ignore[misc]
                self.nursery.send_signal(host.pid, signal.SIGTERM)
        self.wait(lambda: not any(host.pid for host in self.hosts.values()), "every host has stopped")

    def history(self) -> list[Event]:
        """Everything that was written down, in order of time."""
        return read_history([*sorted((self.folder / "history").glob("*.jsonl")), *self.folder.glob("effects.jsonl")])

    def left_behind(self) -> list[str]:
        """Processes and temporary files that should be gone; to be called after the cluster was left."""
        files = [str(path) for path in self.home.rglob(".*")]
        return [*processes_left(self.nursery.session, self.home), *files]

    def complaints(self) -> list[str]:
        """Names of processes that wrote a traceback."""
        logs = sorted((self.folder / "logs").glob("*.log"))
        return [path.stem for path in logs if b"Traceback" in path.read_bytes()]
