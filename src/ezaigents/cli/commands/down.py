"""`ez down`: stop the fleet of this data folder."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ezaigents.settings import Settings

_SAY_EVERY_S = 3.0


@click.command("down")
def command() -> int:
    """Stop the fleet of this data folder.

    Running tasks get the grace of the settings (30 s) to end; the others are kept for the next `ez up`.
    """
    from ezaigents.backup import left_behind
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.talk import say
    from ezaigents.engine import find_orphan, stop_orphan

    settings = settings_here()
    hosts, elsewhere = _hosts_here(settings)
    for pid in hosts.values():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    left = _wait(settings, hosts)
    for name, pid in hosts.items():
        if name not in left:
            say(f"host {name} (process {pid}) has stopped")
    for name, pid in left.items():
        say(f"ez: host {name} (process {pid}) is still stopping; `kill -9 {pid}` ends it, and nothing is lost")
    if left:
        return 1
    orphan = find_orphan(settings)
    if orphan:
        stop_orphan(settings)
        say(f"the engine (process {orphan}), which had no host, has stopped")
    staged = left_behind(settings)
    left_engine = find_orphan(staged) if staged else None
    if staged and left_engine:
        stop_orphan(staged)
        say(f"the engine (process {left_engine}) of a restore that was cut short has stopped")
    if elsewhere:
        return 1
    if not hosts and not orphan and not left_engine:
        say(f"nothing runs on {settings.home}")
    return 0


def _hosts_here(settings: Settings) -> tuple[dict[str, int], bool]:
    """The living hosts that are processes of this machine, and whether there are others.

    A number in a lock file is no proof: it may be a process of another container, or of another program by now.
    """
    from ezaigents.cli.talk import say
    from ezaigents.engine import holds_open, living_hosts

    found, elsewhere = {}, False
    for name, pid in living_hosts(settings.home_path).items():
        if pid and holds_open(pid, settings.home_path / "hosts" / f"{name}.lock"):
            found[name] = pid
        else:
            elsewhere = True
            say(f"ez: host {name} lives, and not as a process of this machine that we may end; stop it where it runs")
    return found, elsewhere


def _wait(settings: Settings, hosts: dict[str, int]) -> dict[str, int]:
    """Wait until the hosts have ended; returns those that have not."""
    from ezaigents.cli.processes import wait_for_ends
    from ezaigents.cli.talk import say

    until = time.monotonic() + settings.grace_s + settings.lease_s + 10
    left = set(hosts.values())
    while left and time.monotonic() < until:
        left = wait_for_ends(left, min(_SAY_EVERY_S, max(0.0, until - time.monotonic())))
        if left:
            rest = max(0.0, until - time.monotonic())
            say(f"waiting for running tasks to end ({rest:.0f} s at most) ...")
    return {name: pid for name, pid in hosts.items() if pid in left}
