"""Messages kept plainly, as the systems before did: whole, as JSON, in a list that nobody ever shortens.

There to be compared with; it keeps the same contract. Not its job: being small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ezaigents.codec import from_json, from_pack, to_json
from ezaigents.queue import Queue, Script
from ezaigents.records import Answer
from ezaigents.team.letters import LOOK_MOST, Letter, Message
from ezaigents.team.mailboxes import Mailboxes, at_ms_of


class _Kept(msgspec.Struct, frozen=True):
    """An entry of the list: a letter, with the id that the engine gave it before its other fields."""

    id: str
    to: str
    sender: str
    type: str
    data: str
    hops: int
    task: str


class PlainMessages:
    """A list per mailbox, for ever; what is older than `ttl_s` is kept and not shown."""

    def __init__(
        self,
        queue: Queue,
        *,
        ttl_s: float,
        mailbox_most: int,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        self.mailbox_most = mailbox_most
        self._mailboxes = Mailboxes(queue, plain=True, ttl_s=ttl_s, most=mailbox_most, scripts=scripts)

    async def send(self, letters: Sequence[Letter]) -> list[Answer]:
        """As MessageStore says."""
        return await self._mailboxes.send([(letter.to, to_json(letter).decode()) for letter in letters])

    async def unread(self, agent: str, *, after: str = "", since: str = "") -> list[Message]:
        """As MessageStore says."""
        return _messages(await self._mailboxes.look([agent], unread=True, after=after, since=since, most=LOOK_MOST))

    async def ack(self, agent: str, message_id: str) -> None:
        """As MessageStore says."""
        await self._mailboxes.ack(agent, message_id)

    async def window(self, agent: str, *, after: str = "", most: int = LOOK_MOST) -> list[Message]:
        """As MessageStore says."""
        return _messages(await self._mailboxes.look([agent], unread=False, after=after, most=most))

    async def counts(self, agents: Sequence[str]) -> dict[str, int]:
        """As MessageStore says."""
        found = from_pack(await self._mailboxes.look(agents, unread=True), list[tuple[int, list[str]]])
        return {agent: count for agent, (count, _) in zip(agents, found, strict=True)}


def _messages(packed: bytes) -> list[Message]:
    ((_, rows),) = from_pack(packed, list[tuple[int, list[str]]])
    return [_message(from_json(row, _Kept)) for row in rows]


def _message(kept: _Kept) -> Message:
    return Message(**msgspec.structs.asdict(kept), at_ms=at_ms_of(kept.id))
