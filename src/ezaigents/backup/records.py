"""A key of the engine as a record that any engine can take. Job: the form, the commands that read and write each type.

Not DUMP: what one version dumps an older one refuses, and our own engine's user may not RESTORE.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ezaigents.engine import Arg

Record = tuple[str, str, int, Any]
"""Name without the namespace, type, when it expires (ms since 1970, 0 = never), content in pairs or as a list."""
Records = AsyncIterator[list[Record]]
_MOST_ARGS = 1000

READS: dict[str, tuple[str, tuple[Arg, ...]]] = {
    "hash": ("HGETALL", ()),
    "string": ("GET", ()),
    "zset": ("ZRANGE", (0, -1, "WITHSCORES")),
    "set": ("SMEMBERS", ()),
    "list": ("LRANGE", (0, -1)),
    "stream": ("XRANGE", ("-", "+")),
}


def content_of(kind: str, reply: Any) -> Any:
    """What an engine answered, as it is kept; None for a key that is gone."""
    if not reply:
        return None
    if kind == "hash":
        return [part for pair in reply.items() for part in pair]
    if kind == "zset":
        return [part for member, score in reply for part in (repr(float(score)), member)]
    return list(reply) if kind == "set" else reply


def writes(key: str, record: Record) -> list[tuple[Arg, ...]]:
    """The commands that make the key what the record says."""
    _, kind, expires_ms, content = record
    commands: list[tuple[Arg, ...]] = []
    match kind:
        case "string":
            commands = [("SET", key, content)]
        case "hash" | "zset" | "set" | "list":
            verb = {"hash": "HSET", "zset": "ZADD", "set": "SADD", "list": "RPUSH"}[kind]
            commands = [(verb, key, *content[at : at + _MOST_ARGS]) for at in range(0, len(content), _MOST_ARGS)]
        case "stream":
            commands = [("XADD", key, entry_id, *fields) for entry_id, fields in content]
    if expires_ms:
        commands.append(("PEXPIREAT", key, expires_ms))
    return commands
