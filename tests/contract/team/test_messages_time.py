"""How long a message lives, and what is left of it afterwards: nothing, unless messages are kept plainly."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.queue.rig import Rig, wait_until
from tests.contract.team.postal import Post, both_stores, letter, posted, texts

from ezaigents.clock import ManualClock
from ezaigents.ids import IdMaker
from ezaigents.team.mail_files import MailFiles
from ezaigents.team.messages import CompactMessages

_TTL_MS = 60_000


@both_stores
async def test_a_message_is_shown_to_its_last_millisecond_and_not_after(rig: Rig, storage: str, tmp_path: Path) -> None:
    """The end of its time is exact at reading, before anything was trimmed."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("old")
        (old,) = await post.store.unread("a")
        seen, gone = False, False
        for ahead_ms in (_TTL_MS - 3_000, _TTL_MS + 3_000):
            await post.skew(ahead_ms)
            before = await rig.engine_ms() + ahead_ms
            shown = await post.store.unread("a"), await post.store.window("a"), await post.store.counts(["a"])
            after = await rig.engine_ms() + ahead_ms
            if after <= old.at_ms + _TTL_MS:
                seen = shown == ([old], [old], {"a": 1})
            if before > old.at_ms + _TTL_MS:
                gone = shown == ([], [], {"a": 0})
        assert (seen, gone) == (True, True)
        assert await post.kept("a") == 1


@both_stores
async def test_the_edge_of_the_window_is_exact(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Of messages a millisecond apart those are shown, and counted, that are at most the time to live old."""
    async with posted(rig, storage, tmp_path) as post:
        frozen = post.store_over(rig.queue, dict.fromkeys(("send", "look", "plain_look"), _FROZEN))
        for ms in range(20):
            await rig.raw("SET", f"{rig.keys.prefix}skew", 1_000_000 + ms)
            await frozen.send([letter(str(ms))])
        for now in range(20):
            await rig.raw("SET", f"{rig.keys.prefix}skew", 1_000_000 + _TTL_MS + now)
            expected = [str(ms) for ms in range(now, 20)]
            assert texts(await frozen.window("a")) == texts(await frozen.unread("a")) == expected
            assert await frozen.counts(["a"]) == {"a": 20 - now}
        await frozen.send([letter("last")])
        assert texts(await frozen.window("a")) == ["19", "last"]
        assert await post.kept("a") == (2 if storage == "compact" else 21)


_FROZEN = ("local now = tonumber(engine_time[1]) * 1000 + math.floor(tonumber(engine_time[2]) / 1000) +", "local now =")
"""Scripts whose clock is `skew` and nothing else."""


async def test_each_send_trims_what_is_over(rig: Rig, tmp_path: Path) -> None:
    """A mailbox that is written to holds the window and not one entry more."""
    async with posted(rig, "compact", tmp_path) as post:
        await post.send(*[str(number) for number in range(300)])
        await post.skew(_TTL_MS // 2)
        await post.send("half")
        assert await post.kept("a") == 301
        await post.skew(_TTL_MS + 5_000)
        await post.send("new")
        assert await post.kept("a") == 2
        assert texts(await post.store.unread("a")) == ["half", "new"]


async def test_numbers_go_on_where_a_mailbox_was_emptied_by_time(rig: Rig, tmp_path: Path) -> None:
    """A mailbox whose every entry was trimmed still counts rightly what comes then."""
    async with posted(rig, "compact", tmp_path, most=2) as post:
        await post.send("0", "1")
        await rig.raw("XTRIM", rig.keys.mailbox("a"), "MAXLEN", 0)
        await post.send("2", "3")
        assert texts(await post.store.unread("a")) == ["2", "3"]
        assert [message.id.split("-")[1] for message in await post.store.unread("a")] == ["3", "4"]


async def test_nothing_is_left_when_the_window_has_passed(rig: Rig, tmp_path: Path) -> None:
    """Mailbox, position and the sender's last answer expire by themselves: the engine is as empty as before."""
    async with posted(rig, "compact", tmp_path, ttl_s=0.2) as post:
        for number in range(5):
            await post.store.send([letter(str(number), to=agent) for agent in "abcde" for _ in range(40)])
        for agent in "abc":
            await post.store.ack(agent, (await post.store.window(agent))[-1].id)
        keys = [key.decode() for key in await rig.raw("KEYS", "*")]
        sent = [key for key in keys if key.startswith(rig.keys.mail_sent(""))]
        assert len(keys) == 5 + 3 + 1
        assert 3_500_000 < await rig.raw("PTTL", sent[0]) <= 3_600_000

        async def only_the_answer() -> bool:
            return list(await rig.raw("KEYS", "*")) == [sent[0].encode()]

        await wait_until(only_the_answer)
        await rig.raw("PEXPIRE", sent[0], 1)

        async def empty() -> bool:
            return bool(await rig.raw("DBSIZE") == 0)

        await wait_until(empty)


async def test_a_message_kept_plainly_is_never_forgotten(rig: Rig, tmp_path: Path) -> None:
    """The list of the plain store has no end, as that of the systems it stands for."""
    async with posted(rig, "plain", tmp_path, ttl_s=0.2) as post:
        await post.send("one")

        async def over() -> bool:
            return not await post.store.window("a")

        await wait_until(over)
        await post.send("two")
        assert await post.kept("a") == 2
        assert await rig.raw("PTTL", post.mailbox("a")) == -1


async def test_long_data_is_a_file_and_a_name(rig: Rig, tmp_path: Path) -> None:
    """Over 1,024 bytes the engine holds the name only; the file is private and holds exactly what was said."""
    async with posted(rig, "compact", tmp_path) as post:
        said = ["e" * 1024, "\u00e9" * 513, "line\r\n" * 1_500 + "\0", "x" * 65_536]
        await post.send(*said)
        assert texts(await post.store.unread("a")) == said
        files = list(tmp_path.glob("mail/*/*.txt"))
        assert sorted(path.stat().st_size for path in files) == [1_026, 9_001, 65_536]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("**/") if path != tmp_path} == {0o700}
        assert await rig.raw("MEMORY", "USAGE", rig.keys.mailbox("a")) < 8_000


