"""`ez legacy`: from the old Node.js system to this one, step by step, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ezaigents.cli.options import json_option

_F = TypeVar("_F", bound=Callable[..., Any])
_NOT_ALL = 1


def _old_server(option: str) -> Callable[[_F], _F]:
    """The options that name the old server."""

    def add(function: _F) -> _F:
        for one in (
            click.option(
                "--tls-ca",
                metavar="FILE",
                default="",
                help="Whom to trust, for rediss://; else whom the system trusts.",
            ),
            click.option("--password-file", metavar="FILE", default="", help="Its password; `-`: standard input."),
            click.option(
                option, "url", metavar="URL", required=True, help="The old system's Redis: redis://HOST:PORT."
            ),
        ):
            function = one(function)
        return function

    return add


_mapping = click.option(
    "--map", "maps", metavar="QUEUE=AGENT", multiple=True, help="Who does the tasks of a queue; may be repeated."
)


@click.group("legacy", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Move over from the old Node.js system, work beside it, and go back.

    The order is in docs/legacy.md. The old server is Redis 6.2 or newer.
    """
    if context.invoked_subcommand is None:
        raise click.UsageError("name what to do: import, bridge or rollback")


@command.command("import")
@_old_server("--from")
@_mapping
@click.option("--dry-run", is_flag=True, help="Only say what would be done; so it is without --yes.")
@click.option("--yes", is_flag=True, help="Write a backup, and import.")
@click.option("--delete-imported", is_flag=True, help="Afterwards, take out of the old server what was imported.")
@json_option
def import_(maps: tuple[str, ...], dry_run: bool, yes: bool, delete_imported: bool, as_json: bool, **where: str) -> int:
    """Make tasks of what waits in the old system's queues.

    Without --yes it only says what each key becomes. It can be run again at any time: nothing is imported twice.
    Leaves with 1 when something could not be imported.
    """
    from ezaigents.cli.moving import import_now, show_import

    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes exclude each other")
    if delete_imported and not yes:
        raise click.UsageError("--delete-imported goes with --yes")
    report = import_now(maps, go=yes, delete=delete_imported, **where)
    show_import(report, as_json=as_json)
    return _NOT_ALL if report.refused_count else 0


@command.command("bridge")
@_old_server("--from")
@_mapping
@click.option("--apply", "applies", is_flag=True, help="Put patches into the workspace as soon as they are made.")
@json_option
def bridge(maps: tuple[str, ...], applies: bool, as_json: bool, **where: str) -> int:
    """Do the tasks that old producers still queue, until Ctrl-C.

    Results are written to src/output/ and to the old server's keys, where the old system's readers look. Killed at any
    moment, it loses nothing: the next bridge goes on.
    """
    from ezaigents.cli.moving import bridge_until_ended
    from ezaigents.cli.show import show_json

    figures = bridge_until_ended(maps, applies=applies, **where)
    if as_json:
        show_json(figures)
    return 0


@command.command("rollback")
@_old_server("--to")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; so it is without --yes.")
@click.option("--yes", is_flag=True, help="End the tasks here, and put them back there.")
@json_option
def rollback(dry_run: bool, yes: bool, as_json: bool, **where: str) -> int:
    """Put unfinished tasks back into the old system's queues.

    Without --yes it only says which. It can be run again at any time: no task goes back twice. Leaves with 1 when a
    task stays, or still runs.
    """
    from ezaigents.cli.moving import roll_back, show_rollback

    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes exclude each other")
    report = roll_back(go=yes, **where)
    show_rollback(report, as_json=as_json)
    return _NOT_ALL if report.staying_count or report.running else 0
