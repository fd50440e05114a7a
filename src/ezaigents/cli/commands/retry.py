"""`ez retry`: an operator's second chance."""

from __future__ import annotations

import click


@click.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def command(ids: tuple[str, ...]) -> int:
    """Have tasks, or those of runs, that did not succeed tried again.

    Takes dead, cancelled and skipped tasks; they get all their attempts again. Done and open ones stay as they are.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.lookup import check_ids, task_ids
    from ezaigents.cli.talk import say
    from ezaigents.client import Client
    from ezaigents.records import Answer

    checked = check_ids(ids)

    async def retry(client: Client) -> list[Answer]:
        return await client.retry(await task_ids(client, checked))

    answers = ask_fleet(retry)
    words = {
        Answer.OK: "will be tried again",
        Answer.STALE: "done or open: nothing to try again",
        Answer.GONE: "purged: hand the job in again",
    }
    for answer, word in words.items():
        if number := answers.count(answer):
            say(f"{number:,} {word}")
    return 0
