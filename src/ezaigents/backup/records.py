"""A key of the engine as a record that any engine can take. Job: the form, the commands that read and write each type.

Not DUMP: what one version dumps an older one refuses, and our own engine's user may not RESTORE.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ezaigents.engine import Arg
from ezaigents.queue.fsck import sort_of

Record = tuple[str, str, int, Any]
"""Name without the namespace, type, when it expires (ms since 1970, 0 = never), content in pairs or as a list."""
Records = AsyncIterator[list[Record]]
_MOST_ARGS = 1000
_ENTRY = 2
"""Parts of an entry of a stream: its id, and its fields."""

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


def check_record(record: Record) -> None:
    """Raise ValueError for one that is not as it is read from an engine: it came from a file, and may be forged."""
    name, kind, _, content = record
    sort = sort_of(name)
    if kind not in READS or (sort is not None and sort.type != kind):
        raise ValueError(f"{name[:40]!r} is no {kind[:20]}")
    if kind == "string":
        is_sound = isinstance(content, bytes)
    elif kind == "stream":
        is_sound = isinstance(content, list) and all(
            isinstance(entry, list) and len(entry) == _ENTRY and _are_words([entry[0]]) and _are_pairs(entry[1])
            for entry in content
        )
    else:
        is_sound = _are_pairs(content) if kind in ("hash", "zset") else _are_words(content)
    if not is_sound:
        raise ValueError(f"{name[:40]!r} holds what no {kind} holds")


def _are_words(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(part, bytes | str) for part in content)


def _are_pairs(content: Any) -> bool:
    return _are_words(content) and len(content) % 2 == 0


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
