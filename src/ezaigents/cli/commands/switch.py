"""`ez switch`: the optimisations, each on or off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.settings import Settings

_ALL = "all"
_POSITIONS: dict[str, bool | None] = {"on": True, "off": False, "default": None}


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ezaigents.optimize import SWITCHES

    words = [*((switch.name, switch.saves) for switch in SWITCHES), (_ALL, "every one of them")]
    return [CompletionItem(name, help=about) for name, about in words if name.startswith(incomplete)]


@click.command("switch")
@click.argument("name", required=False, shell_complete=_names)
@click.argument("position", required=False, type=click.Choice(list(_POSITIONS)))
@json_option
def command(name: str | None, position: str | None, as_json: bool) -> int:
    """Show the optimisations, or turn one (or `all`) on or off for this data folder.

    Each has a plain alternative that does the same at a higher price, to be compared with or fallen back on. Some take
    effect at once, the others when the hosts start again. `default` takes a choice back. The environment (EZ_...)
    outranks what is chosen here, and this outranks ezaigents.toml.
    """
    from msgspec import to_builtins

    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.optimize import switch_rows

    if name is not None:
        if position is None:
            raise click.UsageError(f"say what {name} is to be: `ez switch {name} on`, off or default")
        _choose(name, _POSITIONS[position])
    rows = switch_rows(settings_here())
    if as_json:
        show_json({"switches": [_shown(to_builtins(row)) for row in rows]})
        return 0
    columns = [
        Column("Switch"),
        Column("Is"),
        Column("From"),
        Column("Takes effect"),
        Column("What happens", text=True),
    ]
    table = [
        [
            row.name,
            "on" if row.on else "off",
            row.source,
            "at once" if row.at_once else "at the next start",
            row.optimised if row.on else row.plain,
        ]
        for row in rows
    ]
    show_table(columns, table)
    return 0


def _shown(row: dict[str, object]) -> dict[str, object]:
    """What a command knows: not what a running host has."""
    return {key: value for key, value in row.items() if key != "waits"}


def _choose(name: str, on: bool | None) -> None:
    """Choose, tell the hosts, and say what comes of it."""
    import os

    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.talk import say
    from ezaigents.home import open_home
    from ezaigents.optimize import SWITCHES, choose, find_switch

    settings = settings_here()
    chosen = SWITCHES if name == _ALL else (find_switch(name),)
    open_home(settings.home_path)
    for switch in chosen:
        choose(settings.home_path, switch, on)
    told = _tell_hosts(settings)
    for switch in chosen:
        if os.environ.get(switch.variable):
            say(f"{switch.name}: {switch.variable} is set in this environment, and outranks the choice where it is")
        elif told and (on is None or not switch.is_live):
            say(f"{switch.name}: the running hosts keep what they have until they start again (`ez down`, `ez up`)")


def _tell_hosts(settings: Settings) -> int:
    """Have every host of this data folder look what is chosen now; returns how many heard."""
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.talk import say
    from ezaigents.engine import living_hosts
    from ezaigents.errors import EzError

    try:
        return ask_fleet(lambda client: client.tell_hosts("switches"))
    except EzError as error:
        if living_hosts(settings.home_path):  # else their next start reads what is chosen
            say(f"the choice is kept, and the hosts could not be told ({error}); type it again once the fleet answers")
        return 0
