"""A task that needs a person: its slot is free at once, and it goes on with the answer."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import msgspec
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import DONE, Yard, agent, working
from tests.leaks import run, until

from ezaigents.agents import Context, NeedsApproval
from ezaigents.audit import verify
from ezaigents.client import Decided
from ezaigents.errors import ConfigError
from ezaigents.records import Answer, Approval, Claim, Result, Task, TaskState
from ezaigents.settings import Settings

ASKS = script(["need", "command", "make test"])


async def _asking(yard: Yard, task_id: str) -> Task:
    """Wait until it asks."""

    async def asks() -> bool:
        return (await yard.task(task_id)).waits_for_answer

    await until(asks)
    return await yard.task(task_id)


def _audited(settings: Settings) -> list[tuple[str, str, str]]:
    lines = [
        line for path in sorted(Path(settings.home).glob("audit/*.jsonl")) for line in path.read_bytes().splitlines()
    ]
    rows = [msgspec.json.decode(line) for line in lines]
    assert verify(settings.home_path) == []
    return [(row["kind"], row["task"], row["outcome"]) for row in rows]


def test_a_task_that_is_approved_goes_on(settings: Settings) -> None:
    """The same agent is called again with the answer, spends no attempt for the asking, and ends well."""
    agents = Scripted()

    async def story() -> tuple[Task, Task, list[Decided]]:
        async with working(settings, scripted(agents)) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS, max_attempts=1)
            asking = await _asking(yard, task_id)
            decided = await yard.client.operator.approve([task_id])
            return asking, (await yard.ended([task_id]))[0], decided

    asking, task, decided = run(story())
    assert (asking.state, asking.asks, asking.attempts) == (TaskState.DELAYED, "command: make test", 0)
    assert (task.state, task.attempts, agents.seen) == (DONE, 0, [("approve", "")])
    assert decided == [Decided(task=task.id, asks="command: make test", answer=Answer.OK)]
    assert _audited(settings) == [("approval", task.id, "approve")]


def test_a_question_that_nobody_read_is_not_answered(settings: Settings) -> None:
    """Whoever says which question he read answers that one: another that is asked by now stays open, unaudited."""
    agents = Scripted()

    async def story() -> list[Answer]:
        async with working(settings, scripted(agents)) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS)
            asking = await _asking(yard, task_id)
            decide = yard.client.operator.decide
            answers = [(await decide(task_id, Approval.APPROVE, question="another")).answer]
            assert (await yard.task(task_id)).asks_id == asking.asks_id
            answers.append((await decide(task_id, Approval.APPROVE, question=asking.asks_id)).answer)
            await yard.ended([task_id])
            return answers

    assert run(story()) == [Answer.STALE, Answer.OK]
    assert [outcome for _, _, outcome in _audited(settings)] == ["approve"]


def test_a_task_that_is_denied_is_told_why(settings: Settings) -> None:
    """Its agent gets the words and may end its work with them."""
    agents = Scripted()

    async def story() -> Task:
        async with working(settings, scripted(agents)) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS)
            await _asking(yard, task_id)
            await yard.client.operator.deny([task_id], "not on this machine")
            return (await yard.ended([task_id]))[0]

    task = run(story())
    assert (task.state, task.error) == (TaskState.DEAD, "deny: not on this machine")
    assert agents.seen == [("deny", "not on this machine")]


def test_a_task_that_waits_for_a_person_holds_no_slot(settings: Settings) -> None:
    """With one slot, the next task runs while the first waits; the host's tables are empty."""
    agents = Scripted()

    async def story() -> None:
        async with working(settings, scripted(agents, slots=1)) as yard:
            waits = await yard.hand_in(3, payload=ASKS)
            for task_id in waits:
                await _asking(yard, task_id)
            (other,) = await yard.hand_in(payload=script())
            assert (await yard.ended([other]))[0].state == DONE
            assert yard.fleet.host.running == 0
            assert not yard.fleet.host._renewer.held
            assert [task.state for task in await yard.client.tasks(waits)] == [TaskState.DELAYED] * 3

    run(story())


