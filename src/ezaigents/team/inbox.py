"""The mailbox of an agent, as one running attempt sees it. Job: at least once, in order, nothing asked for nothing.

Not its job: hearing the hints (runtime), showing a conversation (MessageStore.window).
"""

from __future__ import annotations

import asyncio

from ezaigents.team.letters import LOOK_MOST, Message, MessageStore


class Inbox:
    """What is unread, and what comes while the attempt runs, even where another attempt of the agent takes it too.

    `hint`: set whenever something was published on the agent's channel, and when the connection was restored; this
    inbox alone clears it. `since_ms`: when the attempt began, by the engine's clock (its fence // 1000).
    One caller at a time. A message counts as taken with the next `take`, or with `close`: an attempt that dies before
    leaves it to the next one, under the same id.
    """

    def __init__(self, store: MessageStore, agent: str, hint: asyncio.Event, *, since_ms: int) -> None:
        self.hops = -1
        """The most hops of a message taken so far, -1 = none was taken; what the attempt sends carries one more."""
        self._store = store
        self._agent = agent
        self._hint = hint
        self._since = f"{since_ms}-0"
        self._position = ""
        self._acked = ""
        self._must_look = True

    async def take(self) -> list[Message]:
        """What came since the last call, oldest first, at most 500; asks the engine only when it must."""
        await self._ack()
        if self._hint.is_set():
            self._hint.clear()
            self._must_look = True
        if not self._must_look:
            return []
        messages = await self._store.unread(self._agent, after=self._position, since=self._since)
        self._must_look = len(messages) == LOOK_MOST
        if messages:
            self._position = messages[-1].id
            self.hops = max(self.hops, *(message.hops for message in messages))
        return messages

    async def wait(self) -> None:
        """Return when the next `take` may find something."""
        if not self._must_look:
            await self._hint.wait()

    async def close(self, *, taken: bool) -> None:
        """End; `taken`: the attempt has dealt with what the last `take` gave it."""
        if taken:
            await self._ack()

    async def _ack(self) -> None:
        if self._position != self._acked:
            position = self._position
            await self._store.ack(self._agent, position)
            self._acked = position
