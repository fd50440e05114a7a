"""Who is here: each host's card in the engine, with an hour to live. Job: announce, leave, list.

Not its job: deciding that a host is dead (its leases and its lock file say so sooner).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.codec import from_json, to_json
from ezaigents.engine import Connection
from ezaigents.queue import Keys, Script, call_script
from ezaigents.records import HostCard

_ANNOUNCE = Path(__file__).parent / "lua" / "announce.lua"


class Seen(msgspec.Struct, frozen=True):
    """A host's card and when it last gave a sign of life (ms by the engine's clock)."""

    card: HostCard
    last_seen_ms: int


class Registry:
    """The hosts of one namespace."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._announce = Script("announce", _ANNOUNCE.read_text())

    async def announce(self, card: HostCard) -> None:
        """Show the card. Raises EngineDown."""
        await self._say(card.name, to_json(card))

    async def still_here(self, card: HostCard) -> None:
        """Give a sign of life, without the card unless the engine has lost it. Raises EngineDown."""
        if not await self._say(card.name, b"still"):
            await self.announce(card)

    async def leave(self, name: str) -> None:
        """Take a host's card away."""
        await self._say(name, b"")

    async def hosts(self) -> list[Seen]:
        """Every host heard of within an hour, by name."""
        raw = await self._connection.call("ZRANGE", self._keys.hosts(), 0, -1, "WITHSCORES")
        last_seen = {name.decode(): int(score) for name, score in raw}
        if not last_seen:
            return []
        names = sorted(last_seen)
        cards = await self._connection.call("MGET", *[self._keys.host(name) for name in names])
        pairs = zip(names, cards, strict=True)
        return [Seen(from_json(card, HostCard), last_seen[name]) for name, card in pairs if card]

    async def _say(self, name: str, card: bytes) -> bool:
        return bool(await call_script(self._connection, self._announce, self._keys.counters(), [name, card]))
