"""The inbox of a running attempt: at least once, nothing asked for nothing, several attempts of one agent."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from tests.contract.queue.cutting import CuttingProxy
from tests.contract.queue.rig import Rig
from tests.contract.team.postal import both_stores, letter, posted, texts

from ezaigents.engine import Connection
from ezaigents.errors import EngineDown
from ezaigents.queue import Queue
from ezaigents.team.inbox import Inbox
from ezaigents.team.letters import LOOK_MOST


async def _calls(rig: Rig) -> int:
    """Scripts the engine has run so far."""
    stats: bytes = await rig.raw("INFO", "commandstats")
    return int(re.findall(r"cmdstat_evalsha:calls=(\d+)", stats.decode())[0])


@both_stores
async def test_the_first_take_reads_what_is_unread(rig: Rig, storage: str, tmp_path: Path) -> None:
    """What came before the attempt began, and was not taken by another, is there at once, without any hint."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("taken", "unread")
        await post.store.ack("a", (await post.store.unread("a"))[0].id)
        inbox = await post.inbox()
        await inbox.wait()
        assert texts(await inbox.take()) == ["unread"]


@both_stores
async def test_an_idle_inbox_asks_nothing(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Without a hint no take asks the engine, however often; with one it asks once."""
    async with posted(rig, storage, tmp_path) as post:
        hint = asyncio.Event()
        inbox = await post.inbox(hint=hint)
        await post.send("one")
        assert texts(await inbox.take()) == ["one"]
        assert await inbox.take() == []  # the ack of the one
        before = await _calls(rig)
        for _ in range(10):
            assert await inbox.take() == []
        assert await _calls(rig) == before
        await post.send("two")
        assert await inbox.take() == [], "nobody gave a hint"
        hint.set()
        assert texts(await inbox.take()) == ["two"]
        assert not hint.is_set()


@both_stores
async def test_mail_wakes_who_waits_for_it(rig: Rig, storage: str, tmp_path: Path) -> None:
    """The hint that the engine publishes ends the waiting, and the take that follows has the message."""
    async with posted(rig, storage, tmp_path) as post:
        hint = asyncio.Event()
        async with Connection(rig.engine.address, on_heard=lambda _, __: hint.set()) as connection:
            await connection.listen(channel=rig.keys.mail("a"))
            inbox = await post.inbox(hint=hint)
            assert await inbox.take() == []
            waiting = asyncio.ensure_future(inbox.wait())
            await post.send("elsewhere", to="c")
            await connection.call("PING")
            assert not waiting.done()
            await post.send("here")
            async with asyncio.timeout(10):
                await waiting
            assert texts(await inbox.take()) == ["here"]


@both_stores
async def test_a_take_acknowledges_what_the_one_before_gave(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Until the next take, messages are not acknowledged: who dies with them leaves them to the next attempt."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("one", "two")
        died = await post.inbox()
        given = await died.take()
        again = await post.inbox()
        assert await again.take() == given, "redelivered, under the same ids"
        assert await again.take() == []
        assert await (await post.inbox()).take() == []


@both_stores
@pytest.mark.parametrize("taken", [True, False])
async def test_close_acknowledges_the_rest_when_told_so(rig: Rig, storage: str, tmp_path: Path, taken: bool) -> None:
    """An attempt that ended well has taken what it was given last; one that did not leaves it unread."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("one")
        inbox = await post.inbox()
        await inbox.take()
        await inbox.close(taken=taken)
        assert await post.store.counts(["a"]) == {"a": 0 if taken else 1}


@both_stores
async def test_attempts_of_one_agent_each_see_what_comes_while_they_run(rig: Rig, storage: str, tmp_path: Path) -> None:
    """What one of them acknowledged first is still new to the others, even to one that had not looked before."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("before")
        hints = [asyncio.Event() for _ in range(3)]
        first = await post.inbox(hint=hints[0])
        assert texts(await first.take()) == ["before"]
        assert await first.take() == []
        second, late = await post.inbox(hint=hints[1]), await post.inbox(hint=hints[2])
        assert await second.take() == [], "acknowledged before it began"
        await post.skew(10)  # so that all this is not one millisecond
        await post.send("while")
        for hint in hints:
            hint.set()
        assert texts(await first.take()) == ["while"]
        await first.close(taken=True)
        assert texts(await second.take()) == ["while"]
        assert texts(await late.take()) == ["while"]


@both_stores
async def test_more_than_one_look_holds_is_taken_by_several(rig: Rig, storage: str, tmp_path: Path) -> None:
    """A take gives at most 500; the rest comes with the next ones, without another hint."""
    async with posted(rig, storage, tmp_path) as post:
        sent = [str(number) for number in range(2 * LOOK_MOST + 1)]
        await asyncio.gather(*[post.send(text) for text in sent])
        inbox = await post.inbox()
        taken = [texts(await inbox.take()) for _ in range(4)]
        assert [len(part) for part in taken] == [LOOK_MOST, LOOK_MOST, 1, 0]
        assert [text for part in taken for text in part] == sent


async def test_the_hops_of_an_inbox_are_the_most_it_has_taken(rig: Rig, tmp_path: Path) -> None:
    """They never fall, so that a chain of answers cannot be cut short by reading something fresh."""
    async with posted(rig, "compact", tmp_path) as post:
        hint = asyncio.Event()
        inbox = await post.inbox(hint=hint)
        assert (await inbox.take(), inbox.hops) == ([], -1), "what answers nothing has 0"
        for hops, most in ((2, 2), (7, 7), (0, 7)):
            await post.send("x", hops=hops)
            hint.set()
            await inbox.take()
            assert inbox.hops == most


async def test_a_take_that_failed_is_made_up_for_by_the_next(rig: Rig, tmp_path: Path) -> None:
    """Neither a cancelled take nor an engine that is away loses a message, or the hint that there is one."""
    async with posted(rig, "compact", tmp_path) as post:
        hint = asyncio.Event()
        async with CuttingProxy(tmp_path, rig.engine.address) as proxy:
            connection = Connection(proxy.address)
            await connection.open()
            queue = Queue(connection, rig.keys, patience_s=0.05)
            inbox = Inbox(post.store_over(queue), "a", hint, since_ms=await rig.engine_ms())
            assert await inbox.take() == []
            await post.mailer.send(letter("one"))
            hint.set()
            take = asyncio.ensure_future(inbox.take())
            await asyncio.sleep(0)
            take.cancel()
            await asyncio.wait([take])
            await queue.close()
        with pytest.raises(EngineDown):
            await inbox.take()
        async with CuttingProxy(tmp_path, rig.engine.address):
            await connection.wait_up(10)
            assert texts(await inbox.take()) == ["one"]
            await connection.close()
