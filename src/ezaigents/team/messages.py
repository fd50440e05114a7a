"""Messages kept compactly: a sliding window per mailbox, of what differs from one message to the next.

Job: letters to entries of a stream and back, long data in files beside. Not its job: batches (mailer.py), reading
for a running task (inbox.py). docs/engine-keys.md has the fields of an entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from ezaigents.clock import Clock, SystemClock
from ezaigents.codec import from_pack
from ezaigents.ids import IdMaker
from ezaigents.queue import Queue, Script
from ezaigents.records import Answer
from ezaigents.settings import Settings
from ezaigents.team.letters import LOOK_MOST, Letter, Message, MessageStore
from ezaigents.team.mail_files import MailFiles
from ezaigents.team.mailboxes import Mailboxes, at_ms_of
from ezaigents.team.plain_messages import PlainMessages

_INLINE_MOST_BYTES = 1024
_TIDY_EVERY_MS = 3_600_000
"""A file outlives its message by up to as much, so that a letter sent late, after an engine's absence, still has it."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """An entry as look.lua gives it; `file` names what holds the data, "" = it is here."""

    id: str
    sender: str
    type: str
    data: str
    file: str
    hops: int
    task: str


class _EngineTime:
    """The engine's clock, reckoned on from when it was asked last; a host's own may be hours off.

    Messages live by it, so their files are named and deleted by it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms = 0

    def set(self, engine_ms: int) -> None:
        """It was this just now."""
        self._ahead_ms = engine_ms - round(self.monotonic_s() * 1000)

    def wall_ms(self) -> int:
        return round(self.monotonic_s() * 1000) + self._ahead_ms

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()


class CompactMessages:
    """A stream per mailbox, trimmed at each send to what is younger than `ttl_s`, and gone that long after the last.

    `home`: the data folder. Data over 1,024 bytes is a file there, and only its name is in the engine.
    """

    def __init__(
        self,
        queue: Queue,
        home: Path,
        *,
        ttl_s: float,
        mailbox_most: int,
        clock: Clock | None = None,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        self.mailbox_most = mailbox_most
        self._mailboxes = Mailboxes(queue, plain=False, ttl_s=ttl_s, most=mailbox_most, scripts=scripts)
        self._files = MailFiles(home)
        self._queue = queue
        self._clock = clock or SystemClock()
        self._engine_time = _EngineTime(self._clock)
        self._make_name = IdMaker(self._engine_time)
        self._ttl_ms = round(ttl_s * 1000)
        self._tidy_at_s = float("-inf")

    async def send(self, letters: Sequence[Letter]) -> list[Answer]:
        """As MessageStore says; long data is on the disk before its letter is sent."""
        await self._tidy()
        names = [self._make_name() if _is_long(letter.data) else "" for letter in letters]
        texts = {name: letter.data for name, letter in zip(names, letters, strict=True) if name}
        if texts:
            await asyncio.to_thread(self._files.write, texts)
        rows = [(letter.to, _entry(letter, name)) for letter, name in zip(letters, names, strict=True)]
        answers = await self._mailboxes.send(rows)
        refused = [name for name, answer in zip(names, answers, strict=True) if name and answer is Answer.FULL]
        if refused:
            await asyncio.to_thread(self._files.delete, refused)
        return answers

    async def unread(self, agent: str, *, after: str = "", since: str = "") -> list[Message]:
        """As MessageStore says."""
        packed = await self._mailboxes.look([agent], unread=True, after=after, since=since, most=LOOK_MOST)
        return await self._messages(agent, packed)

    async def ack(self, agent: str, message_id: str) -> None:
        """As MessageStore says."""
        await self._mailboxes.ack(agent, message_id)

    async def window(self, agent: str, *, after: str = "", most: int = LOOK_MOST) -> list[Message]:
        """As MessageStore says."""
        return await self._messages(agent, await self._mailboxes.look([agent], unread=False, after=after, most=most))

    async def counts(self, agents: Sequence[str]) -> dict[str, int]:
        """As MessageStore says."""
        found = from_pack(await self._mailboxes.look(agents, unread=True), list[tuple[int, list[_Row]]])
        return {agent: count for agent, (count, _) in zip(agents, found, strict=True)}

    async def _messages(self, agent: str, packed: bytes) -> list[Message]:
        ((_, rows),) = from_pack(packed, list[tuple[int, list[_Row]]])
        names = [row.file for row in rows if row.file]
        texts = await asyncio.to_thread(self._files.read, names) if names else {}
        return [_message(agent, row, texts) for row in rows]

    async def _tidy(self) -> None:
        """Now and then whoever sends deletes the files of messages that are over."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._tidy_at_s:
            seconds, micros = await self._queue.read("TIME")
            self._engine_time.set(int(seconds) * 1000 + int(micros) // 1000)
            self._tidy_at_s = now_s + _TIDY_EVERY_MS / 1000
            oldest_ms = self._engine_time.wall_ms() - self._ttl_ms - _TIDY_EVERY_MS
            await asyncio.to_thread(self._files.delete_older, oldest_ms)


def make_messages(settings: Settings, queue: Queue) -> MessageStore:
    """The store that the settings name."""
    ttl_s, mailbox_most = settings.message_ttl_s, settings.mailbox_most
    if settings.storage == "plain":
        return PlainMessages(queue, ttl_s=ttl_s, mailbox_most=mailbox_most)
    return CompactMessages(queue, settings.home_path, ttl_s=ttl_s, mailbox_most=mailbox_most)


def _is_long(data: str) -> bool:
    return len(data) > _INLINE_MOST_BYTES or (not data.isascii() and len(data.encode()) > _INLINE_MOST_BYTES)


def _entry(letter: Letter, file: str) -> Iterable[str | int]:
    """Always the same fields in the same order: the engine then stores their names once for many entries."""
    name, value = ("f", file) if file else ("d", letter.data)
    return ("s", letter.sender, "y", letter.type, name, value, "h", letter.hops, "t", letter.task)


def _message(agent: str, row: _Row, texts: Mapping[str, str]) -> Message:
    data = texts.get(row.file, f"(what was said is gone with the file {row.file}.txt)") if row.file else row.data
    return Message(
        id=row.id,
        to=agent,
        sender=row.sender,
        type=row.type,
        data=data,
        hops=row.hops,
        task=row.task,
        at_ms=at_ms_of(row.id),
    )
