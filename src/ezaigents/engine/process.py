"""The embedded engine as a process. Job: spawn it with its lock in hand, find it, end it.

Not its job: deciding whether to (embedded, handle). Which process is the engine is never remembered, it is seen:
the one that has `engine.lock` open as descriptor 3. So a pid given out again can never be mistaken for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path

from ezaigents.engine.blocking import BlockingConnection
from ezaigents.engine.layout import CONFIGURATION, LOCK, LOG
from ezaigents.engine.locks import is_held
from ezaigents.engine.probe import embedded_address
from ezaigents.errors import ConfigError, EngineDown, EngineFull, EngineMissing, EngineUnfit, EzError

_LOCK_DESCRIPTOR = 3
_LOG_LIMIT_BYTES = 256 * 1024
_LAST_WORDS_BYTES = 4096
_FULL_BYTES = 64 * 1024
_POLITE_WAIT_S = 1.0
_STOP_WAIT_S = 5.0
_STEP_S = 0.001


class Spawned:
    """An engine this process started; `log_start` is where in the log its words begin."""

    __slots__ = ("ended", "log_start", "pid", "program")

    def __init__(self, pid: int, program: Path, log_start: int) -> None:
        self.pid = pid
        self.program = program
        self.log_start = log_start
        self.ended: int | None = None

    def has_ended(self) -> bool:
        """Say whether it ended; then `ended` is its exit code, negative for a signal."""
        if self.ended is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.ended = 0
            else:
                if pid:
                    self.ended = os.waitstatus_to_exitcode(status)
        return self.ended is not None


def spawn_engine(program: Path, home: Path, lock: int) -> Spawned:
    """Start the engine in a session of its own, so that neither Ctrl-C nor our end reaches it.

    `lock`: the descriptor that holds engine.lock; the engine shares it and keeps it when the caller closes.
    """
    log = _open_log(home)
    high = fcntl.fcntl(lock, fcntl.F_DUPFD_CLOEXEC, 10)
    try:
        log_start = os.fstat(log).st_size
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
            (os.POSIX_SPAWN_DUP2, high, _LOCK_DESCRIPTOR),
        ]
        arguments = [program.name, str(home / CONFIGURATION)]
        environment = {"LC_ALL": "C", "MALLOC_ARENA_MAX": "1", "TZ": "UTC"}
        pid = os.posix_spawn(
            program, arguments, environment, file_actions=actions, setsid=True, setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGPIPE),
        )  # fmt: skip
    except OSError as error:
        raise EngineMissing(f"the engine program {program} cannot be started: {error.strerror}") from error
    finally:
        os.close(high)
        os.close(log)
    return Spawned(pid, program, log_start)


def engine_pid(home: Path) -> int | None:
    """The pid of the engine that lives on this home; None where there is none, or none that can be seen."""
    try:
        lock = (home / LOCK).stat()
    except OSError:
        return None
    holders = _holders_in_proc(lock) if Path("/proc/self/fd").is_dir() else _holders_by_lsof(home / LOCK)
    # A rewrite of the log happens in a fork of the engine, which has the lock too.
    return next((pid for pid in holders if _parent_of(pid) not in holders), None)


def stop_engine(home: Path) -> bool:
    """End the engine of this home and wait until it is gone; False when none lives.

    To be called behind the gate. What it acknowledged is in its log, so it may be killed if it will not end.
    """
    if not is_held(home / LOCK):
        return False
    pid = engine_pid(home)
    if pid is None:
        if _gone(home, _POLITE_WAIT_S):
            return True
        raise EngineDown(f"an engine holds {home / LOCK}, but from here its process cannot be seen; stop it there")
    _ask_to_end(home)
    if not _gone(home, _POLITE_WAIT_S):
        _end(pid, signal.SIGTERM)
    if not _gone(home, _STOP_WAIT_S):
        _end(pid, signal.SIGKILL)
        if not _gone(home, _STOP_WAIT_S):
            raise EngineDown(f"the engine of {home} (pid {pid}) does not end, not even by SIGKILL")
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return True


def explain_end(spawned: Spawned, home: Path) -> EzError:
    """Turn an engine's last words into the error that says what to do."""
    words = last_words(home, spawned.log_start)
    where = f"data folder {home}"
    if "No space left" in words or "Disk quota" in words or _is_full(home):
        return EngineFull(f"the engine cannot write: the disk of {where} is full; free some space")
    if "Read-only file system" in words or "Permission denied" in words:
        return ConfigError(f"the engine cannot write in {where}: {_brief(words)}; mend it or set EZ_HOME")
    if "FATAL CONFIG FILE ERROR" in words:
        return EngineUnfit(
            f"the engine program {spawned.program} does not take our configuration ({_brief(words)}); "
            "it must be Redis 7.0 or Valkey 7.2, or newer"
        )
    if "append only file" in words.lower() or "AOF" in words:
        return ConfigError(
            f"the engine's log in {home / 'appendonlydir'} is damaged and was left as it is: {_brief(words)}; "
            "copy the folder, then mend it with `valkey-check-aof --fix` (or redis-check-aof) or restore a backup"
        )
    said = f"its last words: {_brief(words)}" if words else "it said nothing"
    return EngineDown(f"the engine ended with code {spawned.ended} at its start; {said}; see {home / LOG}")


def _is_full(home: Path) -> bool:
    """A full disk does not even take the engine's last words."""
    facts = os.statvfs(home)
    return facts.f_bavail * facts.f_frsize < _FULL_BYTES


def last_words(home: Path, start: int = 0) -> str:
    """The end of what the engine wrote to its log since byte `start`."""
    try:
        with (home / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - _LAST_WORDS_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _brief(words: str) -> str:
    """The lines that matter, on one line, without the engine's own time stamps."""
    lines = [line.split(" # ", 1)[-1].strip() for line in words.splitlines()]
    return " / ".join(line for line in lines if line and not line.startswith(("WARNING", "***")))[-400:]


def _open_log(home: Path) -> int:
    path = home / LOG
    try:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > _LOG_LIMIT_BYTES:
                path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; mend it or set EZ_HOME") from error


def _holders_in_proc(lock: os.stat_result) -> set[int]:
    holders = set()
    for name in os.listdir("/proc"):  # noqa: PTH208 - a Path for every process costs more than the look
        if name.isdigit():
            with contextlib.suppress(OSError):
                facts = os.stat(f"/proc/{name}/fd/{_LOCK_DESCRIPTOR}")  # noqa: PTH116
                if (facts.st_dev, facts.st_ino) == (lock.st_dev, lock.st_ino):
                    holders.add(int(name))
    return holders


def _holders_by_lsof(path: Path) -> set[int]:
    """Where there is no /proc (macOS)."""
    import subprocess

    found = subprocess.run(
        ["lsof", "-t", "-a", "-d", str(_LOCK_DESCRIPTOR), "--", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {int(word) for word in found.stdout.split()}


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()[1])
    return 0


def _ask_to_end(home: Path) -> None:
    """SHUTDOWN works at once; a signal is seen at the engine's next tick, of which there is one a second."""
    with (
        contextlib.suppress(EzError),
        BlockingConnection(embedded_address(home), timeout_s=_POLITE_WAIT_S) as engine,
    ):
        engine.call("SHUTDOWN", "NOSAVE")


def _end(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _gone(home: Path, wait_s: float) -> bool:
    end = time.monotonic() + wait_s
    while is_held(home / LOCK):
        if time.monotonic() >= end:
            return False
        time.sleep(_STEP_S)
    return True
