"""The version of what a namespace holds. Job: read its stamp, and give one to a namespace that is new.

Not its job: bringing an older one up to date (backup).
"""

from __future__ import annotations

from ezaigents.errors import ConfigError
from ezaigents.home import STATE_VERSION
from ezaigents.queue.queue import Queue

RESTORING_WORD = "restoring"
"""Stands behind the version until a restore has come to its end; behind it the restore's own id."""
RESTORED_WORD = "restored"
"""Stands there afterwards, until the next version is stamped."""


async def engine_version(queue: Queue, newest: int = STATE_VERSION) -> int:
    """The version of a namespace; one without any task takes the newest at once. Raises ConfigError."""
    text = (await queue.read("GET", queue.keys.state()) or b"").decode("ascii", "replace")
    version, _, more = text.partition(" ")
    if more.partition(" ")[0] == RESTORING_WORD:
        raise ConfigError(
            f"the engine's namespace {queue.keys.prefix.rstrip(':')} is being restored, or that was cut short; "
            "type `ez restore FILE` again"
        )
    if version.isdigit():
        return int(version)
    if text:
        raise ConfigError(f"the key {queue.keys.state()} should hold a whole number and holds {text[:40]!r}")
    if await queue.read("EXISTS", queue.keys.counters()):
        return 1
    await queue.put("SET", queue.keys.state(), str(newest))
    return newest
