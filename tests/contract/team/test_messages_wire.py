"""Lost answers, lost scripts, a full engine, one that was killed: each letter goes once, or its sender knows."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.queue.cutting import CuttingProxy
from tests.contract.queue.rig import Rig
from tests.contract.team.postal import Post, both_stores, letter, posted, texts
from tests.engines import Engine, redis_program

from ezaigents.engine import Connection
from ezaigents.errors import EngineDown, EngineFull
from ezaigents.queue import Keys, Queue
from ezaigents.records import Answer
from ezaigents.settings import Settings
from ezaigents.team.letters import LOOK_MOST, MessageStore
from ezaigents.team.mailer import Mailer
from ezaigents.team.messages import CompactMessages, make_messages

Act = Callable[[MessageStore], Awaitable[Any]]
_LETTERS = [letter("1"), letter("2"), letter("3"), letter("4", to="c")]


async def _send(store: MessageStore) -> Any:
    return await store.send(_LETTERS)


async def _look(store: MessageStore) -> Any:
    return [(m.data, m.sender) for m in await store.unread("a")], await store.counts(["a", "c"])


async def _ack(store: MessageStore) -> Any:
    return await store.ack("a", (await store.unread("a"))[1].id)


_ACTS: dict[str, Act] = {"send": _send, "look": _look, "ack": _ack}


@both_stores
@pytest.mark.parametrize("name", _ACTS)
async def test_a_connection_cut_at_each_byte_of_the_reply_has_one_effect(
    rig: Rig, storage: str, name: str, tmp_path: Path
) -> None:
    """Wherever a reply is cut off, the repeated call answers as before, and the mailboxes are as after one call."""
    async with (
        posted(rig, storage, tmp_path, most=4) as post,
        CuttingProxy(tmp_path, rig.engine.address) as proxy,
        Connection(proxy.address) as connection,
    ):
        queue = Queue(connection, rig.keys)

        async def played(cut: int | None) -> tuple[Any, Any]:
            await rig.raw("FLUSHALL")
            store = post.store_over(queue)
            await post.store.send([letter("0"), letter("00")])
            proxy.cut_after(cut)
            answer = await _ACTS[name](store)
            picture = texts(await post.store.window("a")), texts(await post.store.unread("a"))
            return answer, (picture, await post.store.counts(["a", "c"]))

        await played(None)  # from here on the engine knows the scripts, and their replies are the only ones
        whole = await played(None)
        length = proxy.passed
        assert length > 0
        for cut in range(length):
            assert await played(cut) == whole, f"cut after {cut} of {length} bytes"
            assert proxy.has_cut or proxy.passed <= cut  # a reply that tells times may be a digit shorter
        if name == "send":
            assert whole[0] == [Answer.OK, Answer.OK, Answer.FULL, Answer.OK]


@both_stores
async def test_a_batch_that_comes_late_and_again_changes_nothing(rig: Rig, storage: str, tmp_path: Path) -> None:
    """A copy of a batch, held back by a broken connection until the next batch was answered, is not delivered."""
    async with posted(rig, storage, tmp_path) as post:
        store: Any = post.store
        mailboxes = store._mailboxes
        await store.send([letter("1")])
        await store.send([letter("2")])
        mailboxes._batch = 0
        assert await mailboxes.send([("a", "never looked at")]) == []
        mailboxes._batch = 1
        assert await store.send([letter("2")]) == [Answer.OK], "the last batch, again"
        await store.send([letter("3")])
        assert texts(await store.window("a")) == ["1", "2", "3"]


@both_stores
async def test_senders_do_not_share_their_numbers(rig: Rig, storage: str, tmp_path: Path) -> None:
    """The first batch of one process is not taken for a repetition of another's first batch."""
    async with posted(rig, storage, tmp_path) as post:
        for text in "123":
            assert await post.store_over(rig.queue).send([letter(text)]) == [Answer.OK]
        assert texts(await post.store.window("a")) == ["1", "2", "3"]


@both_stores
@pytest.mark.parametrize("name", _ACTS)
async def test_scripts_that_the_engine_forgot_are_loaded_again(
    rig: Rig, storage: str, name: str, tmp_path: Path
) -> None:
    """SCRIPT FLUSH in between is not noticed."""
    async with posted(rig, storage, tmp_path) as post:
        await post.store.send(_LETTERS)
        await rig.raw("SCRIPT", "FLUSH")
        await _ACTS[name](post.store)


@both_stores
async def test_a_cancelled_caller_does_not_stop_its_batch(rig: Rig, storage: str, tmp_path: Path) -> None:
    """A letter that was handed in goes, once, with the others of its batch; `close` waits for it."""
    async with posted(rig, storage, tmp_path) as post:
        calls = [asyncio.ensure_future(post.send(str(number))) for number in range(4)]
        await asyncio.sleep(0)
        for call in calls[:2]:
            call.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*calls, return_exceptions=True)
        assert [call.cancelled() for call in calls] == [True, True, False, False]
        lone = asyncio.ensure_future(post.send("4"))
        await asyncio.sleep(0)
        lone.cancel()
        await post.mailer.close()
        assert texts(await post.store.unread("a")) == ["0", "1", "2", "3", "4"]


