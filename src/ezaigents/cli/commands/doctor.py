"""`ez doctor`: check this machine and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.cli.health import Check

FAILED = 1


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Check this machine and say what to do.

    Leaves with 1 when something must be mended before a fleet can work. Keys are looked for by name; their values
    are never shown.
    """
    from ezaigents.cli.show import Column, show_json, show_line, show_table

    checks = list(_look())
    if as_json:
        show_json({"checks": checks})
    else:
        columns = [Column("Verdict"), Column("What"), Column("Finding", text=True)]
        show_table(columns, [[check.verdict, check.name, check.finding] for check in checks])
        for check in checks:
            if check.advice:
                show_line(f"{check.verdict}: {check.name}: {check.finding}\n      {check.advice}")
    return FAILED if any(check.verdict == "fail" for check in checks) else 0


def _look() -> Iterator[Check]:
    from ezaigents.cli import health
    from ezaigents.cli.fleet import settings_here
    from ezaigents.errors import ConfigError

    yield from health.check_python()
    try:
        settings = settings_here()
    except ConfigError as error:
        yield from health.check_settings(error, None)
    else:
        yield from health.check_settings(None, settings)
        yield from health.check_engine_program(settings)
        yield from health.check_data_folder(settings)
        yield from health.check_fleet(settings)
        yield from health.check_restore(settings)
        yield from health.check_agent_files(settings)
        yield from health.check_sandbox(settings)
        yield from health.check_local_endpoints(settings)
    yield from health.check_keys()
    yield from health.check_programs()
