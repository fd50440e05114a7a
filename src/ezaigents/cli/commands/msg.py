"""`ez msg`: write to agents, and see what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import complete_agent, json_option

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.team import Message


@click.command("msg")
@click.argument("to", metavar="[TO]", required=False, shell_complete=complete_agent)
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--type", "kind", metavar="WORD", default="note", show_default=True, help="What sort of message it is.")
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@json_option
def command(to: str | None, text: str | None, kind: str, follow: bool, as_json: bool) -> int:
    """Write TEXT to an agent, and see the conversation.

    TO is an agent, `+capability` for all that have it, or `all`; `-` as TEXT reads it from standard input.
    Without TEXT the messages of the last hour are shown; with TO, those to or from any agent that it stands for.
    An agent reads its messages while it works on a task; those that nobody has read are kept for an hour. A message
    tells an agent something; it never lifts a limit.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.prompt import prompt_from
    from ezaigents.cli.talk import say

    words = prompt_from(text, "text") if text is not None else None
    if words is not None and to is not None:
        sent = ask_fleet(lambda client: client.operator.write_to(to, words, kind=kind))
        for line in sent:
            say(line)
        if not follow:
            return 0
    ask_fleet(lambda client: _show(client, to or "", follow=follow, as_json=as_json))
    return 0


async def _show(client: Client, of: str, *, follow: bool, as_json: bool) -> None:
    async for message in client.operator.conversation(of, follow=follow):
        _show_one(message, as_json=as_json)


def _show_one(message: Message, *, as_json: bool) -> None:
    import sys

    from ezaigents.cli.rows import moment
    from ezaigents.cli.show import show_json_line, show_line
    from ezaigents.codec import printable

    if as_json:
        show_json_line(message)
        return
    sender = f"{message.sender} (task {message.task})" if message.task else message.sender
    kind = "" if message.type == "note" else f" [{printable(message.type)}]"
    lines = message.data.splitlines() or [""]
    show_line(f"{moment(message.at_ms)}  {printable(sender)} to {printable(message.to)}{kind}: {printable(lines[0])}")
    for line in lines[1:]:
        show_line(f"    {printable(line)}")
    sys.stdout.flush()
