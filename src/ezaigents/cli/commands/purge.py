"""`ez purge`: forget ended tasks now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.records import Task

_BATCH = 500
_DAY_MS = 86_400_000


@click.command("purge")
@click.option("--dead", is_flag=True, help="Dead tasks too; they cannot be retried any more.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(dead: bool, yes: bool) -> int:
    """Forget ended tasks now, instead of after an hour.

    Only tasks of runs that have ended are taken. Their records go to the history in the data folder first, where
    `ez show` finds them; reports stay where they are. Tasks whose patch may yet be applied are kept.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.talk import say
    from ezaigents.codec import counted

    states = ("done", "cancelled", "skipped", *(("dead",) if dead else ()))

    async def purge(client: Client) -> int:
        tasks = await _of_ended_runs(client, await client.all_tasks(states=states))
        if tasks and not yes:
            _ask(len(tasks), dead)
        return await _purge(client, tasks)

    say(f"{counted(ask_fleet(purge), 'task')} forgotten; what was recorded is in the history")
    return 0


async def _of_ended_runs(client: Client, tasks: list[Task]) -> list[Task]:
    """Leave out those whose run is still at work: its summary reads what the others found."""
    open_runs = set()
    for run_id in {task.run for task in tasks}:
        run = await client.run(run_id)
        if run is not None and run.counts.open:
            open_runs.add(run_id)
    return [task for task in tasks if task.run not in open_runs]


async def _purge(client: Client, tasks: list[Task]) -> int:
    import time

    from ezaigents.queue import forget

    settings, now_ms, removed = client.settings, round(time.time() * 1000), 0
    for start in range(0, len(tasks), _BATCH):
        removed += await forget(
            client.queue,
            settings.home_path / "history",
            tasks[start : start + _BATCH],
            now_ms=now_ms,
            keep_patches_ms=settings.history_days * _DAY_MS,
        )
    return removed


def _ask(number: int, dead: bool) -> None:
    import sys

    from ezaigents.codec import counted

    if not sys.stdin.isatty():
        raise click.UsageError(f"{counted(number, 'task')} would be forgotten; add --yes")
    kinds = "ended tasks, dead ones too" if dead else "ended tasks"
    click.confirm(f"Forget {number:,} {kinds}?", abort=True, err=True)
