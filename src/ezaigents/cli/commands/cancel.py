"""`ez cancel`: end tasks that are open."""

from __future__ import annotations

import click


@click.command("cancel")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def command(ids: tuple[str, ...]) -> int:
    """Cancel tasks or runs.

    Tasks that have not begun are cancelled at once; a running one is stopped by its host. Ended ones stay as they are.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.talk import say
    from ezaigents.client import Client, check_ids, task_ids

    checked = check_ids(ids)

    async def cancel(client: Client) -> list[str]:
        return await client.cancel(await task_ids(client, checked))

    answers = ask_fleet(cancel)
    words = {
        "OK": "cancelled",
        "ASKED": "running: their host was told to stop them",
        "STALE": "ended before",
        "GONE": "not known any more",
    }
    for answer, word in words.items():
        if number := answers.count(answer):
            say(f"{number:,} {word}")
    return 0
