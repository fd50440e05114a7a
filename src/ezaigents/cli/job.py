"""`ez run` after its arguments are read. Job: hand in, wait, print. Not its job: options (commands/run)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from ezaigents.agents.catalog import declared_agents
from ezaigents.cli.fleet import OwnFleet, fleet_for_job
from ezaigents.cli.follow import End, follow
from ezaigents.cli.interrupt import Interrupts, ask_whether_to_keep
from ezaigents.cli.lookup import tasks_by_id
from ezaigents.cli.progress import open_display
from ezaigents.cli.results import show_results
from ezaigents.cli.rows import run_json
from ezaigents.cli.show import show_json
from ezaigents.cli.talk import INTERRUPTED, say
from ezaigents.client import Client, Handed, Wish, check_agent, check_prompt
from ezaigents.codec import printable
from ezaigents.engine import living_hosts
from ezaigents.errors import InputError, NotRunning
from ezaigents.records import EVERYTHING, OPEN_STATES, Task, TaskState
from ezaigents.settings import Settings
from ezaigents.workspace import walk_inputs

_CANCEL_WITHIN_S = 10.0
_OVERLAPS_SHOWN = 5
FAILED = 1


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How to go about a job. `on_interrupt`: keep, cancel, or "" = ask."""

    wait: bool = True
    as_json: bool = False
    on_interrupt: str = ""


def do_job(settings: Settings, wish: Wish, manner: Manner) -> int:
    """Do the whole of it; returns the exit code."""
    check_prompt(wish.prompt)
    check_agent(wish.agent, [declared.card for declared in declared_agents().values()])
    if manner.wait:
        return asyncio.run(_wait_for(settings, wish, manner))
    return asyncio.run(_leave_at_fleet(settings, wish, manner))


async def _leave_at_fleet(settings: Settings, wish: Wish, manner: Manner) -> int:
    try:
        async with Client.connect(settings) as client:
            handed = await client.submit(wish)
            await _say_paused(client, wish.agent)
            await _print(client, handed, manner)
    except NotRunning as error:
        if living_hosts(settings.home_path):
            raise
        raise NotRunning(f"{error}: type `ez up --detach`, then this command again") from error
    return 0


async def _wait_for(settings: Settings, wish: Wish, manner: Manner) -> int:
    await asyncio.to_thread(_check_files, settings, wish)
    async with fleet_for_job(settings) as (client, own):
        with Interrupts() as interrupts:
            handed = await client.submit(wish)
            titles = {spec.id: spec.title for spec in handed.specs}
            say(f"run {handed.run.id}: {len(titles)} tasks for {wish.agent}")
            _say_overlaps(handed)
            await _say_paused(client, wish.agent)
            end = await follow(client, handed.run.id, open_display(titles), interrupts)
        if end is End.INTERRUPTED:
            await _interrupted(client, handed, own, manner)
            return INTERRUPTED
        if end is End.DESERTED:
            raise NotRunning(_words_when_deserted(settings, handed))
        tasks = await _print(client, handed, manner)
    return 0 if all(task.state is TaskState.DONE for task in tasks) else FAILED


async def _say_paused(client: Client, agent: str) -> None:
    """Why nothing happens, where nothing will."""
    if {agent, EVERYTHING} & (await client.queue.paused()).keys():
        say(f"{agent} is paused; the tasks wait; `ez resume` goes on")


def _say_overlaps(handed: Handed) -> None:
    """Who is at the same files, before work is spent."""
    for overlap in handed.overlaps[:_OVERLAPS_SHOWN]:
        say(f"warning: task {overlap.task} ({overlap.agent}) {overlap.theirs} {printable(overlap.path)}")
    if len(handed.overlaps) > _OVERLAPS_SHOWN:
        say(f"… and {len(handed.overlaps) - _OVERLAPS_SHOWN:,} more overlaps")


def _check_files(settings: Settings, wish: Wish) -> None:
    """Refuse a job without files before a fleet is started for it."""
    files = walk_inputs(settings.workspace_path, wish.paths or ("",), home=settings.home_path)
    if next(iter(files), None) is None:
        names = ", ".join(repr(path or ".") for path in wish.paths or ("",))
        raise InputError("path", f"no files in {names} (ignored ones are left out); name a folder with files")


async def _print(client: Client, handed: Handed, manner: Manner) -> list[Task]:
    tasks = await tasks_by_id(client, [spec.id for spec in handed.specs])
    home = client.settings.home_path
    if manner.as_json:
        show_json(run_json(handed.run.id, tasks, home))
    elif manner.wait:
        show_results(await client.run(handed.run.id) or handed.run, tasks, home)
    else:
        say(f"{len(tasks)} tasks handed in; `ez show {handed.run.id}` shows how they stand")
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


def _words_when_deserted(settings: Settings, handed: Handed) -> str:
    return (
        f"no host is left on {settings.home} to work on run {handed.run.id}; nothing is lost: "
        f"`ez up` goes on with it, `ez show {handed.run.id}` shows it"
    )
