"""`ez tasks`: list tasks."""

from __future__ import annotations

import click

from ezaigents.cli.options import json_option, whole

_STATES = ("blocked", "ready", "delayed", "leased", "done", "dead", "cancelled", "skipped")


@click.command("tasks")
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only this state; may be repeated.")
@click.option("--run", "run_id", metavar="RUN", help="Only the tasks of this run.")
@click.option(
    "--limit",
    metavar="N",
    type=whole(1, 1_000_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@json_option
def command(states: tuple[str, ...], run_id: str | None, limit: int, as_json: bool) -> int:
    """List tasks, the newest first; those of a run in their order."""
    from ezaigents.cli.fleet import ask_fleet, settings_here
    from ezaigents.cli.rows import one_line, state_words
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say
    from ezaigents.client import Client, check_ids, find, task_detail
    from ezaigents.records import Task

    wanted = check_ids([run_id])[0] if run_id else ""

    async def read(client: Client) -> list[Task]:
        if not wanted:
            return await client.all_tasks(states=states, most=limit + 1)
        tasks = (await find(client, wanted))[1]
        return [task for task in tasks if not states or task.state.value in states][: limit + 1]

    tasks = ask_fleet(read)
    shown = tasks[:limit]
    if as_json:
        show_json({"tasks": [task_detail(task, settings_here().home_path) for task in shown]})
    elif not shown:
        say("no tasks" + (f" that are {' or '.join(states)}" if states else ""))
    else:
        columns = [
            Column("Task"),
            Column("State"),
            Column("Agent"),
            Column("Path", path=True),
            Column("Summary", text=True),
        ]
        rows = [[task.id, state_words(task), task.agent, task.title, one_line(task)] for task in shown]
        show_table(columns, rows)
    if len(tasks) > limit:
        say(f"… and more; --limit shows them (now {limit:,})")
    return 0
