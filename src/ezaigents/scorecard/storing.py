"""What the engine holds. Job: its memory, its log on the disk, and the bytes of each sort of key."""

from __future__ import annotations

import itertools
from pathlib import Path

from ezaigents.engine import BlockingConnection
from ezaigents.home import home_id
from ezaigents.queue import Keys
from ezaigents.queue.fsck.names import sort_of
from ezaigents.scorecard.disk import bytes_beneath
from ezaigents.scorecard.samples import Storage
from ezaigents.scorecard.traffic import info

_LOG_FOLDER = "appendonlydir"


def used_bytes(connection: BlockingConnection) -> int:
    """Memory that the engine has in use."""
    return int(info(connection, "memory")["used_memory"])


def storage_of(connection: BlockingConnection, home: Path, empty_bytes: int) -> Storage:
    """What it holds now. `empty_bytes`: what it used right after its start."""
    return Storage(
        empty_bytes=empty_bytes,
        used_bytes=used_bytes(connection),
        aof_bytes=bytes_beneath(home / _LOG_FOLDER),
        families=_families(connection, Keys(home_id(home)).prefix),
    )


def _families(connection: BlockingConnection, prefix: str) -> dict[str, int]:
    """Bytes by sort of key, each key weighed whole; the largest first."""
    found: dict[str, int] = {}
    for key in _all_keys(connection):
        name = key.decode("utf-8", "replace").removeprefix(prefix)
        sort = sort_of(name)
        size = connection.call("MEMORY", "USAGE", key, "SAMPLES", 0)
        if size is not None:
            label = sort.name if sort else "other"
            found[label] = found.get(label, 0) + int(size)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _all_keys(connection: BlockingConnection) -> set[bytes]:
    keys: set[bytes] = set()
    cursor: bytes | str = "0"
    for _ in itertools.count():
        cursor, found = connection.call("SCAN", cursor, "COUNT", 1000)
        keys.update(found)
        if cursor == b"0":
            break
    return keys
