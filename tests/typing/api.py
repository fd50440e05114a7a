"""The types of the public API, as a program of a user meets them. Read by mypy only; nothing here is ever run.

Every public name is used here (test_public_api.py sees to it), so a change of its type is seen by `make check`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import assert_type

import ezaigents
from ezaigents import (
    Agent,
    AgentCard,
    ApplyOutcome,
    Approval,
    Claim,
    Client,
    Context,
    Declared,
    EzError,
    Fleet,
    HandBack,
    Handed,
    Message,
    NeedsApproval,
    Note,
    Operator,
    Overlap,
    Overlay,
    PatchState,
    Problem,
    Progress,
    Result,
    Run,
    Settings,
    StaleWrite,
    Status,
    Task,
    TaskFailed,
    TaskKind,
    TaskState,
    Wish,
    load_settings,
)
from ezaigents.errors import (
    AgentUnavailable,
    ConfigError,
    EngineDown,
    EngineFull,
    EngineMissing,
    EngineUnfit,
    GiveUp,
    HostConflict,
    InputError,
    KeyConflict,
    LimitReached,
    NotRunning,
    QueueFull,
    RetryLater,
    TaskGone,
)

assert_type(ezaigents.__version__, str)


def settings() -> None:
    given = load_settings({"lease_s": 30.0, "name": None}, environ={"EZ_HOME": "/tmp/x"}, cwd=Path("/"))
    assert_type(given, Settings)
    assert_type(given.lease_s, float)
    assert_type(given.cache_entries, int)
    assert_type(given.home_path, Path)
    given.lease_s = 1.0  # type: ignore[misc]  # frozen
    Settings(lease_seconds=1)  # type: ignore[call-arg]


class Echo:
    """An agent: no base class is asked for."""

    async def run(self, claim: Claim, context: Context) -> Result:
        assert_type(claim.attempt, int)
        assert_type(claim.fence, int)
        assert_type(await context.prompt(), str)
        assert_type(context.task_folder(), Path)
        assert_type(await context.parents(), list[Task])
        assert_type(context.time_left_s(), float | None)
        assert_type(context.workspace, Path)
        if claim.kind is not TaskKind.ANALYZE:
            raise TaskFailed("only analyzes", retryable=False)
        return Result(summary="done", report="", cost_microusd=0)

    async def close(self) -> None:
        pass


class NoClose:
    async def run(self, claim: Claim, context: Context) -> Result:
        return Result()


def agents() -> Mapping[str, Declared]:
    agent: Agent = Echo()
    wrong: Agent = NoClose()  # type: ignore[assignment]
    del agent, wrong

    def make(settings: Settings) -> Agent:
        return Echo()

    card = AgentCard(name="echo", slots=2)
    assert_type(card.slots, int)
    Declared(card, Echo)  # type: ignore[arg-type]  # a factory takes the settings
    return {"echo": Declared(card, make), "none": Declared(card, None)}


async def fleet(given: Settings) -> None:
    async with Fleet(given, agents=agents()) as running:
        assert_type(running, Fleet)
        assert_type(running.started_in_s, float)
        await running.run()
        running.stop()


async def client(given: Settings) -> None:
    async with Client.connect(given, need_host=False) as connected:
        assert_type(connected, Client)
        wish = Wish(prompt="Look", paths=("src",), agent="local", kind=TaskKind.ANALYZE, key="once")
        handed = await connected.submit(wish)
        assert_type(handed, Handed)
        assert_type(handed.run, Run)
        progress = connected.watch(handed.run.id)
        assert_type(progress, AsyncIterator[Progress])
        async for step in progress:
            assert_type(step.counts.open, int)
        status = await connected.status()
        assert_type(status, Status)
        assert_type(status.queue, dict[str, int])
        task = await connected.task("id")
        assert_type(task, Task)
        assert_type(task.state, TaskState)
        assert_type(task.state.terminal, bool)
        assert_type(await connected.run("id"), Run | None)
        assert_type(await connected.tasks_of("id"), list[Task])
        assert_type(await connected.cancel(["id"]), list[str])


async def operator(connected: Client) -> None:
    assert_type(connected.operator, Operator)
    assert_type(await connected.operator.pause(["local"]), list[str])
    outcome = await connected.operator.apply("id", merge=True)
    assert_type(outcome, ApplyOutcome)
    assert_type(outcome.state, PatchState)
    assert_type(outcome.conflicts, tuple[tuple[str, str], ...])
    assert_type(await connected.operator.problems(), list[Problem])
    assert_type(await connected.operator.write_to("all", "hello"), list[str])
    async for message in connected.operator.conversation(follow=True):
        assert_type(message, Message)
    await connected.operator.pause("local", "now")  # type: ignore[call-arg]  # agents come in one list


async def editing(claim: Claim, context: Context) -> Result:
    assert_type(context.files, Overlay)
    read = context.files.read("a.py")
    assert_type(read.data, bytes)
    try:
        assert_type(context.files.write(read.path, b"", expected=read.sha256), str)
    except StaleWrite as stale:
        assert_type(stale.difference, str)
        raise HandBack(stale.reason, delay_s=1) from stale
    need = NeedsApproval.about("command", "make deploy")
    assert_type(need.question, str)
    if claim.answers.get(need.question) is not Approval.APPROVE:
        raise need
    context.files.write(read.path, b"")  # type: ignore[call-arg]  # what was read must be said
    assert_type(await context.means_to_change("a.py"), list[Overlap])
    assert_type(await context.messages(), list[Message])
    assert_type(await context.notes(), list[Note])
    return context.propose("done")


def errors(error: EzError) -> None:
    assert_type(error.retryable, bool)
    assert_type(error.exit_code, int)
    kinds: tuple[type[EzError], ...] = (ConfigError, InputError, RetryLater, LimitReached, HostConflict, GiveUp)
    config: tuple[type[ConfigError], ...] = (EngineMissing, EngineUnfit)
    inputs: tuple[type[InputError], ...] = (KeyConflict, AgentUnavailable)
    later: tuple[type[RetryLater], ...] = (EngineDown, NotRunning)
    full: type[EngineDown] = EngineFull
    limit: type[LimitReached] = QueueFull
    never: tuple[type[GiveUp], ...] = (TaskGone,)
    del kinds, config, inputs, later, full, limit, never
    if isinstance(error, InputError):
        assert_type(error.field, str)
    if isinstance(error, AgentUnavailable):
        assert_type(error.reason, str)
    if isinstance(error, HostConflict):
        assert_type(error.pid, int)
    if isinstance(error, QueueFull):
        assert_type(error.limit, int)


misspelt = ezaigents.Nothing  # type: ignore[attr-defined]
