"""`ez approve`: let tasks do what they ask for."""

from __future__ import annotations

import click


@click.command("approve")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def command(ids: tuple[str, ...]) -> int:
    """Let tasks that wait for a person go on, and print exactly what was allowed.

    It holds for this task and this question. Leaves with 1 when one of them asks nothing.
    """
    from ezaigents.cli.deciding import decide_and_tell
    from ezaigents.records import Approval

    return decide_and_tell(ids, Approval.APPROVE)
