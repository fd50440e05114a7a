"""`ez replay`: a recorded task run again, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.agents.model.replay import Replayed

_SHOWN_LINES = 12


@click.command("replay")
@click.argument("id", metavar="ID")
@click.option(
    "--keep", metavar="FOLDER", type=click.Path(), help="Leave the files of the replay there; an empty folder."
)
@json_option
def command(id: str, keep: str | None, as_json: bool) -> int:  # noqa: A002 - the name of the argument
    """Run a task again that was handed in with `ez run --record`, and compare.

    The files of the workspace as they were then, and what the models answered then, are taken from the record: no
    model is asked, nothing is paid, no fleet is needed, and your workspace is not touched. Leaves with 1 where a tool
    answered otherwise, or the patch is another one.
    """
    import asyncio
    import tempfile
    from pathlib import Path

    import msgspec

    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import show_json
    from ezaigents.client import check_ids
    from ezaigents.errors import InputError
    from ezaigents.wiring.replaying import replay
    from ezaigents.workspace import PATCH_FILE

    task_id = check_ids([id])[0]
    with tempfile.TemporaryDirectory(prefix="ez-replay-") as made:
        folder = Path(keep) if keep else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError("--keep", f"{folder} is not empty; name a new folder")
        replayed = asyncio.run(replay(settings_here(), task_id, folder.absolute()))
        if not keep:
            replayed = msgspec.structs.replace(replayed, patch=PATCH_FILE if replayed.patch else "")
        if as_json:
            show_json({"task": task_id, "same": replayed.is_same, "replay": replayed})
        else:
            _show(task_id, replayed)
    return 0 if replayed.is_same else 1


def _show(task_id: str, replayed: Replayed) -> None:
    from ezaigents.cli.show import show_line
    from ezaigents.codec import counted, printable

    if replayed.is_same:
        patch = "the same patch" if replayed.patch else "no patch, as then"
        show_line(f"{task_id}: {counted(replayed.steps, 'step')} replayed, {patch}")
        return
    differences = counted(len(replayed.differences), "difference")
    show_line(f"{task_id}: {counted(replayed.steps, 'step')} replayed, with {differences}")
    for one in replayed.differences:
        show_line(f"  step {one.step}, {one.what}:" if one.step else f"  {one.what}:")
        for sign, text in (("then", one.then), ("now ", one.now)):
            for line in text.splitlines()[:_SHOWN_LINES]:
                show_line(f"    {sign} {printable(line)}")
