"""`ez restore`: a backup into an empty data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.backup import Restored


@click.command("restore")
@click.argument("file", type=click.Path())
@json_option
def command(file: str, as_json: bool) -> int:
    """Restore the backup FILE into the data folder, which must be empty or not there.

    All of FILE is verified before anything is written. Tasks that were at work when it was made are ready again;
    `ez up` goes on with them. Cut short, it leaves nothing, or what `ez restore` begins anew.
    """
    from pathlib import Path

    from ezaigents.backup import restore_backup
    from ezaigents.cli.counting import counting_bytes
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import show_json, show_line

    counting = {word: counting_bytes(word) for word in ("verified", "restored")}
    restored = restore_backup(settings_here(), Path(file), progress=lambda word, done: counting[word](done))
    if as_json:
        show_json(restored)
    else:
        _say(restored)
        show_line(restored.home)
    return 0


def _say(restored: Restored) -> None:
    import time

    from ezaigents.cli.talk import say
    from ezaigents.codec import counted

    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(restored.made_ms / 1000))
    handed_back = f", {counted(restored.released, 'task')} at work then and ready again" if restored.released else ""
    say(f"restored the state of {made}: {counted(restored.tasks, 'task')}{handed_back}, in {restored.took_s:.1f} s")
    for note in restored.notes:
        say(note)
    say("access and working copies are not in a backup; `ez up` starts the fleet")
