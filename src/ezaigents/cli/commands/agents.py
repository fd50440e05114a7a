"""`ez agents`: who there is, and whether they can work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.client import AgentPresence

_UNREACHABLE = 3


@click.command("agents")
@json_option
def command(as_json: bool) -> int:
    """List the agents of the running fleet, whether they can work, and how they are.

    Leaves with 3 when no host lives: then they are shown as gone.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say

    rows = ask_fleet(lambda client: client.agents())
    lives = any(row.health != "gone" for row in rows)
    if not lives:
        say("ez: no host lives; its tasks are safe; start one with `ez up`")
    if as_json:
        show_json({"agents": rows})
        return 0 if lives else _UNREACHABLE
    columns = [
        Column("Agent"),
        Column("Health"),
        Column("Busy", right=True),
        Column("Slots", right=True),
        Column("State", text=True),
        Column("Can do", text=True),
    ]
    cells = [
        [row.name, row.health, str(row.busy), str(row.slots), _state(row), ", ".join(row.capabilities)] for row in rows
    ]
    show_table(columns, cells)
    return 0 if lives else _UNREACHABLE


def _state(row: AgentPresence) -> str:
    """Whether it can work, and what ails it where that is not said yet."""
    return f"{row.state} ({row.why})" if row.why and row.health == "degraded" else row.state
