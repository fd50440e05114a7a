"""Messages in a fleet at work: taken by running tasks, vouched for, and ended when two agents cannot stop."""

from __future__ import annotations

import msgspec
import pytest
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import working
from tests.leaks import run, until

from ezaigents.errors import InputError
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
