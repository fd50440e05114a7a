"""`ez events`: what happens to tasks."""

from __future__ import annotations

import click

from ezaigents.cli.options import json_option

_FULL_BATCH = 500


@click.command("events")
@click.argument("id", metavar="[ID]", required=False)
@click.option("--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@json_option
def command(id: str | None, follow: bool, as_json: bool) -> int:  # noqa: A002 - the name of the argument
    """Show what happened to tasks lately: one line for each change of state.

    ID narrows it to one run or task. The engine keeps the last few thousand; `ez show` has the whole truth.
    """
    import sys

    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.rows import moment
    from ezaigents.cli.show import show_json_line, show_line
    from ezaigents.client import Client, check_ids, find

    wanted = check_ids([id])[0] if id else ""

    async def read(client: Client) -> None:
        if wanted:
            await find(client, wanted)  # an id that nobody knows has no events, and is worth a word
        async for batch in client.events(since="0"):
            for event in batch:
                for task_id in event.tasks:
                    if wanted not in ("", event.run, task_id):
                        continue
                    patch = "" if event.patch == "none" else event.patch.value
                    if as_json:
                        row = {"at_ms": event.at_ms, "run": event.run, "task": task_id, "state": event.state.value}
                        show_json_line(row | ({"patch": patch} if patch else {}))
                    else:
                        word = patch or event.state.value
                        show_line(f"{moment(event.at_ms)}  {word:<9}  task {task_id}  run {event.run}")
            sys.stdout.flush()
            if not follow and len(batch) < _FULL_BATCH:
                return

    ask_fleet(read)
    return 0
