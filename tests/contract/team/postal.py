"""Mailboxes over a real engine, with short words for what tests do often. Job: set scenes. Not its job: expectations.

A store's clock can be set: `skew` adds ms to the engine's time in its scripts, so that nothing has to be waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.contract.queue.rig import Rig

from ezaigents import team
from ezaigents.queue import Queue, Script, read_scripts
from ezaigents.team.inbox import Inbox
from ezaigents.team.letters import Letter, Message, MessageStore
from ezaigents.team.mailboxes import NAMES
from ezaigents.team.mailer import Mailer
from ezaigents.team.messages import CompactMessages
from ezaigents.team.plain_messages import PlainMessages

both_stores = pytest.mark.parametrize("storage", ["compact", "plain"])
LUA = Path(team.__file__).parent / "lua"
TTL_S = 60.0
_NOW = "math.floor(tonumber(engine_time[2]) / 1000)"


def scripts_with(replaced: dict[str, tuple[str, str]] | None = None) -> dict[str, Script]:
    """The room's scripts with a settable clock, and perhaps something replaced in one of them."""
    scripts = {}
    for name, script in read_scripts(LUA, NAMES).items():
        text = script.text.replace(_NOW, f"{_NOW} + tonumber(call('GET', P .. 'skew') or 0)")
        old, new = (replaced or {}).get(name, ("", ""))
        assert old in text
        scripts[name] = Script(name, text.replace(old, new) if old else text)
    return scripts


class Post:
    """A store of one kind, its mailer, and the rig beneath."""

    def __init__(self, rig: Rig, storage: str, home: Path, *, most: int = 10_000, ttl_s: float = TTL_S) -> None:
        self.rig = rig
        self.storage = storage
        self.home = home
        self.most = most
        self.ttl_s = ttl_s
        self.store = self.store_over(rig.queue)
        self.mailer = Mailer(self.store)

    def store_over(self, queue: Queue, replaced: dict[str, tuple[str, str]] | None = None) -> MessageStore:
        """Another store on the same mailboxes, as another process has one."""
        scripts = scripts_with(replaced)
        if self.storage == "plain":
            return PlainMessages(queue, ttl_s=self.ttl_s, mailbox_most=self.most, scripts=scripts)
        return CompactMessages(queue, self.home, ttl_s=self.ttl_s, mailbox_most=self.most, scripts=scripts)

    def mailbox(self, agent: str) -> str:
        """The key that holds an agent's messages."""
        keys = self.rig.keys
        return keys.plain_mail(agent) if self.storage == "plain" else keys.mailbox(agent)

    async def kept(self, agent: str) -> int:
        """How many messages the engine holds, shown or not."""
        length: int = await self.rig.raw("LLEN" if self.storage == "plain" else "XLEN", self.mailbox(agent))
        return length

    async def send(self, *data: str, to: str = "a", **fields: Any) -> None:
        """Send letters one after the other."""
        for text in data:
            await self.mailer.send(letter(text, to=to, **fields))

    async def skew(self, ms: int) -> None:
        """Set the clock of this store's scripts that much ahead of the engine's."""
        await self.rig.raw("SET", f"{self.rig.keys.prefix}skew", ms)

    async def inbox(self, agent: str = "a", *, hint: asyncio.Event | None = None, store: Any = None) -> Inbox:
        """The inbox of an attempt that begins now."""
        return Inbox(store or self.store, agent, hint or asyncio.Event(), since_ms=await self.rig.engine_ms() + 1)


@asynccontextmanager
async def posted(rig: Rig, storage: str, home: Path, **options: Any) -> AsyncIterator[Post]:
    """A post for the length of a test."""
    post = Post(rig, storage, home, **options)
    yield post
    await post.mailer.close()
    await rig.raw("DEL", f"{rig.keys.prefix}skew")


def letter(data: str = "hello", **fields: Any) -> Letter:
    """A letter from b to a."""
    plain: dict[str, Any] = {"to": "a", "sender": "b", "type": "note", "data": data}
    return Letter(**(plain | fields))


def texts(messages: Sequence[Message]) -> list[str]:
    """What they say."""
    return [message.data for message in messages]
