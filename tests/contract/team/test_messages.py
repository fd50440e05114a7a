"""Mailboxes, kept compactly or plainly: what is sent is read, in order, once taken not again, and full is said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.contract.queue.rig import Rig
from tests.contract.team.postal import both_stores, letter, posted, texts

from ezaigents.errors import InputError
from ezaigents.records import AgentCard, Answer
from ezaigents.team.letters import LOOK_MOST, HopsSpent, MailboxFull, Message
from ezaigents.team.mailer import expand

_CARDS = (
    AgentCard(name="a", capabilities=("test", "edit")),
    AgentCard(name="b", capabilities=("edit",)),
    AgentCard(name="c"),
)
_EVERY_BYTE = "".join(chr(number) for number in range(256)) + "\u2028\U0001f40d"


@both_stores
async def test_a_message_is_what_the_letter_was(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Every field arrives as it was sent, control characters too, with the engine's time."""
    async with posted(rig, storage, tmp_path) as post:
        before = await rig.engine_ms()
        await post.mailer.send(letter(_EVERY_BYTE, type="question?", hops=3, task="t1"))
        (message,) = await post.store.unread("a")
        assert before <= message.at_ms <= await rig.engine_ms()
        assert message == Message(
            id=f"{message.at_ms}-1",
            to="a",
            sender="b",
            type="question?",
            data=_EVERY_BYTE,
            hops=3,
            task="t1",
            at_ms=message.at_ms,
        )


@both_stores
@pytest.mark.parametrize(
    ("to", "recipients"), [("b", {"b"}), ("+edit", {"a", "b"}), ("all", {"a", "b", "c"}), ("user", {"user"})]
)
async def test_an_address_reaches_its_recipients_and_nobody_else(
    rig: Rig, storage: str, tmp_path: Path, to: str, recipients: set[str]
) -> None:
    """A name, a capability, everybody, the user: each of them gets one, the others none."""
    async with posted(rig, storage, tmp_path) as post:
        await asyncio.gather(*[post.mailer.send(letter(to=name)) for name in expand(to, _CARDS)])
        everybody = ["a", "b", "c", "user"]
        assert await post.store.counts(everybody) == {name: int(name in recipients) for name in everybody}


