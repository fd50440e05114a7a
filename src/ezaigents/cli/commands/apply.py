"""`ez apply`: put the patches of tasks into the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Collection

    from ezaigents.client import Client
    from ezaigents.patches import ApplyOutcome


_PATIENCE_S = 1.0
"""So long a wait for files needs no words."""


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
    from ezaigents.cli.show import show_json
    from ezaigents.client import check_ids

    checked = check_ids(ids)
    ends = ask_fleet(lambda client: _apply_all(client, checked, merge, quiet=as_json))
    if as_json:
        show_json({"applied": [_row(end) for end in ends if not isinstance(end, int)]})
    codes = [end if isinstance(end, int) else int(end.state != "applied") for end in ends]
    return max(codes, default=0)


async def _apply_all(client: Client, ids: list[str], merge: bool | None, *, quiet: bool) -> list[ApplyOutcome | int]:
    """Apply one after the other, saying each as it ends: its outcome, or the exit code of what kept it from that."""
    import asyncio

    from ezaigents.cli.failing import exit_code_of
    from ezaigents.cli.talk import say
    from ezaigents.client import task_ids
    from ezaigents.errors import EzError

    tasks = await client.tasks(await task_ids(client, ids))
    # Of a run those that have something to apply; a task that was named is asked for all the same.
    chosen = [task.id for task in tasks if task.id in ids or (task.patch and task.patch_state != "applied")]
    ends: list[ApplyOutcome | int] = []
    waiting = asyncio.ensure_future(_say_when_waiting(client, chosen))
    for task_id in chosen:
        try:
            outcome = await client.operator.apply(task_id, merge=merge)
        except EzError as error:
            ends.append(exit_code_of(error))
            continue
        ends.append(outcome)
        if not quiet:
            _say(outcome)
    waiting.cancel()
    if not chosen:
        say("nothing to apply: these tasks changed no files, or are applied already")
    return ends


async def _say_when_waiting(client: Client, task_ids: Collection[str]) -> None:
    """Say once that somebody else has the files."""
    import asyncio
    import contextlib

    from ezaigents.cli.talk import say
    from ezaigents.errors import EzError

    with contextlib.suppress(EzError):
        while True:
            await asyncio.sleep(_PATIENCE_S)
            behind = [one.task for one in (await client.operator.locks()).waiting if one.task in task_ids]
            if behind:
                say(f"the patch of task {behind[0]} waits for files that others have; `ez locks` shows who")
                return


def _row(outcome: ApplyOutcome) -> dict[str, object]:
    return {
        "task": outcome.task,
        "state": outcome.state.value,
        "written": list(outcome.written),
        "merged": list(outcome.merged),
        "conflicts": [{"path": path, "reason": reason} for path, reason in outcome.conflicts],
    }


def _say(outcome: ApplyOutcome) -> None:
    from ezaigents.cli.show import show_line
    from ezaigents.cli.talk import say
    from ezaigents.codec import counted, printable

    if outcome.state == "applied":
        merged = f", {len(outcome.merged):,} of them merged" if outcome.merged else ""
        show_line(f"{outcome.task}: applied, {counted(len(outcome.written), 'file')} written{merged}")
        return
    show_line(f"{outcome.task}: conflict, nothing was changed")
    for path, reason in outcome.conflicts:
        show_line(f"  {printable(path)}: {reason}")
    say(
        f"`ez show --diff {outcome.task}` shows the patch; `ez apply --merge {outcome.task}` keeps both changes "
        f"where they touch different lines; `ez retry {outcome.task}` has the task done again"
    )
