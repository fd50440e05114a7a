"""`ez backup`: the data folder and the engine's state as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.backup import Made

_NICE = 10
"""The fleet's work goes first: on a busy machine its engine waited up to 250 ms for a backup of equal rank."""


@click.command("backup")
@click.argument("file", required=False, type=click.Path())
@json_option
def command(file: str | None, as_json: bool) -> int:
    """Back up the tasks and the data folder into FILE, also while the fleet works.

    FILE must not be there yet; unless it is named, a new one in the data folder's `backups/` is made. It holds no
    secrets: passwords, tokens and keys are left out, and so are working copies and logs. What is left out is said.
    """
    import os
    from pathlib import Path

    from ezaigents.backup import make_backup
    from ezaigents.cli.counting import counting_bytes
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import show_json, show_line

    os.nice(_NICE)
    made = make_backup(settings_here(), Path(file) if file else None, progress=counting_bytes("written"))
    if as_json:
        show_json(made)
    else:
        _say(made)
        show_line(made.file)
    return 0


def _say(made: Made) -> None:
    from ezaigents.cli.talk import say
    from ezaigents.codec import counted, printable

    secret = [left.name for left in made.left_out if left.why.startswith("secret")]
    if secret:
        say(f"left out, because secret: {', '.join(secret)}")
    for left in made.left_out:
        if left.name not in secret:
            say(f"left out: {printable(left.name)} ({left.why})")
    state = "" if made.engine else ", and the engine has none yet"
    say(f"backed up {counted(made.members, 'file')}, {made.size_bytes / 1e6:,.1f} MB, in {made.took_s:.1f} s{state}")