def test_a_question_outlives_its_host(settings: Settings) -> None:
    """The fleet goes down and another comes up: the question still stands, and its answer is heard."""
    agents = Scripted()

    async def ask() -> str:
        async with working(settings, scripted(agents)) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS)
            await _asking(yard, task_id)
            return task_id

    async def answer(task_id: str) -> Task:
        async with working(settings, scripted(agents)) as yard:
            assert (await yard.task(task_id)).waits_for_answer
            await yard.client.operator.approve([task_id])
            return (await yard.ended([task_id]))[0]

    assert run(answer(run(ask()))).state == DONE


def test_one_thing_after_the_other_may_be_asked(settings: Settings) -> None:
    """The answer to the first question is still known when the second was answered."""
    agents = Scripted()

    async def story() -> Task:
        async with working(settings, scripted(agents)) as yard:
            (task_id,) = await yard.hand_in(payload=script(["need", "command", "a"], ["need", "network", "b"]))
            for asks in ("command: a", "network: b"):
                await until(partial(_asks, yard, task_id, asks))
                await yard.client.operator.approve([task_id])
            return (await yard.ended([task_id]))[0]

    assert run(story()).state == DONE
    assert agents.seen == [("approve", "")] * 3


async def _asks(yard: Yard, task_id: str, asks: str) -> bool:
    return (await yard.task(task_id)).asks == asks


def test_a_person_who_does_not_answer_has_denied(settings: Settings) -> None:
    """When the time is over the agent is called again and told so."""
    agents = Scripted()

    async def story() -> Task:
        async with working(settings, scripted(agents)) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS)
            await _asking(yard, task_id)
            await yard.queue.put("HSET", yard.queue.keys.task(task_id), "due", "1000")
            await yard.queue.put("ZADD", yard.queue.keys.delayed(), "XX", 1000, task_id)
            await yard.queue.put("PUBLISH", yard.queue.keys.wake(""), "")
            return (await yard.ended([task_id]))[0]

    assert run(story()).error == "expired: "


def test_what_is_too_long_to_be_shown_is_not_asked(settings: Settings) -> None:
    """A person never decides about something half hidden: the attempt fails instead, with the limit."""

    async def do(claim: Claim, context: Context) -> Result:
        raise NeedsApproval.about("command", "echo " + "x" * 400 + "; rm -rf /")

    async def story() -> Task:
        async with working(settings, agent(do)) as yard:
            return (await yard.ended(await yard.hand_in()))[0]

    task = run(story())
    assert (task.state, task.attempts) == (TaskState.DEAD, 1)
    assert "limit 400" in task.error


def test_a_question_cannot_speak_to_the_terminal(settings: Settings) -> None:
    """Control characters and marks that reorder text are escaped before anybody is asked."""
    need = NeedsApproval.about("command", "ls\x1b[2J\n\u202egpj.exe")
    assert str(need) == "command: ls\\x1b[2J\\n\\u202egpj.exe"
    assert need.question == NeedsApproval.about("command", "ls\x1b[2J\n\u202egpj.exe").question
    assert need.question != NeedsApproval.about("network", "ls\x1b[2J\n\u202egpj.exe").question


def test_nothing_is_approved_that_cannot_be_written_down(settings: Settings) -> None:
    """With a log that cannot be written the approval is refused, and the task waits on."""

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS)
            await _asking(yard, task_id)
            (Path(settings.home) / "audit").write_text("in the way")
            try:
                await yard.client.operator.approve([task_id])
            except ConfigError as error:
                assert "audit" in str(error)
            else:
                raise AssertionError("it was approved")
            assert (await yard.task(task_id)).waits_for_answer
            await yard.client.cancel([task_id])

    run(story())


def test_two_people_cannot_both_be_right(settings: Settings) -> None:
    """Of an approval and a denial at once one counts; both are in the audit log, with which of them came too late."""

    async def story() -> list[Answer]:
        async with working(settings, scripted(Scripted())) as yard:
            (task_id,) = await yard.hand_in(payload=ASKS)
            await _asking(yard, task_id)
            operator = yard.client.operator
            (yes,), (no,) = await asyncio.gather(operator.approve([task_id]), operator.deny([task_id]))
            task = (await yard.ended([task_id]))[0]
            assert (task.state == DONE) == (yes.answer is Answer.OK)
            return [yes.answer, no.answer]

    answers = run(story())
    assert sorted(answers) == [Answer.OK, Answer.STALE]
    outcomes = [outcome for _, _, outcome in _audited(settings)]
    late = [outcome for outcome in outcomes if outcome.endswith(" was stale")]
    assert len(outcomes) - 2 * len(late) == 1
