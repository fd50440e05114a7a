"""Hosts in processes of their own: started, frozen, killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from ezaigents.settings import Settings

_ROOT = Path(__file__).parents[3]


class HostProcess:
    """A host that can be killed; see host_process.py."""

    def __init__(self, settings: Settings) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.integration.runtime.host_process",
            msgspec.json.encode(settings).decode(),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT)
        assert self._process.stdout is not None
        self.was_up = self._process.stdout.readline() == b"up\n"
        self.pid = self._process.pid

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def ended(self) -> int | None:
        return self._process.poll()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and return its exit code."""
        self._process.send_signal(how)
        self.thaw()
        try:
            return self._process.wait(timeout=20)
        finally:
            self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
