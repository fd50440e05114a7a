"""Messages under fire: the engine is killed again and again while many write and others read."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.leaks import run, until

from ezaigents.engine import Connection, EngineHandle, Supervisor, begin
from ezaigents.home import open_home
from ezaigents.queue import Keys, Queue
from ezaigents.settings import Settings
from ezaigents.team.inbox import Inbox
from ezaigents.team.letters import Letter, Message
from ezaigents.team.mailer import Mailer
from ezaigents.team.messages import make_messages

_SENDING_S = 10.0
_KILLS = 5
_CALLERS = 40
_BETWEEN = 200
"""Letters that go between two kills, at least."""
_AGENTS = [f"agent{number}" for number in range(5)]


class _Reader:
    """An agent whose every take is followed by the next as soon as there is a hint."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.hint = asyncio.Event()
        self.taken: list[Message] = []

    async def read(self, inbox: Inbox) -> None:
        while True:
            await inbox.wait()
            self.taken += await inbox.take()


class _Side:
    """One process's connection, queue and store, whose hints reach these readers."""

    def __init__(self, engine: EngineHandle, settings: Settings, readers: list[_Reader]) -> None:
        keys = Keys("t")
        self._readers = {keys.mail(reader.agent): reader for reader in readers}
        self.connection = Connection(
            engine.address, on_heard=lambda channel, _: self._hear(channel), on_restored=self._look
        )
        self.queue = Queue(self.connection, keys)
        self.store = make_messages(settings, self.queue)

    def _hear(self, channel: str) -> None:
        self._readers[channel].hint.set()

    def _look(self) -> None:
        for reader in self._readers.values():
            reader.hint.set()


async def _write(mailer: Mailer, caller: int, sent: dict[str, list[str]], until_s: float) -> None:
    """Send until the time is over; note what was acknowledged, in the order of each caller."""
    loop, count = asyncio.get_running_loop(), 0
    while loop.time() < until_s:
        to = _AGENTS[(caller + count) % len(_AGENTS)]
        data = f"{caller} {count} " + "x" * (3_000 if count % 200 == 50 else count % 100)
        await mailer.send(Letter(to=to, sender=f"caller{caller}", type="note", data=data))
        sent[to].append(data)
        count += 1


@asynccontextmanager
async def _undying_engine(settings: Settings) -> AsyncIterator[EngineHandle]:
    """The embedded engine, started again whenever it dies."""
    open_home(settings.home_path)
    engine = await asyncio.to_thread(begin(settings).ready)
    watching = asyncio.ensure_future(Supervisor(settings, engine).run())
    try:
        yield engine
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await asyncio.to_thread(engine.leave)


async def _written(sent: dict[str, list[str]], due_s: float) -> None:
    """Let time pass in which letters go: a kill of an engine that nobody talks to proves nothing."""
    loop, before = asyncio.get_running_loop(), sum(map(len, sent.values()))
    await until(lambda: loop.time() >= due_s and sum(map(len, sent.values())) > before + _BETWEEN)


async def _kill(engine: EngineHandle) -> None:
    """Kill the engine, and wait until it lives again."""
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: engine.pid != pid)


def test_every_acknowledged_message_is_read_exactly_as_sent(tmp_path: Path) -> None:
    """With the engine killed five times in 10 s of sending, nothing is lost, nothing doubled, nothing changed."""
    settings = Settings(home=str(tmp_path / "home"), mailbox_most=1_000_000)
    sent: dict[str, list[str]] = {agent: [] for agent in _AGENTS}
    readers = [_Reader(agent) for agent in _AGENTS]

    async def story() -> None:
        async with _undying_engine(settings) as engine:
            out, into = _Side(engine, settings, []), _Side(engine, settings, readers)
            async with out.connection, into.connection:
                await _talk(engine, out, into, readers, sent)
                for reader in readers:
                    assert await into.store.window(reader.agent, most=1_000_000) == reader.taken
                assert await into.store.counts(_AGENTS) == dict.fromkeys(_AGENTS, 0)
                await out.queue.close()
                await into.queue.close()

    run(story(), limit_s=90.0)
    for reader in readers:
        _judge(reader, sent[reader.agent])


async def _talk(
    engine: EngineHandle, out: _Side, into: _Side, readers: list[_Reader], sent: dict[str, list[str]]
) -> None:
    """Write and read while the engine is killed, until everything sent was taken."""
    loop, mailer = asyncio.get_running_loop(), Mailer(out.store)
    for reader in readers:
        await into.connection.listen(channel=into.queue.keys.mail(reader.agent))
    inboxes = [Inbox(into.store, reader.agent, reader.hint, since_ms=0) for reader in readers]
    reading = [asyncio.ensure_future(reader.read(inbox)) for reader, inbox in zip(readers, inboxes, strict=True)]
    until_s = loop.time() + _SENDING_S
    writing = [asyncio.ensure_future(_write(mailer, number, sent, until_s)) for number in range(_CALLERS)]
    for number in range(_KILLS):
        due_s = until_s - _SENDING_S * (_KILLS - number) / (_KILLS + 1)
        await _written(sent, due_s)
        await _kill(engine)
    await asyncio.gather(*writing)
    await mailer.close()
    await until(lambda: all(len(reader.taken) >= len(sent[reader.agent]) for reader in readers))
    for task in reading:
        task.cancel()
    await asyncio.wait(reading)
    for inbox in inboxes:
        await inbox.close(taken=True)


def _judge(reader: _Reader, sent: list[str]) -> None:
    """Each message once, each caller's in order, ids rising."""
    taken = [message.data for message in reader.taken]
    assert sorted(taken) == sorted(sent)
    for caller in range(_CALLERS):
        mine = f"{caller} "
        assert [text for text in taken if text.startswith(mine)] == [text for text in sent if text.startswith(mine)]
    ids = [tuple(map(int, message.id.split("-"))) for message in reader.taken]
    assert ids == sorted(set(ids))
