"""`ez monitor`: what the fleet uses, as it goes on."""

from __future__ import annotations

import click

from ezaigents.cli.options import json_option, number


@click.command("monitor")
@click.option("--interval", type=number(0.5, 3600), default=5.0, metavar="SECONDS", help="Between two looks (5).")
@click.option("--once", is_flag=True, help="Look once, over a second, and leave; with 1 when an alarm is raised.")
@click.option(
    "--alarm",
    "alarms",
    multiple=True,
    metavar="NAME=LIMIT",
    help="Say when this is passed: rss=200MB, cpu=50%, engine=80%, net=1MB/s, waiting=100, wait=10min, dead=10; "
    "NAME=off takes one away. May be repeated.",
)
@click.option("--prometheus", is_flag=True, help="Print one look as OpenMetrics text, and leave.")
@json_option
def command(interval: float, once: bool, alarms: tuple[str, ...], prometheus: bool, as_json: bool) -> int:
    """Show memory, processor time, network, the engine's keys, the queue and alarms of this fleet.

    On a terminal the tables are drawn over and over until Ctrl-C; in a pipe each look is a block, with --json a line.
    Leaves with 3 when no fleet runs on the data folder.
    """
    import asyncio

    from ezaigents.cli.monitoring import watch
    from ezaigents.monitor import limits_of

    limits = limits_of(alarms)
    if not prometheus:
        return asyncio.run(watch(interval, limits, once=once, as_json=as_json))
    if once or as_json or alarms:
        raise click.UsageError("--prometheus is a form of its own: leave --once, --json and --alarm away")
    from ezaigents.cli.exposing import expose

    asyncio.run(expose())
    return 0
