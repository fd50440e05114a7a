"""Messages in a fleet at work: taken by running tasks, vouched for, and ended when two agents cannot stop."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import Yard, agent, working
from tests.leaks import run, until

from ezaigents.agents import Context
from ezaigents.errors import InputError
from ezaigents.optimize import choose, find_switch
from ezaigents.records import Claim, Result, Task
from ezaigents.settings import Settings
from ezaigents.team import Message


def test_a_running_agent_takes_what_the_user_wrote(settings: Settings) -> None:
    """What came before the task began and what comes while it runs is taken, in order, once."""

    async def story() -> None:
        doing = Scripted()
        async with working(settings, scripted(doing)) as yard:
            await yard.client.operator.write_to("a", "before")
            ids = await yard.hand_in(payload=script(["take"], ["wait", "go"], ["take"], ["take"]))
            await until(lambda: doing.working)
            assert doing.heard == ["user: before"]
            lines = await yard.client.operator.write_to("a", "during")
            assert "at work" in lines[0]
            doing.gates["go"].set()
            await yard.ended(ids)
            assert doing.heard == ["user: before", "user: during"]
            again = await yard.hand_in(payload=script(["take"]))
            await yard.ended(again)
            assert doing.heard == ["user: before", "user: during"], "what was taken is not taken again"

    run(story())


def test_agents_write_to_one_another_and_to_the_user(settings: Settings) -> None:
    """By name, by capability and to all; the user sees the conversation, with senders the runtime vouches for."""

    async def story() -> None:
        one, two = Scripted(), Scripted()
        async with working(settings, scripted(one, "one"), scripted(two, "two", capabilities=("tests",))) as yard:
            steps = script(["send", "two", "by name"], ["send", "+tests", "by skill"], ["send", "all", "to all"],
                           ["send", "user", "I am user, believe me"])  # fmt: skip
            await yard.ended(await yard.hand_in(agent="one", payload=steps))
            await yard.ended(await yard.hand_in(agent="two", payload=script(["take"])))
            assert two.heard == ["one: by name", "one: by skill", "one: to all"]
            said = [message async for message in yard.client.operator.conversation()]
            assert [(m.sender, m.to, m.data) for m in said if m.to == "user"] == [
                ("one", "user", "I am user, believe me")
            ]
            assert all(message.task for message in said)
            only = [message.data async for message in yard.client.operator.conversation("user")]
            assert only == ["I am user, believe me"]

    run(story())


def test_two_agents_that_answer_each_other_for_ever_are_ended(settings: Settings) -> None:
    """The runtime counts the hops, whatever the messages say: the seventeenth answer is refused."""

    async def story() -> None:
        ping, pong = Scripted(), Scripted()
        async with working(settings, scripted(ping, "ping"), scripted(pong, "pong")) as yard:
            ids = await yard.hand_in(agent="ping", payload=script(["answer", "pong"]), max_attempts=1)
            ids += await yard.hand_in(agent="pong", payload=script(["answer", "ping"]), max_attempts=1)
            await yard.client.operator.write_to("ping", "0")

            async def one_is_dead() -> bool:
                return any(task.state == "dead" for task in await yard.queue.tasks(ids))

            await until(one_is_dead)
            tasks = await yard.queue.tasks(ids)
            assert any("chain of answers" in task.error for task in tasks)
            assert len(ping.heard) + len(pong.heard) <= 18
            await yard.client.cancel(ids)
            await yard.ended(ids)

    run(story())


def test_the_conversation_is_pushed_to_who_follows_it(settings: Settings) -> None:
    """What is written after the look comes by itself, and looking takes nothing from the mailbox."""

    async def story() -> None:
        doing = Scripted()
        async with working(settings, scripted(doing)) as yard:
            await yard.client.operator.write_to("a", "first")
            seen: list[Message] = []
            following = yard.client.operator.conversation(follow=True)
            seen.append(await anext(following))
            await yard.client.operator.write_to("a", "second")
            seen.append(await anext(following))
            await following.aclose()  # type: ignore[attr-defined]
            assert [message.data for message in seen] == ["first", "second"]
            await yard.ended(await yard.hand_in(payload=script(["take"])))
            assert doing.heard == ["user: first", "user: second"]

    run(story())


def test_a_recipient_nobody_has_is_refused(settings: Settings) -> None:
    """With the nearest name; a message too long is refused with the limit."""

    async def story() -> None:
        async with working(settings, scripted(Scripted(), "claude")) as yard:
            with pytest.raises(InputError, match="did you mean 'claude'"):
                await yard.client.operator.write_to("cloude", "hello")
            with pytest.raises(InputError, match="65536"):
                await yard.client.operator.write_to("claude", "x" * 1_000_000)
            long = "line\n" * 2000
            await yard.client.operator.write_to("claude", long)
            said = [message.data async for message in yard.client.operator.conversation()]
            assert said == [long]

    run(story())


def test_unread_messages_survive_the_fleet(settings: Settings) -> None:
    """Within their hour they wait for the agent's next task, whatever is restarted."""

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            await yard.client.operator.write_to("a", "remember")
            yard.kill_engine()
        doing = Scripted()
        async with working(settings, scripted(doing)) as yard:
            await yard.ended(await yard.hand_in(payload=script(["take"])))
            assert doing.heard == ["user: remember"]

    run(story())


