"""`ez agents`: who there is, and whether they can work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from pathlib import Path

    from ezaigents.client import AgentPresence

_UNREACHABLE = 3


@click.command("agents")
@click.option(
    "--trust",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Let an agent file, or ezaigents.toml, of the workspace take effect as it is now.",
)
@json_option
def command(files: tuple[str, ...], as_json: bool) -> int:
    """List the agents of the running fleet, whether they can work, and how they are.

    A workspace may bring agents of its own (`.ezaigents/agents/*.md`) and tables of providers (ezaigents.toml); they
    come from whoever wrote it, and take effect once you have looked at them and trust their content.

    Leaves with 3 when no host lives: then they are shown as gone.
    """
    if files:
        return _trust(files)
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
    for fault in _without_effect():
        say(f"note: {fault}")
    return 0 if lives else _UNREACHABLE


def _without_effect() -> list[str]:
    """Agent files that a host started here would not use, and why."""
    from ezaigents.agents.roster import load_roster
    from ezaigents.cli.fleet import settings_here
    from ezaigents.trust import Trust

    settings = settings_here()
    return load_roster(settings, Trust(settings.config_path).is_trusted).without_effect()


def _state(row: AgentPresence) -> str:
    """Whether it can work, who answers for it, and what ails it where that is not said yet."""
    state = f"{row.state}, simulated" if row.simulated and row.state == "ready" else row.state
    return f"{state} ({row.why})" if row.why and row.health == "degraded" else state


def _read(path: Path) -> bytes:
    """A regular file's content; a pipe or device is not waited for. Raises OSError, InputError."""
    import os
    import stat

    from ezaigents.errors import InputError

    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError("--trust", f"{path} is no regular file")
        return file.read(1024 * 1024)


def _trust(files: tuple[str, ...]) -> int:
    """Remember what the files hold now. A host that runs learns of agents when it starts again."""
    import os
    from pathlib import Path

    from ezaigents.cli.talk import say
    from ezaigents.errors import InputError
    from ezaigents.settings import config_home
    from ezaigents.trust import Trust

    trust = Trust(config_home(os.environ))  # not from the settings: what they say may be what is to be trusted
    for name in files:
        path = Path(name).absolute()
        if path.name != "ezaigents.toml" and path.suffix != ".md":
            raise InputError("--trust", f"{path} is neither an agent file (NAME.md) nor ezaigents.toml")
        try:
            data = _read(path)
        except OSError as error:
            raise InputError("--trust", f"{path} cannot be read ({error.strerror})") from error
        trust.add(path, data)
        say(f"trusted as it is now: {path}; a fleet that runs takes it up after `ez down` and `ez up`")
    return 0
