"""`ez deny`: do not let tasks do what they ask for."""

from __future__ import annotations

import click


@click.command("deny")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--why", metavar="TEXT", default="", help="Words for its agent, which goes on without what it asked for.")
def command(ids: tuple[str, ...], why: str) -> int:
    """Deny tasks what they wait for, and print exactly what was denied.

    Leaves with 1 when one of them asks nothing.
    """
    from ezaigents.cli.deciding import decide_and_tell
    from ezaigents.records import Approval

    return decide_and_tell(ids, Approval.DENY, why)
