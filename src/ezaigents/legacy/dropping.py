"""Taking imported entries out of the old server. Job: only those that are in the queue here, each noted until we know.

The note in the old server and the removal are one step, so a crash in between leaves the note: the next import reads it
first. Otherwise an entry that somebody queues later with the same bytes would count as imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.legacy.names import REPEATING
from ezaigents.legacy.server import noted_key

if TYPE_CHECKING:
    from ezaigents.legacy.manifest import Manifest
    from ezaigents.legacy.server import OldServer

_NOTE = "gone"


async def settle_noted(server: OldServer, manifest: Manifest, home: str) -> None:
    """What an import that died had taken out: gone, for the manifest too."""
    key = noted_key(home, _NOTE)
    if digests := await server.call("HKEYS", key):
        manifest.retire(digests)
        await server.call("DEL", key)


async def drop_imported(server: OldServer, manifest: Manifest, home: str) -> int:
    """Take out everything that was imported and stands there still; returns how many entries that were."""
    dropped = 0
    while rows := manifest.to_be_dropped():
        chosen = [row.entry for row in rows]
        keys: list[str | bytes] = [noted_key(home, _NOTE)]
        keys += [entry.key.encode("utf-8", "surrogateescape") for entry in chosen]
        args: list[bytes | str] = []
        for entry in chosen:
            field = entry.field.encode("utf-8", "surrogateescape")
            args += [entry.digest, entry.raw, field, "all" if entry.part in REPEATING else ""]
        dropped += await server.run("drop", keys, *args)
        await settle_noted(server, manifest, home)
    return dropped
