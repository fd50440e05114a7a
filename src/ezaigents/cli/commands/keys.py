"""`ez keys`: the providers' keys: which are there, and setting them. No part of a key is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from pathlib import Path

_AGENTS = {"anthropic": "claude", "openai": "gpt", "deepseek": "deepseek", "mistral": "mistral", "gemini": "gemini"}
"""The agents that come with Ez Aigents and ask these providers first."""
_INPUT_MOST_BYTES = 1024 * 1024


@click.group("keys", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show which providers have a key, and where it is from.

    Keys come from each provider's own environment variables, and from `ez keys set`. A running fleet takes up what is
    set here at once; what is in its environment is what was there when it started.
    """
    if context.invoked_subcommand is None:
        _list(as_json)
    elif as_json:
        raise click.UsageError("--json goes with the list, not with what changes it")


@command.command("set")
@click.argument("provider")
def set_(provider: str) -> None:
    """Keep keys of PROVIDER, read from standard input, one a line; they replace those kept before.

    They are written to a file that only you can read. On a terminal you are asked, and nothing is shown.
    """
    from ezaigents.cli.talk import say
    from ezaigents.providers import write_keys

    path = _path_of(provider)
    keys = _typed(provider)
    write_keys(path, keys)
    _tell_hosts()
    agent = _AGENTS.get(provider)
    count = "a key" if len(keys) == 1 else f"{len(keys)} keys"
    use = (
        f"; the agent {agent} can work with it" if agent else f"; agents whose model is {provider}:... can work with it"
    )
    say(f"kept {count} for {provider} in {path}{use}")


@command.command("forget")
@click.argument("provider")
def forget(provider: str) -> None:
    """Remove what `ez keys set PROVIDER` kept. Keys in the environment are not touched."""
    from ezaigents.cli.talk import say
    from ezaigents.providers import forget_keys

    path = _path_of(provider)
    gone = forget_keys(path)
    _tell_hosts()
    say(f"forgot the keys for {provider} that were in {path}" if gone else f"no key was kept for {provider}")


def _tell_hosts() -> None:
    """Have the hosts of this data folder look at once; those of others look by themselves within 15 seconds."""
    from contextlib import suppress

    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.errors import EzError

    with suppress(EzError):
        ask_fleet(lambda client: client.tell_hosts("keys"))


def _list(as_json: bool) -> None:
    from msgspec.structs import asdict

    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say
    from ezaigents.client import key_rows

    rows = key_rows(settings_here())
    if as_json:
        show_json({"keys": [asdict(row) for row in rows]})
        return
    columns = [Column("Provider"), Column("Keys", right=True), Column("State"), Column("From", text=True)]
    show_table(columns, [[row.provider, str(row.count or ""), row.state, ", ".join(row.sources)] for row in rows])
    for row in rows:
        if row.problem:
            say(row.problem)
    if not any(row.count for row in rows):
        say("no key is set; `ez keys set PROVIDER` keeps one (the local agent needs none)")


def _path_of(provider: str) -> Path:
    """The file of a provider's keys. Raises InputError when there is no such provider."""
    import os

    from ezaigents.cli.fleet import settings_here
    from ezaigents.providers import KEYS_FOLDER, real_catalogue

    settings = settings_here()
    name = real_catalogue(settings, os.environ).provider(provider).name
    return settings.config_path / KEYS_FOLDER / name


def _typed(provider: str) -> list[str]:
    import sys

    if sys.stdin.isatty():
        text = click.prompt(f"key for {provider} (not shown)", hide_input=True, err=True)
    else:
        text = sys.stdin.buffer.read(_INPUT_MOST_BYTES).decode("utf-8", "replace")
    return [key for line in str(text).splitlines() for one in line.split(",") if (key := one.strip())]