async def test_a_refused_letter_leaves_no_file(rig: Rig, tmp_path: Path) -> None:
    """Long data of a letter that found the mailbox full is deleted again, the others' is not."""
    async with posted(rig, "compact", tmp_path, most=1) as post:
        await post.store.send([letter("x" * 5_000), letter("y" * 5_000)])
        assert [path.read_text() for path in tmp_path.glob("mail/*/*.txt")] == ["x" * 5_000]


async def test_a_file_that_is_gone_is_said(rig: Rig, tmp_path: Path) -> None:
    """A message whose file was deleted is still shown, and says so instead of failing the whole look."""
    async with posted(rig, "compact", tmp_path) as post:
        await post.send("x" * 5_000, "short")
        (path,) = tmp_path.glob("mail/*/*.txt")
        path.unlink()
        gone, short = texts(await post.store.unread("a"))
        assert path.name in gone
        assert short == "short"


async def test_files_of_messages_that_are_over_are_deleted_by_who_sends_next(rig: Rig, tmp_path: Path) -> None:
    """Whoever sends deletes files older than any message, and the folders of their days, and leaves the others."""
    now_ms = await rig.engine_ms()
    ages_s = {"young": 60 + 3600 - 10, "over": 60 + 3600 + 1, "long over": 3 * 86_400}
    written = {IdMaker(ManualClock(now_ms - 1000 * age_s))(): what for what, age_s in ages_s.items()}
    MailFiles(tmp_path).write(written)
    long_ago = min(tmp_path.glob("mail/*"))
    await CompactMessages(rig.queue, tmp_path, ttl_s=60, mailbox_most=10).send([letter("z" * 5_000)])
    assert _files(tmp_path) == ["y", "z"], "the young one's letter might still be on its way"
    assert not long_ago.exists()


@pytest.mark.parametrize("off_s", [-3 * 3600, 3 * 3600])
async def test_a_host_whose_clock_is_off_deletes_nothing_that_lives(rig: Rig, tmp_path: Path, off_s: int) -> None:
    """Files are named and deleted by the engine's clock, as messages end, whoever of two hosts wrote and deletes."""
    now_ms = await rig.engine_ms()
    clock = ManualClock(now_ms + off_s * 1000)
    off = CompactMessages(rig.queue, tmp_path, ttl_s=3600, mailbox_most=10, clock=clock)
    right = CompactMessages(rig.queue, tmp_path, ttl_s=3600, mailbox_most=10, clock=ManualClock(now_ms))
    await right.send([letter("right")])
    await right.send([letter("r" * 5_000)])
    await off.send([letter("o" * 5_000)])
    await CompactMessages(rig.queue, tmp_path, ttl_s=3600, mailbox_most=10).send([letter("looks, too")])
    assert _files(tmp_path) == ["r", "o"]


@both_stores
async def test_a_mailbox_that_ended_while_the_clock_went_back_is_read_again(
    rig: Rig, storage: str, tmp_path: Path
) -> None:
    """Its reader's position is ahead of the engine's time: what comes then is not taken for read."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("1", "2", "3")
        ahead_ms = await rig.engine_ms() + 7_200_000
        await post.store.ack("a", f"{ahead_ms}-3")
        await rig.raw("DEL", post.mailbox("a"))
        await post.send("after the jump", "and after that")
        assert texts(await post.store.unread("a")) == ["after the jump", "and after that"]
        assert await post.store.counts(["a"]) == {"a": 2}
        await post.store.ack("a", (await post.store.unread("a"))[0].id)
        await post.send("then")
        assert texts(await post.store.unread("a")) == ["and after that", "then"]


async def test_old_files_are_looked_for_once_an_hour(rig: Rig, tmp_path: Path) -> None:
    """A send that follows soon on a look costs none."""
    clock = ManualClock()
    store = CompactMessages(rig.queue, tmp_path, ttl_s=60, mailbox_most=10, clock=clock)
    old = IdMaker(ManualClock(await rig.engine_ms() - 86_400_000))()
    await store.send([letter("short")])
    MailFiles(tmp_path).write({old: "old"})
    for seconds, left in ((0, ["o"]), (3599, ["o"]), (1, [])):
        clock.advance(seconds)
        await store.send([letter("short")])
        assert _files(tmp_path) == left


def _files(home: Path) -> list[str]:
    """The first letter of each mail file, in the order they were written."""
    return [path.read_text()[0] for path in sorted(home.glob("mail/*/*.txt"))]


@pytest.mark.parametrize("storage", ["compact", "plain"])
async def test_a_mailbox_without_messages_is_no_key(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Looking at what is not there makes nothing."""
    post = Post(rig, storage, tmp_path)
    assert await post.store.unread("a") == await post.store.window("a") == []
    assert await post.store.counts(["a", "b"]) == {"a": 0, "b": 0}
    assert await post.store.counts([]) == {}
    assert await rig.raw("DBSIZE") == 0
