"""`ez locks`: who holds which files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.client import Locks


@click.command("locks")
@json_option
def command(as_json: bool) -> int:
    """Show the file leases that are held, and who waits for some.

    A lease ends by itself when its task ends, when its host dies, or at its time.
    """
    from msgspec.structs import asdict

    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.show import show_json
    from ezaigents.cli.talk import say

    locks = ask_fleet(lambda client: client.operator.locks())
    if as_json:
        show_json({"held": [asdict(row) for row in locks.held], "waiting": [asdict(row) for row in locks.waiting]})
    elif not locks.held and not locks.waiting:
        say("no file leases are held")
    else:
        _show(locks)
    return 0


def _show(locks: Locks) -> None:
    from ezaigents.cli.show import Column, show_line, show_table

    now_ms = time.time() * 1000
    columns = [Column("Files", path=True), Column("Task"), Column("For"), Column("Held", right=True), Column("Ends in")]
    rows = [
        [row.pattern, row.task, row.verb, _seconds(now_ms - row.since_ms), _seconds(row.until_ms - now_ms)]
        for row in locks.held
    ]
    show_table(columns, rows, title="Held")
    if locks.waiting:
        show_line()
        waiting = [Column("Files", path=True), Column("Task"), Column("Waits", right=True), Column("For task")]
        rows = [
            [", ".join(row.patterns), row.task, _seconds(now_ms - row.since_ms), row.blocked_by]
            for row in locks.waiting
        ]
        show_table(waiting, rows, title="Waiting")


def _seconds(span_ms: float) -> str:
    return f"{max(0.0, span_ms) / 1000:.1f} s"
