"""`ez run` after its arguments are read. Job: hand in, wait, print. Not its job: options (commands/run)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from ezaigents.cli.choosing import check_known, settled
from ezaigents.cli.fleet import OwnFleet, fleet_for_job
from ezaigents.cli.follow import End, follow
from ezaigents.cli.interrupt import Interrupts, ask_whether_to_keep
from ezaigents.cli.progress import open_display
from ezaigents.cli.results import show_results
from ezaigents.cli.show import show_json
from ezaigents.cli.talk import INTERRUPTED, say
from ezaigents.client import Client, Handed, Wish, check_files, check_prompt, run_result, tasks_by_id, with_costs
from ezaigents.codec import counted, printable
from ezaigents.engine import living_hosts
from ezaigents.errors import EngineDown, NotRunning
from ezaigents.records import EVERYTHING, OPEN_STATES, PatchState, Task, TaskState
from ezaigents.settings import Settings

_CANCEL_WITHIN_S = 10.0
_OVERLAPS_SHOWN = 5
FAILED = 1
LIMITED = 4
"""A limit stopped a task before it was finished."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How to go about a job. `on_interrupt`: keep, cancel, or "" = ask. `yes`: do not ask whether it may cost that."""

    wait: bool = True
    as_json: bool = False
    on_interrupt: str = ""
    yes: bool = False


def do_job(settings: Settings, wish: Wish, manner: Manner) -> int:
    """Do the whole of it; returns the exit code."""
    check_prompt(wish.prompt)
    if manner.wait:
        return asyncio.run(_wait_for(settings, wish, manner))
    return asyncio.run(_leave_at_fleet(settings, wish, manner))


async def _leave_at_fleet(settings: Settings, wish: Wish, manner: Manner) -> int:
    try:
        async with Client.connect(settings) as client:
            wish = await settled(client, wish, manner)
            handed = await client.submit(wish)
            await _say_paused(client, wish.agent)
            await _print(client, handed, manner)
    except NotRunning as error:
        if living_hosts(settings.home_path):
            raise
        raise NotRunning(f"{error}: type `ez up --detach`, then this command again") from error
    return 0


async def _wait_for(settings: Settings, wish: Wish, manner: Manner) -> int:
    await asyncio.to_thread(check_files, settings, wish)
    if not living_hosts(settings.home_path):
        await asyncio.to_thread(check_known, settings, wish)
    handed: Handed | None = None
    try:
        async with fleet_for_job(settings) as (client, own):
            wish = await settled(client, wish, manner)
            with Interrupts() as interrupts:
                handed = await client.submit(wish)
                _say_handed(handed, wish.agent)
                await _say_paused(client, wish.agent)
                titles = {spec.id: spec.title for spec in handed.specs}
                end = await follow(client, handed.run.id, open_display(titles), interrupts)
            if end is End.INTERRUPTED:
                await _interrupted(client, handed, own, manner)
                return INTERRUPTED
            if end is End.DESERTED:
                raise NotRunning(_words_when_deserted(settings, handed))
            tasks = await _print(client, handed, manner)
    except EngineDown as error:
        if settings.redis_url or living_hosts(settings.home_path):
            raise
        raise NotRunning(_words_when_deserted(settings, handed)) from error
    if unapplied := [task for task in tasks if wish.apply and _is_unapplied(task)]:
        say(f"ez: the patch of {unapplied[0].id} was not applied: {printable(unapplied[0].summary)}")
    if unapplied or any(not task.partial and _has_failed(task) for task in tasks):
        return FAILED
    return LIMITED if any(task.partial for task in tasks) else 0


def _is_unapplied(task: Task) -> bool:
    """A whole patch that was to be applied, and could not be."""
    return task.patch_state is PatchState.PROPOSED and not task.partial


def _has_failed(task: Task) -> bool:
    return task.state is not TaskState.DONE or task.patch_state is PatchState.CONFLICT


async def _say_paused(client: Client, agent: str) -> None:
    """Why nothing happens, where nothing will."""
    if {agent, EVERYTHING} & (await client.queue.paused()).keys():
        say(f"{agent} is paused; the tasks wait; `ez resume` goes on")


def _say_handed(handed: Handed, agent: str) -> None:
    """Which run it is, and who is at the same files, before work is spent."""
    say(f"run {handed.run.id}: {counted(len(handed.specs), 'task')} for {agent}")
    for overlap in handed.overlaps[:_OVERLAPS_SHOWN]:
        say(f"warning: task {overlap.task} ({overlap.agent}) {overlap.theirs} {printable(overlap.path)}")
    if len(handed.overlaps) > _OVERLAPS_SHOWN:
        say(f"… and {len(handed.overlaps) - _OVERLAPS_SHOWN:,} more overlaps")


async def _print(client: Client, handed: Handed, manner: Manner) -> list[Task]:
    tasks = await tasks_by_id(client, [spec.id for spec in handed.specs])
    home = client.settings.home_path
    tasks = await asyncio.to_thread(with_costs, tasks, home)
    if manner.as_json:
        show_json(run_result(handed.run.id, tasks, home))
    elif manner.wait:
        show_results(await client.run(handed.run.id) or handed.run, tasks, home)
    else:
        words = counted(len(tasks), "task")
        say(f"{words} handed in; `ez show {handed.run.id}` shows how it stands")
        from ezaigents.cli.show import show_line

        show_line(handed.run.id)
    return tasks


async def _interrupted(client: Client, handed: Handed, own: OwnFleet | None, manner: Manner) -> None:
    run_id = handed.run.id
    keep = manner.on_interrupt != "cancel"
    say()
    if not manner.on_interrupt:
        keep = ask_whether_to_keep(run_id)
    if not keep:
        await _cancel(client, handed)
    if own is not None:
        own.hurry = True
    if not keep:
        say(f"run {run_id} is cancelled; `ez retry {run_id}` takes it up again")
    elif own is None:
        say(f"run {run_id} goes on; `ez show {run_id}` shows it, `ez cancel {run_id}` ends it")
    else:
        say(f"run {run_id} is kept in the data folder; `ez up` continues it")


async def _cancel(client: Client, handed: Handed) -> None:
    """Cancel what is open and wait until its hosts have let go, for a while."""
    ids: Sequence[str] = [spec.id for spec in handed.specs]
    await client.cancel([task.id for task in await client.tasks(ids) if task.state in OPEN_STATES])
    with suppress(TimeoutError):
        async with asyncio.timeout(_CANCEL_WITHIN_S):
            async for _ in client.watch(handed.run.id):
                pass


def _words_when_deserted(settings: Settings, handed: Handed | None) -> str:
    if handed is None:
        return (
            f"the fleet on {settings.home} ended while this job was handed in; nothing is lost: after `ez up` "
            "`ez tasks` shows whether it has it"
        )
    return (
        f"no host is left on {settings.home} to work on run {handed.run.id}; nothing is lost: "
        f"`ez up` goes on with it, `ez show {handed.run.id}` shows it"
    )
