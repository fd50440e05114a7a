"""The old system's server as tests use it: fill it as the old producers did, and look what is left."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.engines import Engine

from ezaigents.engine import BlockingConnection
from ezaigents.legacy import OldServer


def entry(prompt: str = "p", file: str = "a.js", **more: object) -> bytes:
    """An entry as `JSON.stringify` writes it."""
    return json.dumps({"file": file, "prompt": prompt} | more, separators=(",", ":")).encode()


class Old:
    """A running redis-server."""

    def __init__(self, folder: Path, program: Path, extra: tuple[str, ...] = ()) -> None:
        self._where = (folder, program, extra)
        self.engine = Engine(*self._where)
        self.url = f"unix://{self.engine.address.path}"

    def server(self, **options: Any) -> OldServer:
        """A connection to it, not opened yet."""
        return OldServer(self.url, option="--from", **options)

    def call(self, *args: str | bytes | int) -> Any:
        """One command."""
        with BlockingConnection(self.engine.address) as connection:
            return connection.call(*args)

    def push(self, key: str, *entries: bytes) -> None:
        """As producers do: the last one given is the newest."""
        self.call("LPUSH", key, *entries)

    def all(self, key: str) -> list[bytes]:
        """A list's entries, oldest first."""
        found: list[bytes] = self.call("LRANGE", key, 0, -1)
        return found[::-1]

    def names(self) -> set[str]:
        """Every key there is."""
        return {key.decode() for key in self.call("KEYS", "*")}

    def dump(self) -> dict[str, bytes]:
        """Every key with its content, to be compared."""
        return {key: self.call("DUMP", key) for key in self.names()}

    def start_again(self) -> None:
        """Start it again where it was, with nothing in it."""
        self.engine = Engine(*self._where)

    def stop(self) -> None:
        """End the server."""
        self.engine.stop(signal.SIGKILL)
