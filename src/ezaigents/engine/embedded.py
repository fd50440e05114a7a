"""The embedded engine: start it, or adopt the one that lives on the data folder. Not its job: watching it.

Of all who start at once one gets `engine.lock` and spawns; the others adopt. That is decided behind the gate, as is
stopping, so nobody adopts an engine that another host is just stopping.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ezaigents.engine.address import Address
from ezaigents.engine.binary import find_engine_program
from ezaigents.engine.blocking import BlockingConnection, EngineRefusal
from ezaigents.engine.checks import Facts, check_fitness
from ezaigents.engine.configuration import render_configuration
from ezaigents.engine.handle import EngineHandle
from ezaigents.engine.layout import CONFIGURATION, LOCK, LOG, PASSWORD
from ezaigents.engine.locks import Gate, is_held, living_hosts, open_lock, take_lock
from ezaigents.engine.probe import ask_facts, embedded_address
from ezaigents.engine.process import Spawned, engine_pid, explain_end, spawn_engine, stop_engine
from ezaigents.errors import ConfigError, EngineDown, EngineUnfit
from ezaigents.home import open_home
from ezaigents.settings import Settings

_SILENCE_S = 20.0
"""How long an engine may neither answer nor say that it is loading."""
_ANSWER_S = 5.0
_STEPS_S = (0.001, 0.02)
_RESPAWNS = 3


class EmbeddedStarting:
    """The embedded engine on its way; making one starts the program unless an engine lives already.

    `wanted()` turns false when nobody needs the engine any more; then nothing is started.
    """

    def __init__(self, settings: Settings, wanted: Callable[[], bool] = lambda: True) -> None:
        self._settings = settings
        self._home = settings.home_path
        self._wanted = wanted
        self._began_s = time.monotonic()
        self._spawned: Spawned | None = None
        self._spawns_left = _RESPAWNS
        open_home(self._home)
        self._spawn_or_adopt()

    def ready(self) -> EngineHandle:
        """Wait until the engine answers; return its handle. Raises what its last words mean if it ended."""
        while True:
            address, facts = self._first_answer()
            # Whoever stops an engine holds the gate until it is gone; past the gate it is ours as well.
            with Gate(self._home):
                lives = is_held(self._home / LOCK)
            if lives:
                break
            self._spawn_or_adopt()
        self._check(facts)
        took_s = time.monotonic() - self._began_s
        adopted = self._spawned is None
        return EngineHandle(self._settings, address, "embedded", facts, adopted=adopted, started_in_s=took_s)

    def _spawn_or_adopt(self) -> None:
        with Gate(self._home):
            if not self._wanted():
                raise EngineDown(f"the engine of {self._home} is not needed any more and was not started")
            lock = open_lock(self._home / LOCK)
            try:
                if not take_lock(lock, 0):
                    self._spawned = None
                elif self._spawns_left == 0:
                    raise EngineDown(f"the engine of {self._home} ended at its start, again and again; see {LOG} there")
                else:
                    self._spawns_left -= 1
                    self._spawned = self._spawn(lock)
            finally:
                os.close(lock)

    def _spawn(self, lock: int) -> Spawned:
        program = find_engine_program()
        text = render_configuration(self._settings, str(self._home), _make_password(self._home))
        _write_private(self._home / CONFIGURATION, text)
        return spawn_engine(program, self._home, lock)

    def _first_answer(self) -> tuple[Address, Facts]:
        end_s = time.monotonic() + _SILENCE_S
        began_s = time.monotonic()
        while True:
            try:
                return _ask(self._home, _ANSWER_S)
            except EngineDown as error:
                if is_loading(error):
                    end_s = time.monotonic() + _SILENCE_S
                if time.monotonic() >= end_s:
                    raise EngineDown(
                        f"an engine (pid {engine_pid(self._home)}) lives on {self._home} and does not answer; "
                        f"end that process and start again ({error})"
                    ) from error
            self._mend()
            time.sleep(_STEPS_S[time.monotonic() - began_s > 0.2])

    def _mend(self) -> None:
        """Nobody answered: raise if our engine failed, start one if the engine we waited for is gone."""
        if self._spawned is not None and self._spawned.has_ended() and self._spawned.ended != 0:
            raise explain_end(self._spawned, self._home)
        if not self._wanted():
            raise EngineDown(f"the engine of {self._home} is not needed any more")
        if not is_held(self._home / LOCK):
            self._spawn_or_adopt()

    def _check(self, facts: Facts) -> None:
        try:
            check_fitness(facts, str(self._home))
        except EngineUnfit:
            with Gate(self._home):
                if self._spawned is not None and not living_hosts(self._home):
                    stop_engine(self._home)
            raise


def find_embedded(settings: Settings) -> EngineHandle | None:
    """The engine that lives on this data folder, for those who only visit; None when none lives.

    Raises EngineDown when it lives and does not answer.
    """
    home = settings.home_path
    began_s = time.monotonic()
    while is_held(home / LOCK):
        try:
            address, facts = _ask(home, _ANSWER_S)
        except EngineDown as error:
            late = time.monotonic() - began_s > _ANSWER_S
            if late and not is_loading(error):
                raise
            time.sleep(_STEPS_S[1])
        else:
            took_s = time.monotonic() - began_s
            return EngineHandle(settings, address, "embedded", facts, adopted=True, started_in_s=took_s)
    return None


def find_orphan(settings: Settings) -> int | None:
    """The pid of an engine that lives on this data folder without any host; None when there is none."""
    home = settings.home_path
    if not is_held(home / LOCK):
        return None
    with Gate(home):
        return None if living_hosts(home) else engine_pid(home)


def stop_orphan(settings: Settings) -> bool:
    """Stop the engine of this data folder if no host lives on it; say whether one was stopped."""
    home = settings.home_path
    if not is_held(home / LOCK):
        return False
    with Gate(home):
        return not living_hosts(home) and stop_engine(home)


def is_loading(error: EngineDown) -> bool:
    """Say whether this error is the answer of an engine that still reads its log."""
    return "LOADING" in str(error)


def _ask(home: Path, timeout_s: float) -> tuple[Address, Facts]:
    """One attempt to reach the engine and learn what it is."""
    address = embedded_address(home)
    try:
        with BlockingConnection(address, timeout_s=timeout_s, client_name="ez-start") as connection:
            return address, ask_facts(connection, str(home))
    except EngineRefusal as refusal:
        raise ConfigError(
            f"the engine of {home} (pid {engine_pid(home)}) refuses {PASSWORD} ({refusal.code}): that "
            "file was changed since it started; restore it, or end that process and start again"
        ) from refusal


def _make_password(home: Path) -> str:
    """The password of this data folder, made once."""
    path = home / PASSWORD
    if not path.exists():
        _write_private(path, os.urandom(32).hex() + "\n")
    return path.read_text(encoding="ascii").strip()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all; to be called behind the gate."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigError(
            f"data folder {path.parent} cannot be used: {path.name}: {error.strerror}; "
            "mend it or set EZ_HOME to another folder"
        ) from error
