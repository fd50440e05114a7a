"""Messages between agents: how fast, how large, and what is left of a million of them.

One process, every write fsynced. 256 callers send notes of 100 bytes, each its next when the last is acknowledged, to
20 agents whose inboxes take them as hints come; the time is from the first send until the last message was taken.
The plain store is measured beside it in the same run, on an engine of its own. What is left is measured with a window
of 5 s: the engine's `used_memory` once the window has passed, less that of the engine when it was empty.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from bench.fleet import filesystem_of, info, temporary_settings
from bench.line import result
from ezaigents.engine import BlockingConnection, Connection, EngineHandle, begin
from ezaigents.home import open_home
from ezaigents.queue import Keys, Queue
from ezaigents.scorecard import fsync_ms
from ezaigents.settings import Settings
from ezaigents.team.inbox import Inbox
from ezaigents.team.letters import Letter, MessageStore
from ezaigents.team.mailer import Mailer
from ezaigents.team.messages import make_messages

_MESSAGES = int(os.environ.get("BENCH_MESSAGES", "1000000"))
_RATED = max(1, _MESSAGES // 10)
_CALLERS = 256
_AGENTS = tuple(f"agent{number}" for number in range(20))
_DATA = "m" * 100
_WINDOW_S = 5.0


class _Told(msgspec.Struct, frozen=True):
    """What one exchange took."""

    took_s: float
    taken: int


class _Reader:
    """An agent that takes what comes."""

    def __init__(self, store: MessageStore, agent: str, expected: int, since_ms: int) -> None:
        self.hint = asyncio.Event()
        self.taken = 0
        self._inbox = Inbox(store, agent, self.hint, since_ms=since_ms)
        self._expected = expected

    async def read(self) -> None:
        """Until everything was taken."""
        while self.taken < self._expected:
            await self._inbox.wait()
            self.taken += len(await self._inbox.take())
        await self._inbox.close(taken=True)


async def _exchange(settings: Settings, engine: EngineHandle, count: int) -> _Told:
    """Send `count` messages and take them."""
    keys = Keys("bench")
    readers: dict[str, _Reader] = {}
    each = count // len(_AGENTS)
    async with Connection(engine.address, on_heard=lambda channel, _: readers[channel].hint.set()) as connection:
        queue = Queue(connection, keys)
        store = make_messages(settings, queue)
        mailer = Mailer(store)
        seconds, micros = await connection.call("TIME")
        since_ms = int(seconds) * 1000 + int(micros) // 1000
        readers |= {keys.mail(agent): _Reader(store, agent, each, since_ms) for agent in _AGENTS}
        await connection.listen(pattern=f"{keys.mail('')}*")
        letters = iter([Letter(to=agent, sender="bench", type="note", data=_DATA) for agent in _AGENTS] * each)

        async def caller() -> None:
            for letter in letters:
                await mailer.send(letter)

        began_s = time.perf_counter()
        await asyncio.gather(*[reader.read() for reader in readers.values()], *[caller() for _ in range(_CALLERS)])
        took_s = time.perf_counter() - began_s
        await queue.close()
    return _Told(took_s, sum(reader.taken for reader in readers.values()))


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[tuple[EngineHandle, BlockingConnection]]:
    open_home(settings.home_path)
    engine = begin(settings).ready()
    try:
        with BlockingConnection(engine.address) as connection:
            yield engine, connection
    finally:
        engine.leave()


def _used(connection: BlockingConnection) -> int:
    return int(info(connection, "memory")["used_memory"])


async def _rate(storage: str) -> dict[str, object]:
    """Sent and taken a second, and what a message weighs while it is kept."""
    flags: dict[str, object] = {"storage": storage, "mailbox_most": 1_000_000}
    with temporary_settings(**flags) as settings:
        async with _engine(settings) as (engine, connection):
            await _exchange(settings, engine, len(_AGENTS))  # the engine has the scripts, and its tables their size
            before, log_before = _used(connection), int(info(connection, "persistence")["aof_current_size"])
            told = await _exchange(settings, engine, _RATED)
            kept, log = _used(connection), int(info(connection, "persistence")["aof_current_size"])
            fsync, filesystem = fsync_ms(settings.home_path), filesystem_of(settings.home_path)
    return {
        "storage": storage,
        "n": told.taken,
        "sent_and_taken_per_s": round(told.taken / told.took_s),
        "bytes_per_message": round((kept - before) / told.taken),
        "aof_bytes_per_message": round((log - log_before) / told.taken),
        "fsync_ms_median": round(fsync, 3),
        "filesystem": filesystem,
    }


async def _left() -> dict[str, object]:
    """The engine's memory after every message went and its window passed."""
    with temporary_settings(message_ttl_s=_WINDOW_S, mailbox_most=1_000_000) as settings:
        async with _engine(settings) as (engine, connection):
            empty = info(connection, "memory")
            told = await _exchange(settings, engine, _MESSAGES)
            most = _used(connection)
            keys = await _keys_after_window(connection)
            after = info(connection, "memory")
    parts = ("mem_clients_normal", "mem_aof_buffer", "used_memory_scripts_eval", "used_memory_dataset")
    return {
        "n": told.taken,
        "window_s": _WINDOW_S,
        "sent_and_taken_per_s": round(told.taken / told.took_s),
        "used_mb_at_the_end_of_sending": round(most / 1e6, 2),
        "keys_left": keys,
        "left_bytes": int(after["used_memory"]) - int(empty["used_memory"]),
        "left_bytes_of": {name: int(after.get(name, 0)) - int(empty.get(name, 0)) for name in parts},
        "engine_rss_mb_after": round(int(after["used_memory_rss"]) / 1e6, 1),
    }


async def _keys_after_window(connection: BlockingConnection) -> int:
    """Wait until only the sender's last answer is left, which the engine keeps for a minute."""
    until_s = time.monotonic() + _WINDOW_S + 30
    while (keys := int(connection.call("DBSIZE"))) > 1 and time.monotonic() < until_s:
        await asyncio.sleep(0.2)
    return keys


async def _measure() -> dict[str, object]:
    return result(
        "messages",
        n=_MESSAGES,
        callers=_CALLERS,
        agents=len(_AGENTS),
        data_bytes=len(_DATA),
        runs=[await _rate("compact"), await _rate("plain")],
        left=await _left(),
    )


def run() -> dict[str, object]:
    """Both stores, then a million messages through a short window."""
    return asyncio.run(_measure())
