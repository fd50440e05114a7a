"""Who is here: each host's card in the engine, with an hour to live (or, plainly, for ever).

Job: announce, beat, leave, list. Not its job: when a host speaks (runtime), what its silence means (presence).
"""

from __future__ import annotations

from pathlib import Path

from ezaigents.codec import from_json, to_json
from ezaigents.engine import Arg, Connection, Reply
from ezaigents.queue import Keys, call_script, read_scripts
from ezaigents.records import Health, HostCard
from ezaigents.team.presence import Seen

_FOLDER = Path(__file__).parent / "lua"
_NAMES = ("announce", "leave", "hosts")
_WELL = Health()
_HOUR_MS = 3_600_000
_FOR_EVER_MS = 0


class Registry:
    """The hosts of one namespace. `plain`: silent ones are remembered for ever, not for an hour.

    Every method raises EngineDown; each may be repeated when its outcome is unknown.
    """

    def __init__(self, connection: Connection, keys: Keys, *, plain: bool = False) -> None:
        self._life_ms = _FOR_EVER_MS if plain else _HOUR_MS
        self._connection = connection
        self._keys = keys
        self._scripts = read_scripts(_FOLDER, _NAMES)

    async def announce(self, card: HostCard, health: Health = _WELL) -> None:
        """Show the card, in place of whatever was known of this name."""
        await self._call("announce", card.name, self._life_ms, to_json(card), _packed(health))

    async def beat(self, name: str, changed: Health | None = None) -> bool:
        """Give a sign of life, with what ails the host where that has changed.

        False, and nothing is changed, when the engine has lost the card: announce it again.
        """
        return bool(
            await self._call("announce", name, self._life_ms, "", *([] if changed is None else [_packed(changed)]))
        )

    async def leave(self, name: str) -> None:
        """Take the card away: the host is gone at once."""
        await self._call("leave", name)

    async def hosts(self) -> list[Seen]:
        """Every host heard of within an hour, by name; `presence` tells those that are gone."""
        now_ms, rows = await self._call("hosts")
        found = [
            Seen(from_json(card, HostCard), from_json(health, Health) if health else _WELL, int(last_seen_ms), now_ms)
            for card, health, last_seen_ms in rows
        ]
        return sorted(found, key=lambda seen: seen.card.name)

    async def _call(self, name: str, *args: Arg) -> Reply:
        return await call_script(self._connection, self._scripts[name], self._keys.counters(), list(args))


def _packed(health: Health) -> bytes:
    return b"" if health == _WELL else to_json(health)
