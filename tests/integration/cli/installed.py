"""The installed `ez` as a user runs it: real processes, a folder of its own each. Not its job: what is checked."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from tests.switched import off_in_environment

_EZ = Path(sys.executable).with_name("ez")
WITHIN_S = 60.0
_PR_SET_CHILD_SUBREAPER = 36
_CLEARED = (
    "EZ_", "ANTHROPIC_", "OPENAI_", "DEEPSEEK_", "MISTRAL_", "GEMINI_", "GOOGLE_", "OPENROUTER_", "MOONSHOT_", "XAI_",
    "OLLAMA_", "VLLM_", "LMSTUDIO_",
)  # fmt: skip


def wait_until(reached: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> Any:
    """Return what `reached` returns once that is true; fails after `within_s`."""
    until = time.monotonic() + within_s
    while not (found := reached()):
        assert time.monotonic() < until, f"not within {within_s:g} s: {what}"
        select.select([], [], [], 0.02)
    return found


class Place:
    """A workspace and a data folder, and `ez` run there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "data"
        self.workspace = folder / "work"
        self.workspace.mkdir(parents=True)
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(_CLEARED)}
        self.environ |= {"EZ_HOME": str(self.home), "EZ_WORKSPACE": str(self.workspace), "EZ_GRACE_S": "5"}
        self.environ["EZ_PORT"] = "0"
        self.environ |= off_in_environment()
        self.environ["EZ_CONFIG_HOME"] = str(folder / "config")

    def write(self, name: str, text: str) -> Path:
        """Make a file of the workspace."""
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def command(self, *args: str | bytes) -> list[str | bytes]:
        """The command line of `ez` with these arguments."""
        if _EZ.exists():
            return [str(_EZ), *args]
        return [sys.executable, "-m", "ezaigents", *args]

    def ez(self, *args: str | bytes, **environ: str) -> Done:
        """Run a command to its end, with nothing on its standard input."""
        return self.feed(b"", *args, **environ)

    def feed(self, data: bytes, *args: str | bytes, **environ: str) -> Done:
        """Run a command to its end with `data` on its standard input."""
        done = subprocess.run(
            self.command(*args),
            input=data,
            capture_output=True,
            cwd=self.workspace,
            env=self.environ | environ,
            timeout=WITHIN_S,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def begin(self, *args: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            self.command(*args),
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.workspace,
            env=self.environ | environ,
        )

    def up(self, *args: str, **environ: str) -> int:
        """Start a fleet in the background; returns the host's process id."""
        done = self.ez("up", "--detach", *args, **environ)
        assert done.code == 0, done.err
        return int(done.out)

    def json(self, *args: str) -> Any:
        """Run a reader and decode its JSON."""
        done = self.ez(*args, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    def processes(self) -> dict[int, str]:
        """Every process that has our data folder in its command line or its environment, but ourselves."""
        mark = os.fsencode(self.home)
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                facts = _read(folder / "cmdline"), _read(folder / "environ")
                if any(mark in fact for fact in facts):
                    found[int(folder.name)] = facts[0].replace(b"\0", b" ").decode(errors="replace")
        return found

    def engine_pid(self) -> int:
        """The process id of the engine that serves this data folder; 0 = none."""
        return next((pid for pid, command in self.processes().items() if "engine.conf" in command), 0)

    def kill(self, pid: int) -> None:
        """End a process without a warning, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: _is_collected(pid), f"process {pid} has ended")

    def clear(self) -> dict[int, str]:
        """End whatever still runs here; returns what that was."""
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


class Done:
    """A command that has ended: exit code, data, talk."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def error(self) -> str:
        """The last line of talk, which must be one of ours."""
        line = self.err.strip().splitlines()[-1]
        assert line.startswith("ez: "), self.err
        assert "Traceback" not in self.err
        return line


class Terminal:
    """`ez` on a terminal of 80 columns: what it shows is in `screen`."""

    def __init__(self, place: Place, *args: str, **environ: str) -> None:
        self.screen = ""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(place.workspace)
            command = place.command(*args)
            settings = place.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "50"} | environ
            os.execve(command[0], command, settings)  # noqa: S606 - the child's last word

    def wait_for(self, text: str) -> None:
        """Read until the screen shows the text."""
        for _ in self._pieces():
            if text in self.screen:
                return
        raise AssertionError(f"{text!r} was never shown:\n{self.screen}")

    def type(self, text: str) -> None:
        """Type; \\x03 is Ctrl-C."""
        os.write(self._fd, text.encode())

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        for _ in self._pieces():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)

    def _pieces(self) -> Iterator[None]:
        until = time.monotonic() + WITHIN_S
        while True:
            yield
            left_s = until - time.monotonic()
            assert left_s > 0, f"nothing more came:\n{self.screen}"
            if select.select([self._fd], [], [], left_s)[0]:
                try:
                    piece = os.read(self._fd, 65536)
                except OSError:
                    return
                if not piece:
                    return
                self.screen += piece.decode(errors="replace")


def read_until(stream: IO[bytes] | None, pattern: str) -> re.Match[str]:
    """Read an unbuffered stream of a running command until what came matches."""
    assert stream is not None
    text = ""
    until = time.monotonic() + WITHIN_S
    while not (found := re.search(pattern, text, re.MULTILINE)):
        assert select.select([stream], [], [], max(0.0, until - time.monotonic()))[0], f"{pattern!r} not in {text!r}"
        piece = os.read(stream.fileno(), 65536)
        assert piece, f"it ended without {pattern!r}: {text!r}"
        text += piece.decode(errors="replace")
    return found


def collect_orphans() -> None:
    """Make this process the one that collects the hosts which `ez` leaves in the background.

    Who does that elsewhere is the machine's first process, which in some containers does not.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _is_collected(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)
        os.kill(pid, 0)
    except ChildProcessError:
        return not Path(f"/proc/{pid}").exists()
    except ProcessLookupError:
        return True
    return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
