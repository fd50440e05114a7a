"""`ez status`: whether the fleet is ready, and what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ezaigents.client import AgentRow, Client, Status


@click.command("status")
@json_option
def command(as_json: bool) -> int:
    """Show whether the fleet is ready, and what it holds.

    Leaves with 3 when no fleet runs on the data folder.
    """
    from ezaigents.cli.fleet import ask_fleet, settings_here
    from ezaigents.cli.show import show_json, show_pairs
    from ezaigents.cli.talk import say
    from ezaigents.codec import printable
    from ezaigents.records import EVERYTHING

    status, paused, simulated, address = ask_fleet(_look)
    if as_json:
        show_json(status)
    else:
        queue = status.queue
        engine, host = status.engine, status.host
        show_pairs([
            ("ready", f"yes, in {status.started_in_s:.2f} s" if status.ready else "no"),
            ("host", f"{host.name}, process {host.pid}, {_mb(host.rss_bytes)}" if host.name else ""),
            ("engine", f"{engine.kind} {engine.version}, {_mb(engine.used_memory_bytes)}"),
            ("durability", engine.durability),
            ("agents", ", ".join(_agents(status.agents))),
            ("models", "simulated: none is asked, nothing is paid" if simulated else ""),
            ("paused", "everything" if EVERYTHING in paused else ", ".join(printable(name) for name in paused)),
            ("open", _numbers(queue, ("ready", "leased", "delayed", "blocked"))),
            ("ended", _numbers(queue, ("done", "dead", "cancelled", "skipped"))),
            ("dashboard", address),
            ("data", settings_here().home),
        ])  # fmt: skip
    if not status.ready:
        say("ez: an engine lives and no host does; its tasks are safe; start one with `ez up`")
        return 3
    return 0


async def _look(client: Client) -> tuple[Status, list[str], bool, str]:
    """The figures, who is paused, whether a simulator answers for models, and where the dashboard is."""
    from ezaigents.api import address_of
    from ezaigents.cli.reached import site_port

    agents = await client.agents()
    simulated = any(agent.simulated for agent in agents)
    port = site_port(client.settings.home_path, await client.hosts())
    address = address_of(client.settings, port) if port else ""
    return await client.status(agents), sorted(await client.queue.paused()), simulated, address


def _agents(rows: Iterable[AgentRow]) -> list[str]:
    """Those that can work, and those that could if they were not paused."""
    words = {"ready": "{0.name} ({0.busy} of {0.slots} busy)", "paused": "{0.name} (paused)"}
    return [words[row.state].format(row) for row in rows if row.state in words]


def _numbers(queue: dict[str, int], states: tuple[str, ...]) -> str:
    return ", ".join(f"{queue[state]:,} {state}" for state in states)


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB"
