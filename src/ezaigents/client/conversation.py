"""What is said, as a reader sees it. Job: the messages of several mailboxes as one, oldest first.

Nothing is taken from a mailbox by looking. Not its job: waiting for more (steering).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from ezaigents.team import Message, MessageStore

_PAGE = 500


async def said(store: MessageStore, agents: Sequence[str], after: dict[str, str]) -> list[Message]:
    """What the mailboxes hold behind `after` (agent to id, moved on here), oldest first."""
    found = [await _box(store, agent, after) for agent in agents]
    return list(heapq.merge(*found, key=lambda message: message.at_ms))


async def _box(store: MessageStore, agent: str, after: dict[str, str]) -> list[Message]:
    messages: list[Message] = []
    while page := await store.window(agent, after=after.get(agent, ""), most=_PAGE):
        messages += page
        after[agent] = page[-1].id
        if len(page) < _PAGE:
            break
    return messages
