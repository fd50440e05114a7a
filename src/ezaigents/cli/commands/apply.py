"""`ez apply`: put the patches of tasks into the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.patches import ApplyOutcome


@click.command("apply")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--merge/--no-merge",
    default=None,
    help="Keep both changes where a file was changed meanwhile in other lines; by default as the setting `merge` says.",
)
@json_option
def command(ids: tuple[str, ...], merge: bool | None, as_json: bool) -> int:
    """Put the patches of tasks, or of all tasks of runs, into the workspace.

    A patch is applied whole or not at all. Where a file is not what it was when the task read it, nothing is written:
    the patch is in conflict, and both versions are kept. An apply that was interrupted is brought to its end.

    `ez show --diff ID` shows a patch first.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.lookup import check_ids, task_ids
    from ezaigents.cli.show import show_json
    from ezaigents.client import Client

    checked = check_ids(ids)

    async def apply(client: Client) -> list[ApplyOutcome]:
        tasks = await client.tasks(await task_ids(client, checked))
        with_patch = [task.id for task in tasks if task.patch or task.id in checked]
        return [await client.operator.apply(task_id, merge=merge) for task_id in with_patch]

    outcomes = ask_fleet(apply)
    if as_json:
        show_json({"applied": [_row(outcome) for outcome in outcomes]})
    else:
        _say(outcomes)
    return 0 if all(outcome.state == "applied" for outcome in outcomes) else 1


def _row(outcome: ApplyOutcome) -> dict[str, object]:
    return {
        "task": outcome.task,
        "state": outcome.state.value,
        "written": list(outcome.written),
        "merged": list(outcome.merged),
        "conflicts": [{"path": path, "reason": reason} for path, reason in outcome.conflicts],
    }


def _say(outcomes: list[ApplyOutcome]) -> None:
    from ezaigents.cli.show import show_line
    from ezaigents.cli.talk import say
    from ezaigents.codec import printable

    if not outcomes:
        say("no patches: these tasks changed no files")
    for outcome in outcomes:
        if outcome.state == "applied":
            merged = f", {len(outcome.merged):,} of them merged" if outcome.merged else ""
            show_line(f"{outcome.task}: applied, {len(outcome.written):,} files written{merged}")
            continue
        show_line(f"{outcome.task}: conflict, nothing was changed")
        for path, reason in outcome.conflicts:
            show_line(f"  {printable(path)}: {reason}")
        say(
            f"`ez show --diff {outcome.task}` shows the patch; `ez apply --merge {outcome.task}` keeps both changes "
            f"where they touch different lines; `ez retry {outcome.task}` has the task done again"
        )
