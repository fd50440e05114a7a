"""`ez retry`: an operator's second chance."""

from __future__ import annotations

import click


@click.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--fresh", is_flag=True, help="Begin anew, instead of going on from what models have answered so far.")
@click.option(
    "--from",
    "from_step",
    metavar="STEP",
    type=click.IntRange(min=1),
    help="Go back to a step of `ez show --steps`: its answer and all that followed are forgotten. For one task.",
)
def command(ids: tuple[str, ...], fresh: bool, from_step: int | None) -> int:
    """Have tasks, or those of runs, that did not succeed tried again.

    An agent with a model goes on where its last attempt stopped: nothing that was paid for is paid for again. Takes
    dead, cancelled and skipped tasks, and done ones that are partial or whose patch is in conflict; they get all their
    attempts again. Others that are done, and open ones, stay as they are.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.talk import say
    from ezaigents.client import Client, check_ids, task_ids
    from ezaigents.errors import InputError
    from ezaigents.records import Answer

    checked = check_ids(ids)
    if from_step and fresh:
        raise InputError("--from", "goes back to a step, and --fresh to the beginning: give one of them")

    async def retry(client: Client) -> list[Answer]:
        chosen = await task_ids(client, checked)
        if from_step and len(chosen) != 1:
            raise InputError("--from", f"takes one task, not {len(chosen)}; name it by its own id")
        try:
            return await client.retry(chosen, fresh=fresh, from_step=from_step or 0)
        except InputError as error:
            raise InputError("--from" if error.field == "from_step" else error.field, error.message) from error

    answers = ask_fleet(retry)
    words = {
        Answer.OK: "will be tried again",
        Answer.STALE: "left as they are: done, or open",
        Answer.GONE: "purged: hand the job in again",
    }
    for answer, word in words.items():
        if number := answers.count(answer):
            say(f"{number:,} {word}")
    return 0
