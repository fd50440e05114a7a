"""`ez token`: who may use the HTTP API."""

from __future__ import annotations

import click

from ezaigents.access import Role
from ezaigents.cli.options import json_option, whole

_GONE = 1


@click.group("token", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Give programs access to the HTTP API, and take it back.

    Without a command, lists who has access: tokens of programs, and sessions of browsers. The host's own token, for
    programs on this machine that may do everything, is in the file `token` of the data folder.
    """
    if context.invoked_subcommand is None:
        _list(as_json)
    elif as_json:
        raise click.UsageError("--json goes after the command")


@command.command("create")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="Look, or also steer, or everything.",
)
@click.option("--name", metavar="NAME", required=True, help="What it is for, as `ez token list` shows it.")
@click.option("--days", metavar="N", type=whole(1, 3650), help="Good for so many days; else until it is taken back.")
@json_option
def create(role: str, name: str, days: float | None, as_json: bool) -> None:
    """Make a token, and print it. It is kept nowhere: whoever loses it makes another one."""
    from ezaigents.access import Access
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import show_json, show_line
    from ezaigents.cli.talk import say
    from ezaigents.home import open_home

    home = settings_here().home_path
    open_home(home)
    given = Access(home).give(Role(role), name, days=int(days or 0))
    if as_json:
        show_json({"id": given.grant.id, "role": role, "name": name, "token": given.text})
        return
    say(f"token {given.grant.id} for {name}, which may {_MAY[Role(role)]}; this is the only time it is shown:")
    show_line(given.text)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List who has access."""
    _list(as_json)


@command.command("revoke")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def revoke(ids: tuple[str, ...]) -> int:
    """Take access back; it ends at once. Leaves with 1 when one of them was not there."""
    from ezaigents.access import Access
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.talk import say
    from ezaigents.codec import printable

    access = Access(settings_here().home_path)
    code = 0
    for one in ids:
        if access.revoke(one):
            say(f"taken back: {one}")
        else:
            say(f"no token or session {printable(one[:80])}; `ez token list` lists them")
            code = _GONE
    return code


_MAY = {Role.READ: "look at everything", Role.OPERATE: "look, hand in and steer", Role.ADMIN: "do everything"}


def _list(as_json: bool) -> None:
    from ezaigents.access import Access
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.rows import moment
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say

    grants = Access(settings_here().home_path).all()
    if as_json:
        keys = ("id", "kind", "role", "name", "made_ms", "ends_ms")
        show_json({"tokens": [{key: getattr(grant, key) for key in keys} for grant in grants]})
        return
    if not grants:
        say("nobody has access; `ez token create` makes a token, `ez open` a link for a browser")
        return
    columns = [Column("ID"), Column("Kind"), Column("Role"), Column("Made"), Column("Ends"), Column("Name", text=True)]
    rows = [
        [
            grant.id,
            grant.kind.value,
            grant.role.value,
            moment(grant.made_ms),
            moment(grant.ends_ms) or "never",
            grant.name,
        ]
        for grant in grants
    ]
    show_table(columns, rows)