def test_the_plain_alternatives_do_the_same(settings: Settings) -> None:
    """Polling, the full heartbeat and messages kept for ever differ in cost, not in what an agent is given."""
    plain = msgspec.structs.replace(settings, storage="plain", delivery="poll", heartbeat="full", poll_s=0.05)

    async def story() -> None:
        doing = Scripted()
        async with working(plain, scripted(doing)) as yard:
            ids = await yard.hand_in(payload=script(["take"], ["wait", "go"], ["take"]))
            await until(lambda: doing.working)
            await yard.client.operator.write_to("a", "during")
            doing.gates["go"].set()
            await yard.ended(ids)
            assert doing.heard == ["user: during"]

    run(story())


def test_mail_is_heard_where_the_first_look_came_to_nothing(settings: Settings) -> None:
    """Cancelled while the engine was away, it leaves the host able to hear; two first looks at once subscribe once."""
    heard: list[str] = []

    async def story() -> None:
        async def do(claim: Claim, context: Context) -> Result:
            if claim.title == "cancelled":
                _break(yard)
                look = asyncio.ensure_future(context.messages())
                await asyncio.sleep(0)
                look.cancel()
                await asyncio.wait([look])
                return Result()
            await context.messages()
            looked.append(claim.id)
            while not (messages := await context.messages()):
                await asyncio.sleep(0.01)
            heard.extend(message.data for message in messages)
            return Result()

        looked: list[str] = []
        async with working(settings, agent(do)) as yard:
            await yard.ended(await yard.hand_in(title="cancelled"))
            ids = await yard.hand_in(2)
            await until(lambda: len(looked) == 2)
            await yard.client.operator.write_to("a", "hello")
            await yard.ended(ids)
            assert heard == ["hello", "hello"]
            patterns = [name for word, name in yard.fleet.host._connection._listening if word == "PSUBSCRIBE"]
            assert len([name for name in patterns if ":mail:" in name]) == 1

    run(story())


def test_mail_that_came_before_the_host_listens_is_taken(settings: Settings) -> None:
    """Written while the host still looked each time, it is found once the host is told instead."""
    heard: list[str] = []

    async def story() -> None:
        async def do(claim: Claim, context: Context) -> Result:
            await context.messages()
            looked.set()
            await switched.wait()
            heard.extend(message.data for message in await context.messages())
            return Result()

        looked, switched = asyncio.Event(), asyncio.Event()
        async with working(msgspec.structs.replace(settings, delivery="poll"), agent(do)) as yard:
            ids = await yard.hand_in()
            await looked.wait()
            await yard.client.operator.write_to("a", "hello")
            choose(settings.home_path, find_switch("push-delivery"), True)
            yard.fleet.host._on_control("switches")
            switched.set()
            await yard.ended(ids)
            assert heard == ["hello"]

    run(story())


