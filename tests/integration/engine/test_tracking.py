"""The shared connection hears which keys others change, once it has asked for that."""

from __future__ import annotations

from pathlib import Path

from tests.engines import running_engine
from tests.leaks import run, until

from ezaigents.engine import INVALIDATED, BlockingConnection, Connection


def test_changed_keys_are_heard(tmp_path: Path) -> None:
    """Keys of the prefix that others change are told by name, a flush as "" (any); its own changes are not."""
    heard: list[tuple[str, str]] = []

    async def story() -> None:
        with running_engine(tmp_path) as engine, BlockingConnection(engine.address) as other:
            async with Connection(engine.address, on_heard=lambda *words: heard.append(words)) as connection:
                await connection.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "queue:", "NOLOOP")
                await connection.call("LPUSH", "queue:own", "x")
                other.call("LPUSH", "elsewhere", "x")
                other.call("LPUSH", "queue:a", "x")
                await until(lambda: heard == [(INVALIDATED, "queue:a")])
                other.call("FLUSHALL")
                await until(lambda: (INVALIDATED, "") in heard)

    run(story())