@both_stores
async def test_messages_come_in_the_order_they_were_sent(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Oldest first, and ids rise, within one batch and from one to the next, many in the same millisecond."""
    async with posted(rig, storage, tmp_path) as post:
        sent = [str(number) for number in range(600)]
        await asyncio.gather(*[post.send(text) for text in sent])
        first = await post.store.unread("a")
        rest = await post.store.unread("a", after=first[-1].id)
        assert texts([*first, *rest]) == sent
        assert len(first) == LOOK_MOST
        ids = [tuple(map(int, message.id.split("-"))) for message in (*first, *rest)]
        assert ids == sorted(set(ids))


@both_stores
async def test_ids_rise_when_the_engines_clock_goes_back(rig: Rig, storage: str, tmp_path: Path) -> None:
    """A clock that was set back neither mixes up the order nor refuses a letter."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("one")
        await post.skew(-5_000)
        await post.send("two", "three")
        assert texts(await post.store.unread("a")) == ["one", "two", "three"]
        assert await post.store.counts(["a"]) == {"a": 3}


@both_stores
async def test_what_is_acknowledged_is_not_unread(rig: Rig, storage: str, tmp_path: Path) -> None:
    """After an ack only what came behind it is unread; the window still shows everything."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("one", "two", "three")
        sent = await post.store.unread("a")
        await post.store.ack("a", sent[1].id)
        assert texts(await post.store.unread("a")) == ["three"]
        assert await post.store.counts(["a", "z"]) == {"a": 1, "z": 0}
        assert await post.store.window("a") == sent
        assert texts(await post.store.window("a", after=sent[0].id, most=1)) == ["two"]


@both_stores
async def test_an_ack_never_goes_back(rig: Rig, storage: str, tmp_path: Path) -> None:
    """A late ack of an earlier message changes nothing, where only the number differs and where the time does."""
    async with posted(rig, storage, tmp_path) as post:
        await asyncio.gather(*[post.send(str(number)) for number in range(12)])
        await post.skew(10)
        await post.send("later")
        sent = await post.store.unread("a")
        for taken, late in ((10, 8), (12, 11)):  # 10 against 9 by number: not by their letters
            await post.store.ack("a", sent[taken].id)
            await post.store.ack("a", sent[late].id)
            assert await post.store.unread("a") == sent[taken + 1 :]
            assert await post.store.unread("a", after=sent[late].id) == sent[taken + 1 :], "the later of the two counts"


@both_stores
async def test_since_brings_back_what_another_acknowledged(rig: Rig, storage: str, tmp_path: Path) -> None:
    """What came after `since` is unread although it was acknowledged; nothing before what was acknowledged earlier."""
    async with posted(rig, storage, tmp_path) as post:
        await post.send("one", "two", "three")
        one, two, three = await post.store.unread("a")
        await post.store.ack("a", two.id)
        assert await post.store.unread("a", since=one.id) == [two, three]
        assert await post.store.unread("a", since=three.id) == [three]
        assert await post.store.unread("a", since=one.id, after=two.id) == [three]


@both_stores
async def test_a_full_mailbox_refuses_one_letter_and_the_others_go(rig: Rig, storage: str, tmp_path: Path) -> None:
    """At its most of unread messages a mailbox takes no more, and says whose it is and what to do."""
    async with posted(rig, storage, tmp_path, most=3) as post:
        answers = await post.store.send([letter(str(n)) for n in range(5)] + [letter("x", to="c")])
        assert answers == [Answer.OK] * 3 + [Answer.FULL] * 2 + [Answer.OK]
        with pytest.raises(MailboxFull, match="mailbox of a is full: 3 unread") as refusal:
            await post.send("more")
        assert (refusal.value.agent, refusal.value.limit, refusal.value.exit_code) == ("a", 3, 4)
        assert texts(await post.store.window("a")) == ["0", "1", "2"]
        assert await post.store.counts(["a", "c"]) == {"a": 3, "c": 1}


@both_stores
async def test_a_mailbox_is_free_again_when_its_agent_has_read(rig: Rig, storage: str, tmp_path: Path) -> None:
    """As many as were taken fit again, however many are kept in the window."""
    async with posted(rig, storage, tmp_path, most=3) as post:
        await post.send("0", "1", "2")
        await post.store.ack("a", (await post.store.unread("a"))[1].id)
        await post.send("3", "4")
        with pytest.raises(MailboxFull):
            await post.send("5")
        assert texts(await post.store.unread("a")) == ["2", "3", "4"]
        assert len(await post.store.window("a")) == 5


@both_stores
async def test_a_full_mailbox_is_free_again_when_its_messages_are_over(rig: Rig, storage: str, tmp_path: Path) -> None:
    """What nobody read within its time does not keep a mailbox full."""
    async with posted(rig, storage, tmp_path, most=2) as post:
        await post.send("0", "1")
        await post.skew(int(post.ttl_s * 1000) + 1_000)
        await post.send("2", "3")
        with pytest.raises(MailboxFull):
            await post.send("4")
        assert texts(await post.store.unread("a")) == ["2", "3"]


@both_stores
async def test_each_recipient_of_a_batch_gets_one_hint(rig: Rig, storage: str, tmp_path: Path) -> None:
    """A batch says once per mailbox that there is mail, and not to those who got none."""
    async with posted(rig, storage, tmp_path, most=2) as post:
        async with (
            rig.listening(rig.keys.mail("a")) as to_a,
            rig.listening(rig.keys.mail("b")) as to_b,
            rig.listening(rig.keys.mail("c")) as to_c,
        ):
            await post.store.send([letter("1"), letter("2"), letter("3", to="b")])
            await post.store.send([letter("4")])  # refused
        assert (to_a, to_b, to_c) == ([""], [""], [])


@both_stores
async def test_two_agents_that_answer_each_other_for_ever_end(rig: Rig, storage: str, tmp_path: Path) -> None:
    """Each answer carries one hop more than what it answers, and at 17 it is not sent."""
    async with posted(rig, storage, tmp_path) as post:
        hints = {"a": asyncio.Event(), "b": asyncio.Event()}
        inboxes = {name: await post.inbox(name, hint=hint) for name, hint in hints.items()}
        await post.mailer.send(letter("0", to="a", sender="b"))
        me, other = "a", "b"
        with pytest.raises(HopsSpent, match="number 17") as refusal:
            for _ in range(30):
                hints[me].set()
                assert len(await inboxes[me].take()) == 1
                await post.mailer.send(letter("re", to=other, sender=me, hops=inboxes[me].hops + 1))
                me, other = other, me
        assert refusal.value.hops == 17
        assert await post.kept("a") + await post.kept("b") == 17


async def test_what_is_not_a_letter_is_refused_before_it_goes_anywhere(rig: Rig, tmp_path: Path) -> None:
    """A megabyte is refused with its size and the limit; nothing of it is in the engine or in the data folder."""
    async with posted(rig, "compact", tmp_path) as post:
        with pytest.raises(InputError, match="is 1048576 bytes, limit 65536"):
            await post.send("x" * 1024 * 1024)
        assert await rig.raw("DBSIZE") == 0
        assert not list(tmp_path.iterdir())


async def test_positions_that_are_not_ids_are_refused(rig: Rig, tmp_path: Path) -> None:
    """An id comes from a message; anything else is told apart by its field's name."""
    async with posted(rig, "compact", tmp_path) as post:
        for wrong in ("x", "1", "1-", "-1", "1-2-3", "1 -2", "1-2\n", "+", "(1-1", "9" * 16 + "-1"):
            with pytest.raises(InputError, match="after"):
                await post.store.window("a", after=wrong)
            with pytest.raises(InputError, match="since"):
                await post.store.unread("a", since=wrong)
            with pytest.raises(InputError, match="message_id"):
                await post.store.ack("a", wrong)
        with pytest.raises(InputError, match="message_id"):
            await post.store.ack("a", "")