@both_stores
async def test_concurrent_senders_lose_and_double_nothing(rig: Rig, storage: str, tmp_path: Path) -> None:
    """1,000 letters of many callers and three processes, to five agents: each is there once, each caller's in order."""
    async with posted(rig, storage, tmp_path) as post:
        mailers = [Mailer(post.store_over(rig.queue)) for _ in range(3)]

        async def caller(number: int) -> None:
            for count in range(10):
                to = "abcde"[count % 5]
                await mailers[number % 3].send(letter(f"{number} {count}", to=to))

        await asyncio.gather(*[caller(number) for number in range(100)])
        got: list[str] = []
        for agent in "abcde":
            said = texts(await post.store.window(agent, most=2 * LOOK_MOST))
            for number in range(100):
                mine = [text for text in said if text.startswith(f"{number} ")]
                assert mine == sorted(mine)
            got += said
        assert sorted(got) == sorted(f"{number} {count}" for number in range(100) for count in range(10))


async def test_callers_share_batches(rig: Rig, tmp_path: Path) -> None:
    """What is handed in while a batch is under way leaves together, at most 256 in a call, in the order handed in."""
    sizes: list[int] = []

    class Counting(CompactMessages):
        async def send(self, letters: Any) -> list[Answer]:
            sizes.append(len(letters))
            return await super().send(letters)

    mailer = Mailer(Counting(rig.queue, tmp_path, ttl_s=60, mailbox_most=10_000))
    await asyncio.gather(*[mailer.send(letter(str(number))) for number in range(600)])
    assert sizes == [256, 256, 88]


async def test_what_stops_a_batch_is_told_to_each_of_its_callers(rig: Rig, tmp_path: Path) -> None:
    """Everyone who still waits for a letter hears why it did not go, and the mailer goes on with the next."""
    (tmp_path / "mail").write_text("not a folder")
    async with posted(rig, "compact", tmp_path) as post:
        calls = [asyncio.ensure_future(post.send(text * 5_000)) for text in "xyz"]
        await asyncio.sleep(0)
        calls[0].cancel()
        async with asyncio.timeout(10):
            cancelled, *told = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert all("could not be written" in str(error) for error in told), told
        await post.send("short")
        assert texts(await post.store.unread("a")) == ["short"]


async def _fill(rig: Rig) -> None:
    used = dict(line.split(":", 1) for line in (await rig.raw("INFO", "memory")).decode().split() if ":" in line)
    await rig.raw("CONFIG", "SET", "maxmemory", str(int(used["used_memory"]) // 2))


@both_stores
async def test_a_full_engine_refuses_letters_and_lets_them_be_taken(rig: Rig, storage: str, tmp_path: Path) -> None:
    """With its memory full nothing is sent, which is said at once; reading and acknowledging go on."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("one", "two")
        await _fill(rig)
        with pytest.raises(EngineFull):
            await post.send("three")
        inbox = await post.inbox()
        assert texts(await inbox.take()) == ["one", "two"]
        await inbox.close(taken=True)
        assert await post.store.counts(["a"]) == {"a": 0}
        await rig.raw("CONFIG", "SET", "maxmemory", "0")
        await post.send("four")
        assert texts(await post.store.unread("a")) == ["four"]


async def test_an_engine_that_stays_away_is_told_after_the_patience(rig: Rig, tmp_path: Path) -> None:
    """A letter is repeated for as long as the queue's calls are, then EngineDown says that its fate is unknown."""
    async with CuttingProxy(tmp_path, rig.engine.address) as proxy:
        connection = Connection(proxy.address)
        await connection.open()
    post = Post(rig, "compact", tmp_path)
    mailer = Mailer(post.store_over(Queue(connection, rig.keys, patience_s=0.05)))
    with pytest.raises(EngineDown):
        await mailer.send(letter())
    await connection.close()


@pytest.mark.parametrize("program", ["embedded", "redis"])
@both_stores
def test_unread_messages_survive_a_killed_engine(storage: str, program: str, tmp_path: Path) -> None:
    """What was acknowledged to its sender is there after kill -9, so is what its reader has acknowledged."""
    chosen = redis_program() if program == "redis" else None
    if program == "redis" and chosen is None:
        pytest.skip("no redis-server on PATH, and EZ_TEST_REDIS names none")
    durable = ("--appendonly", "yes", "--appendfsync", "always")

    settings = Settings(home=str(tmp_path), storage=storage)

    async def visit(engine: Engine, story: Callable[[MessageStore], Awaitable[None]]) -> None:
        async with Connection(engine.address) as connection:
            queue = Queue(connection, Keys("t"))
            await story(make_messages(settings, queue))
            await queue.close()

    async def before(store: MessageStore) -> None:
        await store.send([letter("1"), letter("2" * 5_000), letter("3")])
        await store.ack("a", (await store.unread("a"))[0].id)

    async def after(store: MessageStore) -> None:
        assert texts(await store.unread("a")) == ["2" * 5_000, "3"]
        await store.send([letter("4")])
        assert [message.id.split("-")[1] for message in await store.window("a")] == ["1", "2", "3", "4"]

    for story in (before, after):
        engine = Engine(tmp_path, chosen, durable)
        try:
            asyncio.run(visit(engine, story))
        finally:
            engine.stop(signal.SIGKILL)
