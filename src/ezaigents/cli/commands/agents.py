"""`ez agents`: who there is, and whether they can work."""

from __future__ import annotations

import click

from ezaigents.cli.options import json_option


@click.command("agents")
@json_option
def command(as_json: bool) -> int:
    """List the agents of the running fleet and whether they can work."""
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.show import Column, show_json, show_table

    rows = ask_fleet(lambda client: client.agents(), need_host=True)
    if as_json:
        show_json({"agents": rows})
        return 0
    columns = [Column("Agent"), Column("Busy", right=True), Column("Slots", right=True), Column("State", text=True)]
    show_table(columns, [[row.name, str(row.busy), str(row.slots), row.state] for row in rows])
    return 0