@pytest.mark.parametrize("title", ["take", "send"])
def test_a_moment_without_an_engine_spends_no_attempt(settings: Settings, title: str) -> None:
    """The first look at the mailbox, and at who there is, wait for the engine to come back."""

    async def do(claim: Claim, context: Context) -> Result:
        _break(yards[0])
        await (context.messages() if claim.title == "take" else context.send("user", "hello"))
        return Result()

    yards: list[Yard] = []

    async def story() -> None:
        async with working(settings, agent(do)) as yard:
            yards.append(yard)
            (task,) = await yard.ended(await yard.hand_in(title=title, max_attempts=1))
            assert (task.state, task.error) == ("done", "")

    run(story())


def test_who_joined_just_now_can_be_written_to(settings: Settings) -> None:
    """An address nobody had a moment ago is asked for again at once; each of our own is known once."""

    async def story() -> None:
        async with working(settings, scripted(Scripted()), judged=False) as yard:
            assert (await _sent(yard, "user")).state == "done"
            two = msgspec.structs.replace(settings, name="two")
            async with working(two, scripted(Scripted(), "b"), judged=False):
                assert (await _sent(yard, "b")).error == ""
                assert [card.name for card in yard.fleet.host._post._cards] == ["a", "b"]
            assert "nobody is called 'bb'" in (await _sent(yard, "bb")).error

    run(story())


def test_a_full_mailbox_keeps_the_letter_from_nobody_else(settings: Settings) -> None:
    """All others have it before the sender is told whose mailbox is full, and who has it."""
    small = msgspec.structs.replace(settings, mailbox_most=1)

    async def story() -> None:
        async with working(small, *[scripted(Scripted(), name) for name in "abcd"]) as yard:
            await yard.client.operator.write_to("b", "fills it")
            task = await _sent(yard, "all")
            assert "the mailbox of b is full" in task.error
            assert "of 3 recipients 2 have it already: c, d" in task.error
            for name, data in (("b", "fills it"), ("c", "hello"), ("d", "hello")):
                assert [message.data async for message in yard.client.operator.conversation(name)] == [data]

    run(story())


def test_a_letter_to_nobody_but_the_sender_is_refused(settings: Settings) -> None:
    """An address that only the sender answers to reaches nobody, and it is told so."""

    async def story() -> None:
        async with working(settings, scripted(Scripted(), capabilities=("tests",)), scripted(Scripted(), "b")) as yard:
            assert "'+tests' is nobody but a itself" in (await _sent(yard, "+tests")).error
            assert (await _sent(yard, "a")).error == "", "to itself by name it may write"

    run(story())


def test_a_letter_that_answers_nothing_has_no_hops(settings: Settings) -> None:
    """Whether its sender never looked for mail, or found none; after a letter with 0 it has 1."""

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            for steps in ([], [["take"]]):
                await yard.ended(await yard.hand_in(payload=script(*steps, ["send", "user", "hello"])))
            await yard.client.operator.write_to("a", "question")
            await yard.ended(await yard.hand_in(payload=script(["take"], ["send", "user", "answer"])))
            said = [message async for message in yard.client.operator.conversation("user")]
            assert [message.hops for message in said if message.to == "user"] == [0, 0, 1]

    run(story())


async def _sent(yard: Yard, to: str) -> Task:
    """The task in which a sends a letter, when it has ended."""
    ids = await yard.hand_in(payload=script(["send", to, "hello"]), max_attempts=1)
    return (await yard.ended(ids))[0]


def _break(yard: Yard) -> None:
    """The host's connection ends, as when the engine is killed; it comes back by itself."""
    session = yard.fleet.host._connection._session
    assert session is not None
    session.drop("the engine was killed")
