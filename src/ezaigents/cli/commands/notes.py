"""`ez notes`: what users and agents learned about this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.team import Notes


@click.group("notes", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, write and change the notes on this workspace.

    Agents are told of them. A note has 500 bytes at most, and is dropped after `note_days` days unless it is pinned.
    """
    if context.invoked_subcommand is None:
        _list(as_json)
    elif as_json:
        raise click.UsageError("--json goes with the list, not with what changes it")


@command.command("add")
@click.argument("text")
@click.option("--pin", is_flag=True, help="Keep it until it is unpinned or removed.")
def add(text: str, pin: bool) -> None:
    """Write a note down, and print its id; TEXT `-` is read from standard input."""
    from ezaigents.cli.prompt import prompt_from
    from ezaigents.cli.show import show_line
    from ezaigents.team import USER

    words = prompt_from(text, "text")
    notes, place = _notes()
    show_line(notes.add(place, words, author=USER, pinned=pin).id)


@command.command("edit")
@click.argument("note_id", metavar="ID")
@click.argument("text")
def edit(note_id: str, text: str) -> None:
    """Give a note another text; you are its author then. TEXT `-` is read from standard input."""
    from ezaigents.cli.prompt import prompt_from
    from ezaigents.team import USER

    words = prompt_from(text, "text")
    notes, place = _notes()
    notes.edit(place, note_id, words, author=USER)


@command.command("pin")
@click.argument("note_id", metavar="ID")
def pin(note_id: str) -> None:
    """Keep a note until it is unpinned or removed."""
    notes, place = _notes()
    notes.pin(place, note_id)


@command.command("unpin")
@click.argument("note_id", metavar="ID")
def unpin(note_id: str) -> None:
    """Let a note be dropped, `note_days` days from now."""
    notes, place = _notes()
    notes.unpin(place, note_id)


@command.command("remove")
@click.argument("note_id", metavar="ID")
def remove(note_id: str) -> None:
    """Forget a note."""
    notes, place = _notes()
    notes.remove(place, note_id)


def _list(as_json: bool) -> None:
    from msgspec.structs import asdict

    from ezaigents.cli.rows import moment
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say

    notes, place = _notes(make=False)
    found = notes.all(place)
    if as_json:
        show_json({"notes": [asdict(note) for note in found]})
    elif not found:
        say("no notes; write one with `ez notes add TEXT`")
    else:
        columns = [Column("Note"), Column("Pinned"), Column("Author"), Column("When"), Column("Text", text=True)]
        rows = [[n.id, "yes" if n.pinned else "", n.author, moment(n.at_ms), n.text] for n in found]
        show_table(columns, rows)


def _notes(*, make: bool = True) -> tuple[Notes, str]:
    """The notes and the place we stand in. `make`: make the data folder where no fleet was ever started."""
    from ezaigents.cli.fleet import settings_here
    from ezaigents.clock import SystemClock
    from ezaigents.home import home_id, open_home
    from ezaigents.team import Notes
    from ezaigents.workspace import place_id

    home = (settings := settings_here()).home_path
    identity = open_home(home) if make else home_id(home)
    return Notes(home / "notes", SystemClock(), keep_days=settings.note_days), place_id(identity, settings.workspace)
