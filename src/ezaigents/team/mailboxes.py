"""The calls of the scripts behind both stores. Job: nonces, arguments, answers. Not its job: what is in an entry."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ezaigents.codec import to_pack
from ezaigents.engine import Arg
from ezaigents.errors import InputError
from ezaigents.queue import Queue, Script, read_scripts
from ezaigents.records import Answer

_FOLDER = Path(__file__).parent / "lua"
NAMES = ("send", "look", "plain_look", "ack")
_ID = re.compile(r"\d{1,15}-\d{1,15}\Z")
_TAKEN = ord("1")


class Mailboxes:
    """The mailboxes of one namespace, kept compactly or plainly.

    A batch carries this process's random name and a rising number; the engine keeps the answers to the last one for
    an hour. So a batch may be repeated, while no other is sent through the same Mailboxes meanwhile.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        plain: bool,
        ttl_s: float,
        most: int,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        self._queue = queue
        self._scripts = scripts or read_scripts(_FOLDER, NAMES)
        self._storage = "plain" if plain else "compact"
        self._looking = self._scripts["plain_look" if plain else "look"]
        self._ttl_ms = round(ttl_s * 1000)
        self._most = most
        self._sender = os.urandom(6).hex()
        self._batch = 0

    async def send(self, letters: Sequence[tuple[str, object]]) -> list[Answer]:
        """Put (recipient, body) each into its mailbox; a body is what send.lua takes."""
        self._batch += 1
        args: list[Arg] = [self._sender, self._batch, self._ttl_ms, self._most, self._storage]
        args += map(to_pack, letters)
        said: bytes = await self._queue.run_script(self._scripts["send"], args)
        return [Answer.OK if taken == _TAKEN else Answer.FULL for taken in said]

    async def look(
        self, agents: Sequence[str], *, unread: bool, after: str = "", since: str = "", most: int = 0
    ) -> bytes:
        """Per agent, packed: how many messages there are behind the position, and the first of them."""
        for field, message_id in (("after", after), ("since", since)):
            if message_id:
                check_id(field, message_id)
        args: list[Arg] = ["unread" if unread else "window", after, since, self._ttl_ms, most, *agents]
        packed: bytes = await self._queue.run_script(self._looking, args)
        return packed

    async def ack(self, agent: str, message_id: str) -> None:
        """Note that an agent has taken its messages up to this one."""
        check_id("message_id", message_id)
        await self._queue.run_script(self._scripts["ack"], [agent, message_id, self._ttl_ms])


def check_id(field: str, message_id: str) -> None:
    """Raise InputError for what is not a message's id."""
    if not _ID.match(message_id):
        raise InputError(field, f"{message_id[:40]!r} is not a message's id, such as 1700000000000-1")


def at_ms_of(message_id: str) -> int:
    """When the message of this id was accepted, by the engine's clock."""
    return int(message_id.partition("-")[0])
